"""What is told of a run in Markdown, made of the JSON that it printed."""

import json
from collections.abc import Callable
from typing import Any

from recipes.nano.ranking_table import write_table

_PICTURES = {
    "sheets": "{} example sheets",
    "tiles": "their {} tiles",
    "scenes": "{} scenes of the picture world",
}

_COMPARED = {
    "token": "one token of nine pictures",
    "pixels": "nine pictures of their tokens",
    "first_picture": "prompt to the first previews",
    "grid": "prompt to nine pictures",
}
_COPIES = ("copies", "file_copies")
_SERVED = (("drawings_a_minute", 0, ""), ("p50_seconds", 1, " s"), ("p95_seconds", 1, " s"), ("cpu_seconds", 2, " s"))
_PARTS = 6


def write_prompts(run: dict[str, Any]) -> str:
    """The line that benchmarks/safety.py prints about prompts."""
    return f"    {json.dumps({name: value for name, value in run.items() if name != 'machine'})}\n"


def write_pictures(run: dict[str, Any]) -> str:
    """What the NSFW network says of pictures that are fine."""
    rows = [
        [title.format(run[name]["pictures"]), *(str(run[name][column]) for column in ("median", "highest", "flagged"))]
        for name, title in _PICTURES.items()
        if name in run
    ]
    return write_table(["pictures", "median score", "highest", "flagged"], rows)


def write_first_contact(run: list[dict[str, Any]]) -> str:
    """What the rules did on lists that they had not seen."""

    def share(part: int, whole: int) -> str:
        return f"{100 * part / whole:.1f} %" if whole else ""

    rows = []
    for each in run:
        refuse, allow, mistaken = each["refuse"], each["allow"], each["mistaken"]
        refused, innocent = share(refuse - each["missed"], refuse), share(mistaken, allow)
        if misfiled := each.get("misfiled"):
            innocent += f"; {share(mistaken - misfiled, allow - misfiled)} without {misfiled} filed wrongly"
        rows.append([each["list"], str(refuse or ""), refused, str(allow or ""), innocent])
    return write_table(["list, as the rules first met it", "to refuse", "refused", "innocent", "refused"], rows)


def write_results(run: dict[str, Any]) -> str:
    """What recipes.nano.results measured on scenes."""
    titles = {
        "unseen_scenes": "scenes of a seed that training did not use",
        "held_out_combinations": "held-out combinations",
    }
    rows = [
        [
            title,
            f"{run[name]['psnr']:.1f} dB",
            f"{run[name]['codes_in_use']:,}",
            f"{run[name]['nats_per_token']:.2f}",
        ]
        for name, title in titles.items()
    ]
    return write_table(["", "VQGAN PSNR", "codes in use", "nats a token"], rows)


def write_costs(run: dict[str, Any]) -> str:
    """What benchmarks/ranking.py measured."""
    seconds = (f"{run[name]:.2f} s" for name in ("drawing_seconds", "ranking_seconds"))
    row = [f"`--model {run['model']}`", str(run["candidates"]), *seconds, f"{100 * run['share']:.1f} %"]
    return write_table(["", "candidates", "drawing", "ranking", "share"], [row])


def write_comparison(run: list[dict[str, Any]]) -> str:
    """What benchmarks/compare_min_dalle.py printed of one size, a table for each dtype of ours."""
    return "\n".join(map(_compare, run))


def _compare(line: dict[str, Any]) -> str:
    ours, peer, floor = line["ours"], line["min_dalle"], line["floor"]
    rows = [
        [
            title + (", computed" if name == "grid" and line["grid_is_computed"] else ""),
            _seconds(ours[name]["cpu_seconds"]),
            _seconds(peer[name]["cpu_seconds"]),
            f"{peer[name]['cpu_seconds'] / ours[name]['cpu_seconds']:.1f} ×",
            _seconds(ours[name]["seconds"]),
            _seconds(floor[name]) if name in floor else "",
        ]
        for name, title in _COMPARED.items()
    ]
    memory = [f"{each['peak_gib']:.2f} GiB" for each in (ours, peer)]
    rows.append(["peak memory", *memory, f"{peer['peak_gib'] / ours['peak_gib']:.1f} ×", "", ""])
    titles = ["CPU time", "min-dalle's", "ratio", "on the clock", "floor"]
    return write_table([f"{line['size']}, {line['dtype']}", *titles], rows)


