"""Puts the figures of runs into the documents that tell them, so that nobody copies a number by hand.

    python benchmarks/safety.py | python -m recipes.figures keep safety-prompts
    python -m recipes.figures keep nano-table --file out/nano/table/table.md
    python -m recipes.figures fill

What a run printed, JSON or a table in Markdown, is kept in `recipes/runs`. A document has places for it:

    <!-- figures: safety-prompts -->
    <!-- end of figures -->

and `fill`, which `keep` ends with, writes there what RENDERERS makes of the run, or the table as it is. A test holds
that documents and runs agree.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import ConfigError, DalleMiniError
from recipes.nano.ranking_table import write_table

ROOT = Path(__file__).parent.parent
RUNS = Path(__file__).parent / "runs"
DOCUMENTS = (
    "README.md",
    "assets/nano/MODEL_CARD.md",
    "docs/performance.md",
    "docs/ranking.md",
    "docs/safety.md",
    "recipes/nano/RESULTS.md",
)
FIRST_CONTACT = "tests/safety/first_contact.json"

_PLACE = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
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
_TO_COME = "The figures are to come.\n"


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


def write_comparison(run: dict[str, Any]) -> str:
    """What benchmarks/compare_min_dalle.py printed of one size."""
    ours, peer, floor = run["ours"], run["min_dalle"], run["floor"]
    rows = [
        [
            title + (", computed" if name == "grid" and run["grid_is_computed"] else ""),
            f"{ours[name]['cpu_seconds']:.3g} s",
            f"{peer[name]['cpu_seconds']:.3g} s",
            f"{peer[name]['cpu_seconds'] / ours[name]['cpu_seconds']:.1f} ×",
            f"{ours[name]['seconds']:.3g} s",
            f"{floor[name]:.3g} s" if name in floor else "",
        ]
        for name, title in _COMPARED.items()
    ]
    memory = [f"{each['peak_gib']:.2f} GiB" for each in (ours, peer)]
    rows.append(["peak memory", *memory, f"{peer['peak_gib'] / ours['peak_gib']:.1f} ×", "", ""])
    ours_is = run["size"] if run.get("dtype", "float32") == "float32" else f"{run['size']}, {run['dtype']}"
    return write_table([ours_is, "CPU time", "min-dalle's", "ratio", "on the clock", "floor"], rows)


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


RENDERERS: dict[str, Callable[[Any], str]] = {
    "safety-prompts": write_prompts,
    "safety-pictures": write_pictures,
    "safety-first-contact": write_first_contact,
    "nano-results": write_results,
    "ranking-costs": write_costs,
    "min-dalle-mini": write_comparison,
    "min-dalle-mini-int8": write_comparison,
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
}
"""By the name of a run, what makes Markdown of its JSON; other runs are tables already."""


def keep(name: str, printed: str) -> Path:
    """Keep what a run printed, in place of an earlier one of that name; the last line counts where it is JSON."""
    if name not in RENDERERS:
        path, text = RUNS / f"{name}.md", printed
        if not printed.startswith("|"):
            raise ConfigError(f"{name} has no table in Markdown", hint=f"JSON is known for {', '.join(RENDERERS)}")
    else:
        path, text = RUNS / f"{name}.json", json.dumps(_read_last_line(name, printed), indent=1) + "\n"
    RUNS.mkdir(exist_ok=True)
    write_whole(path, text.encode())
    return path


def _read_last_line(name: str, printed: str) -> Any:
    try:
        return json.loads(printed.strip().rpartition("\n")[2])
    except json.JSONDecodeError as error:
        raise ConfigError(f"{name} did not end with a line of JSON: {error}", hint="did the run fail?") from error


def render(name: str) -> str:
    """The Markdown of a run; of one that is known but has not been kept yet, that it is to come."""
    if name not in RENDERERS:
        return _read(RUNS / f"{name}.md")
    source = ROOT / FIRST_CONTACT if name == "safety-first-contact" else RUNS / f"{name}.json"
    if not source.exists():
        return _TO_COME
    return RENDERERS[name](json.loads(_read(source)))


def _read(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"there is no run {path.stem}", hint="`python -m recipes.figures keep` keeps what it prints")
    return path.read_text("utf-8")


def filled(document: str) -> str:
    """A document with the figures of today's runs in their places."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{render(place[2])}\n{place[3]}", document)


def fill() -> list[Path]:
    """Bring all documents up to date; those that changed."""
    changed = []
    for path in (ROOT / name for name in DOCUMENTS):
        before = path.read_text("utf-8")
        if (after := filled(before)) != before:
            write_whole(path, after.encode())
            changed.append(path)
    return changed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.figures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    keeper = commands.add_parser("keep", help="keep what a run printed, and fill it in")
    keeper.add_argument("name")
    keeper.add_argument("--file", type=Path, help="default: standard input")
    commands.add_parser("fill", help="write the figures of the kept runs into the documents")
    options = parser.parse_args(arguments)
    try:
        if options.command == "keep":
            print(keep(options.name, options.file.read_text("utf-8") if options.file else sys.stdin.read()))
        print(*(f"{path.relative_to(ROOT)} is up to date now" for path in fill()), sep="\n")
    except (DalleMiniError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
