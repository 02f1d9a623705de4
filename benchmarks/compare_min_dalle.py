"""How fast are nine pictures of the published sizes drawn, beside min-dalle, and beside what the machine allows?

    python -m benchmarks.compare_min_dalle --peer out/peer/bin/python [--size mini|mega] [--repeats N]
                                           [--short] [--dtype float32|int8]

Prints a line of JSON for each size and each dtype of ours. `--peer` is the Python of an environment with min-dalle
0.4.11 (benchmarks/peers/min-dalle.txt tells how to make one); without it only ours is measured. Weights are random, on
the CPU: min-dalle's in float32, ours in that and in int8, unless `--dtype` names one. All take turns, each in a process
of its own; figures are medians over the turns, ratios are min-dalle's CPU seconds over ours.

* `first_picture`: from the prompt to nine previews behind the first 32 of 256 tokens, where both show their first.
* `pixels`: nine pictures of their tokens. `grid`: from the prompt to nine pictures.
* `token`: one token of all nine, as its share of the grid. Mega's grid takes too long to be drawn so often: its token
  is a share of the first picture, and its grid is computed of that (`grid_is_computed`). So it is with `--short`.
* Ours draws a chunk before it is timed, since that compiles; min-dalle compiles nothing and is timed from its start.
* `floor`: the least seconds that this machine needs (benchmarks/floors.py), measured at the beginning. `floor_ratio`
  is our grid's seconds over it. Both, and seconds of a token, mean nothing where the machine is busy.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dalle_mini.config import GenerationConfig, TransformerConfig, VQGANConfig
from dalle_mini.config.dtypes import INT8
from dalle_mini.config.transformer import PRESETS

PEER = Path(__file__).parent / "peers" / "min_dalle_turn.py"
PROMPT = "a red car at the beach"
SETTINGS = GenerationConfig()
DTYPES = ("float32", INT8)
CAPTIONS = [" a red car at the beach", " two dogs in the snow"] * 4

Time = dict[str, float]
"""`seconds` on the clock and `cpu_seconds` of the process."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="the Python of an environment with min-dalle")
    parser.add_argument("--size", choices=PRESETS, help="default: both")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each (default: 5)")
    parser.add_argument("--short", action="store_true", help="draw no whole grid of mini either")
    parser.add_argument("--dtype", choices=DTYPES, action="append", help="ours (default: both); min-dalle has float32")
    parser.add_argument("--turn", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        turn = json.loads(options.turn)
        found = take_turn(PRESETS[turn["size"]], VQGANConfig(), whole=turn["whole"], dtype=turn["dtype"])
        print(json.dumps(found))
        return
    for size in [options.size] if options.size else PRESETS:
        for line in compare(size, options):
            print(json.dumps(line), flush=True)


def compare(size: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """The lines of one size."""
    from dalle_mini.cli.machine import describe_machine

    found = read_line([sys.executable, "-m", "benchmarks.floors", "--size", size])
    whole, dtypes = size == "mini" and not options.short, options.dtype or list(DTYPES)
    ours: dict[str, list[dict[str, Any]]] = {dtype: [] for dtype in dtypes}
    theirs: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        settings = {"size": size, "whole": whole, "top_k": SETTINGS.top_k, "folder": folder}
        for _ in range(options.repeats):
            for dtype, turns in ours.items():
                turn = json.dumps({**settings, "dtype": dtype})
                turns.append(read_line([sys.executable, "-m", "benchmarks.compare_min_dalle", "--turn", turn]))
            if options.peer:
                theirs.append(read_line([options.peer, str(PEER), json.dumps(settings)]))
    return [
        {
            "benchmark": "compare_min_dalle",
            "size": size,
            "dtype": dtype,
            "repeats": options.repeats,
            **summarize(turns, theirs, found["floors"], PRESETS[size]),
            "gigabytes_a_second": found["gigabytes_a_second"],
            "gigaflops": found["gigaflops"],
            "machine": describe_machine(),
        }
        for dtype, turns in ours.items()
    ]


def read_line(command: list[str]) -> dict[str, Any]:
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def summarize(
    ours: list[dict[str, Any]], theirs: list[dict[str, Any]], floors: Mapping[str, float], config: TransformerConfig
) -> dict[str, Any]:
    """Medians of both, how many times more processor time the peer takes, and what the floor leaves to win."""
    our = find_medians([complete(turn, config) for turn in ours])
    result: dict[str, Any] = {"ours": our, "floor": dict(floors)}
    if theirs:
        their = find_medians([complete(turn, config) for turn in theirs])
        ratios = {name: their[name]["cpu_seconds"] / our[name]["cpu_seconds"] for name in our if name != "peak_gib"}
        result["min_dalle"] = their
        result |= {
            "decode_step_ratio": round(ratios["token"], 2),
            "pixels_ratio": round(ratios["pixels"], 2),
            "first_picture_ratio": round(ratios["first_picture"], 2),
            "grid_ratio": round(ratios["grid"], 2),
            "memory_ratio": round(their["peak_gib"] / our["peak_gib"], 2),
        }
    return result | {
        "floor_ratio": round(our["grid"]["seconds"] / floors["grid"], 2),
        "peak_gib": our["peak_gib"],
        "grid_is_computed": "grid" not in ours[0],
    }


def complete(turn: dict[str, Any], config: TransformerConfig) -> dict[str, Any]:
    """A turn with a token's share, and with a grid where none was drawn."""
    first, pixels, length = turn["first_picture"], turn["pixels"], config.image_length

    def share(whole: Time, tokens: int) -> Time:
        return {kind: (whole[kind] - pixels[kind]) / tokens for kind in whole}

    if "grid" in turn:
        return {**turn, "token": share(turn["grid"], length)}
    token = share(first, length // 8)
    return {**turn, "token": token, "grid": {kind: length * token[kind] + pixels[kind] for kind in token}}


def find_medians(turns: list[dict[str, Any]]) -> dict[str, Any]:
    times = {
        name: {kind: round(statistics.median(turn[name][kind] for turn in turns), 4) for kind in turns[0][name]}
        for name in ("token", "pixels", "first_picture", "grid")
    }
    return {**times, "peak_gib": round(statistics.median(turn["peak_gib"] for turn in turns), 2)}


def take_turn(config: TransformerConfig, vqgan: VQGANConfig, *, whole: bool, dtype: str = "float32") -> dict[str, Any]:
    """Ours, as anybody draws; one chunk before it, which compiles, is not counted."""
    import numpy as np

    from dalle_mini.drawing import LANES
    from dalle_mini.pixels import decode_pixels

    model = make_model(config, vqgan, dtype)
    tokens = np.arange(config.image_length, dtype=np.int32) % vqgan.codebook_size

    def preview() -> None:
        drawing = model.draw(PROMPT, SETTINGS, seed=1)
        next(drawing).preview()
        drawing.close()

    def decode() -> None:
        for _ in range(LANES):
            decode_pixels(model.vqgan_params, vqgan, tokens).block_until_ready()

    preview()
    result: dict[str, Any] = {"first_picture": clock(preview), "pixels": clock(decode)}
    if whole:
        result["grid"] = clock(lambda: model.generate(PROMPT, seed=1))
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {**result, "peak_gib": kilobytes / 2**20}


def make_model(config: TransformerConfig, vqgan: VQGANConfig, dtype: str) -> Any:
    """A model of random weights that reads prompts with a small tokenizer of its own."""
    from benchmarks.random_weights import make_transformer, make_vqgan
    from dalle_mini.compilation import enable_compilation_cache
    from dalle_mini.pipeline import DalleMini
    from dalle_mini.text import train_tokenizer
    from dalle_mini.text.tokenizer import Tokenizer

    enable_compilation_cache()
    with tempfile.TemporaryDirectory() as folder:
        train_tokenizer(CAPTIONS, 320, Path(folder))
        tokenizer = Tokenizer.from_directory(folder, max_length=config.max_text_length, normalize=False)
    return DalleMini("random", config, make_transformer(config, dtype), vqgan, make_vqgan(vqgan), tokenizer)


def clock(work: Callable[[], object]) -> Time:
    started, started_cpu = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - started_cpu}


if __name__ == "__main__":
    main()