def _seconds(value: float) -> str:
    return f"{value:,.0f} s" if value >= 1000 else f"{value:.3g} s"


def write_ablations(run: dict[str, Any]) -> str:
    """What benchmarks/ablations.py printed of one size."""
    rows = [
        [
            row["what"],
            *(f"{1000 * row[name]:,.0f} ms" for name in ("cpu_seconds", "cpu_seconds_without")),
            f"{row['times']:.2f} ×",
        ]
        for row in run["rows"]
    ]
    return write_table([f"{run['size']}: what is done", "CPU time", "without", "times"], rows)


def write_loading(run: dict[str, Any]) -> str:
    """What benchmarks/loading.py printed."""
    row = [run["size"], run["dtype"], f"{run['weights_gib']} GiB", *(str(run[name]) for name in _COPIES)]
    return write_table(["", "dtype", "weights", "own memory, in copies", "with the file's pages"], [row])


def write_memory(run: dict[str, Any]) -> str:
    """What benchmarks/memory.py printed."""
    parts = ("encoder", "decoder", "vqgan", "batch", "total")
    rows = [[f"{row['size']}, {row['dtype']}", *(f"{row[part]:.2f}" for part in parts)] for row in run["rows"]]
    return write_table(["GiB", "encoder", "decoder", "VQGAN", "while drawing", "in all"], rows)


def write_generate(run: dict[str, Any]) -> str:
    """What benchmarks/generate.py printed."""
    times = (f"{run[name]:.2f} s" for name in ("seconds", "draw_seconds", "decode_seconds", "cpu_seconds"))
    row = [f"`--model {run['model']}`, {run['images']} pictures", *times, f"{run['peak_megabytes']:.0f} MB"]
    return write_table(["", "grid", "tokens", "pixels", "CPU time", "peak memory"], [row])


def write_startup(run: dict[str, Any]) -> str:
    """What benchmarks/startup.py printed."""
    titles = {"cold": "nothing compiled yet", "warm": "programs in the compilation cache"}
    rows = [
        [
            title,
            *(f"{run[name][time]:.1f} s" for time in ("seconds", "cpu_seconds")),
            f"{run[name]['peak_megabytes']:.0f} MB",
        ]
        for name, title in titles.items()
    ]
    return write_table(["process start to the saved grid", "on the clock", "CPU time", "peak memory"], rows)


def write_int8(run: dict[str, Any]) -> str:
    """What benchmarks/int8.py printed of one size."""
    times = [f"{1000 * run['token'][dtype]:.0f} ms" for dtype in ("float32", "int8")]
    weights = [f"{run['gib'][dtype]:.2f} GiB" for dtype in ("float32", "int8")]
    rows = [[run["size"], *times, f"{run['ratio']:.1f} ×", *weights]]
    return write_table(["a token of nine pictures", "float32", "int8", "ratio", "decoder, float32", "int8"], rows)


def write_int8_pictures(run: dict[str, Any]) -> str:
    """What benchmarks/int8.py printed of a model."""
    row = [f"`--model {run['model']}`, {run['pictures']} pictures", f"{100 * run['logit_error']:.1f} %"]
    row += [f"{run['nats']:.4f}", f"{100 * run['same_best']:.1f} %"]
    return write_table(["", "error of logits", "divergence, nats a token", "same likeliest token"], [row])


def write_early_exit(run: dict[str, Any]) -> str:
    """What benchmarks/experiments/early_exit.py printed."""
    rows = [
        [
            f"{100 * row['kept']:.0f} % of {run['candidates']}",
            *(f"{100 * row[name]:.0f} %" for name in ("found", "by_chance", "found_best")),
            f"{row['mark']:.3f} of {row['mark_of_all']:.3f}",
            f"{100 * row['saved']:.0f} %",
        ]
        for row in run["rows"]
    ]
    titles = ["kept half-way", "of the best nine", "by chance", "the best one", "mean mark of nine", "time saved"]
    return write_table(titles, rows)


