"""Does building a picture set take more memory for a larger source, how fast is it, and how fast are tokens loaded?

    python benchmarks/data.py [--items N ...]        builds sets of N generated pictures
    python benchmarks/data.py --loader [--items N]   reads batches of N generated rows of tokens

Prints one line of JSON. Every build is a process of its own; `peak_mib` is the most memory that it had. Pictures are
32 pixels a side, in a folder with a caption beside each. Rows are those of DALL·E mini: 64 text and 256 image tokens.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from dalle_mini.cli.machine import describe_machine
from dalle_mini.data.build import build_pictures
from dalle_mini.data.manifest import Manifest
from dalle_mini.data.records import encode_png, pack_tokens
from dalle_mini.data.rules import BuildConfig
from dalle_mini.data.shards import RecordSet, RecordWriter
from dalle_mini.data.sources import open_source

SIDE = 32
SHARD, BATCH, WARM_UP, BATCHES = 8192, 64, 20, 500
TEXT, IMAGE, VOCABULARY, CODEBOOK = 64, 256, 50264, 16384


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--loader", action="store_true", help="measure the loader")
    parser.add_argument("--build", type=Path, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.build:
        print(json.dumps(build(*options.build)))
        return
    with tempfile.TemporaryDirectory() as folder:
        measure = measure_loader if options.loader else measure_build
        runs = [measure(Path(folder), items) for items in options.items]
    benchmark = "data loader" if options.loader else "data build"
    print(json.dumps({"benchmark": benchmark, "runs": runs, "machine": describe_machine()}))


def measure_build(folder: Path, items: int) -> dict[str, float]:
    """Generate pictures, and build them in a new process."""
    pictures = folder / f"pictures-{items}"
    generate_pictures(pictures, items)
    command = [sys.executable, __file__, "--build", str(pictures), str(folder / f"set-{items}")]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def generate_pictures(folder: Path, items: int) -> None:
    """Soft colors, no two alike; a thousand to a sub-folder."""
    rng = np.random.default_rng(0)
    for number in range(items):
        place = folder / f"{number // 1000:04}"
        place.mkdir(parents=True, exist_ok=True)
        coarse = Image.fromarray(rng.integers(256, size=(4, 4, 3), dtype=np.uint8))
        image = coarse.resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        (place / f"{number % 1000:03}.png").write_bytes(encode_png(image))
        (place / f"{number % 1000:03}.txt").write_text(f"picture number {number}")


def build(pictures: Path, out: Path) -> dict[str, float]:
    started = time.perf_counter()
    made = build_pictures(open_source(pictures), out, BuildConfig(resolution=SIDE))
    seconds = time.perf_counter() - started
    read = made.count + sum(dropped.count for dropped in made.dropped.values())
    kibibytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "darwin" else 1)
    return {
        "items": read,
        "kept": made.count,
        "items_per_second": round(read / seconds, 1),
        "peak_mib": round(kibibytes / 1024, 1),
    }


def measure_loader(folder: Path, items: int) -> dict[str, float]:
    """Batches of a set on disk, after some to warm up."""
    from dalle_mini.data.loader import Loader

    batches = Loader(generate_tokens(folder / f"tokens-{items}", items), batch_size=BATCH, seed=0).iterate()
    for _ in itertools.islice(batches, WARM_UP):
        pass
    started = time.perf_counter()
    for _ in itertools.islice(batches, BATCHES):
        pass
    seconds = time.perf_counter() - started
    return {"items": items, "batch_size": BATCH, "examples_per_second": round(BATCH * BATCHES / seconds, 1)}


def generate_tokens(folder: Path, items: int) -> RecordSet:
    rng = np.random.default_rng(0)
    plan = Manifest("tokens", text_length=TEXT, image_length=IMAGE, vocab_size=VOCABULARY, codebook_size=CODEBOOK)
    writer = RecordWriter(folder, plan)
    writer.begin()

    def rows(first: int):
        for number in range(first, min(first + SHARD, items)):
            text = rng.integers(VOCABULARY, size=TEXT, dtype=np.int32)
            image = rng.integers(CODEBOOK, size=IMAGE, dtype=np.int32)
            yield pack_tokens(id=str(number), caption=f"picture number {number}", text=text, image=image)

    shards = [writer.write(number, rows(first)) for number, first in enumerate(range(0, items, SHARD))]
    writer.finish(filter(None, shards))
    return RecordSet.open(folder, "tokens")


if __name__ == "__main__":
    main()
