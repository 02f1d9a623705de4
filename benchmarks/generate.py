"""How long does a grid take in a process that has drawn before, and where does the time go?

    python benchmarks/generate.py [--model NAME] [--images N] [--repeats N]

Prints one line of JSON. Figures are medians over the repeats; one grid before them, which compiles,
is not counted. `decode` is the pixels of the grid made once more of its tokens, `draw` the rest:
reading the prompt and drawing the tokens.
"""

import argparse
import json
import resource
import statistics
import sys
import time
from collections.abc import Callable

import dalle_mini
from dalle_mini.cli.machine import describe_machine
from dalle_mini.pipeline import DalleMini
from dalle_mini.pixels import decode_pixels

PROMPT = "a red car at the beach"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="what `dalle-mini generate --model` takes")
    parser.add_argument("--images", type=int, default=9, help="pictures in the grid (default: 9)")
    parser.add_argument("--repeats", type=int, default=5, help="grids to measure (default: 5)")
    options = parser.parse_args()
    model = dalle_mini.load(options.model)
    tokens = model.generate(PROMPT, images=options.images, seed=0).tokens
    runs = [measure(model, tokens, options.images, seed) for seed in range(options.repeats)]
    result = {
        "benchmark": "generate",
        "model": options.model,
        "images": options.images,
        "repeats": options.repeats,
        **{name: round(statistics.median(run[name] for run in runs), 4) for name in runs[0]},
        "peak_megabytes": round(peak_megabytes(), 1),
        "machine": describe_machine(),
    }
    print(json.dumps(result))


def measure(model: DalleMini, tokens, images: int, seed: int) -> dict[str, float]:
    """One grid, and the pixels of one once more."""
    seconds, cpu = clock(lambda: model.generate(PROMPT, images=images, seed=seed))
    decode, decode_cpu = clock(
        lambda: [decode_pixels(model.vqgan_params, model.vqgan_config, row).block_until_ready() for row in tokens]
    )
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "draw_seconds": seconds - decode,
        "draw_cpu_seconds": cpu - decode_cpu,
        "decode_seconds": decode,
        "decode_cpu_seconds": decode_cpu,
    }


def clock(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of the processor."""
    started, started_cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - started_cpu


def peak_megabytes() -> float:
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kilobytes / (1e6 if sys.platform == "darwin" else 1e3)


if __name__ == "__main__":
    main()