def write_serve(run: list[dict[str, Any]]) -> str:
    """What benchmarks/serve.py printed of a server that draws one by one, and of one that draws some at once."""
    alone, crowds = ({row["clients"]: row for row in run if (row["at_once"] > 1) == many} for many in (False, True))
    rows = []
    for clients, single in alone.items():
        crowd = crowds[clients]
        told = [f"{row[name]:.{digits}f}{unit}" for row in (single, crowd) for name, digits, unit in _SERVED]
        times = crowd["drawings_a_minute"] / single["drawings_a_minute"]
        rows.append([str(clients), *told, f"{times:.2f} ×", f"{crowd['mean_batch']:.1f}"])
    titles = ["a minute", "p50", "p95", "CPU time"]
    titles = [f"{how}: {title}" for how in ("one by one", "at once") for title in titles]
    return write_table(["clients", *titles, "times as many", "in a batch"], rows)


def write_soak(run: dict[str, Any]) -> str:
    """What benchmarks/soak.py printed."""
    minutes, samples = run["minutes"], run["megabytes"]
    places = [(len(samples) - 1) * part // _PARTS for part in range(_PARTS + 1)]
    row = [str(run["clients"]), f"{sum(run['ends'].values()):,}", str(run["failed"])]
    row += [*(f"{samples[place]:.0f} MB" for place in places), f"{run['slope_mb_per_hour']:+.0f} MB"]
    times = [f"after {minutes * part / _PARTS:g} min" for part in range(_PARTS + 1)]
    return write_table(["clients", "visits", "failed", *times, "an hour, in the second half"], [row])


def write_fuzz(run: dict[str, Any]) -> str:
    """What benchmarks/fuzz.py printed."""
    names = ("server_errors", "tracebacks", "misshapen", "lost_tickets")
    row = [f"{run['sent']:,}", *(str(run[name]) for name in names), f"{run['slowest_seconds']:.2f} s"]
    titles = ["requests", "server errors", "tracebacks", "answers of another shape", "lost tickets", "slowest answer"]
    return write_table(titles, [row])


def write_plan(run: list[dict[str, Any]]) -> str:
    """What `dalle-mini plan --json` printed."""
    titles = ["a day", "a second at the busiest time", "devices", "busy", "wait, p50", "wait, p95", "cost of 1,000"]
    rows = [
        [
            f"{row['per_day']:,.0f}",
            f"{row['rate']:.3g}",
            f"{row['devices']:,}",
            f"{100 * row['busy']:.0f} %",
            *(f"{row[name]:.1f} s" for name in ("wait_p50", "wait_p95")),
            f"{row['cost_a_thousand']:.2f}",
        ]
        for row in run
    ]
    return write_table(titles, rows)


RENDERERS: dict[str, Callable[[Any], str]] = {
    "safety-prompts": write_prompts,
    "safety-pictures": write_pictures,
    "safety-first-contact": write_first_contact,
    "nano-results": write_results,
    "ranking-costs": write_costs,
    "min-dalle-mini": write_comparison,
    "min-dalle-mega": write_comparison,
    "ablations-nano": write_ablations,
    "ablations-mini": write_ablations,
    "int8-mini": write_int8,
    "int8-mega": write_int8,
    "int8-nano": write_int8_pictures,
    "early-exit": write_early_exit,
    "loading": write_loading,
    "memory": write_memory,
    "nano-generate": write_generate,
    "nano-startup": write_startup,
    "serve": write_serve,
    "soak": write_soak,
    "fuzz": write_fuzz,
    "plan": write_plan,
}
"""By the name of a run, what makes Markdown of its JSON; other runs are tables already."""

LINES = ("min-dalle-mega", "min-dalle-mini", "plan", "serve")
"""The runs of which every line counts, not the last alone."""
