"""Writes a picture set of scenes: `python -m recipes.world.build --count 200000 --seed 0 --out DIR`.

Shards hold 4,000 scenes each. Finished ones are kept, so a build that was stopped goes on where it was. The bytes
depend on seed and count alone, not on the number of workers.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path

from PIL import Image

from dalle_mini.data.manifest import Manifest, Shard
from dalle_mini.data.records import encode_png, pack_picture
from dalle_mini.data.shards import RecordWriter
from dalle_mini.errors import DalleMiniError
from recipes.world.scenes import SIZE, draw_scene
from recipes.world.world import load_world

SHARD = 4_000
LICENCE, SOURCE = "Apache-2.0", "noto-emoji"


@dataclass(frozen=True)
class Job:
    """One shard to write: scenes `first` to `first + count` of a seed."""

    writer: RecordWriter
    number: int
    seed: int
    first: int
    count: int
    held_out: bool


def plan(writer: RecordWriter, seed: int, count: int, held_out: bool, shard: int) -> list[Job]:
    """The shards of a picture set."""
    return [
        Job(writer, number, seed, first, min(shard, count - first), held_out)
        for number, first in enumerate(range(0, count, shard))
    ]


def write_shard(job: Job) -> tuple[Job, Shard]:
    """Draw one shard, unless it is there and whole."""
    found = job.writer.find(job.number)
    if found and found.count == job.count:
        return job, found
    made = job.writer.write(job.number, draw_records(job))
    assert made is not None  # a job has scenes
    return job, made


def draw_records(job: Job) -> Iterator[bytes]:
    """The scenes of a shard as they lie in a picture set."""
    world = load_world()
    for index in range(job.first, job.first + job.count):
        scene = draw_scene(world, job.seed, index, job.held_out)
        name = f"{'held-out' if job.held_out else 'scene'}/{job.seed}/{index}"
        picture = encode_png(Image.fromarray(scene.pixels))
        yield pack_picture(id=name, caption=scene.caption, picture=picture, licence=LICENCE, source=SOURCE)


def fingerprint(seed: int, held_out: bool, scenes: int = 64) -> str:
    """A digest of the first scenes, which changes when what they look like or say does."""
    world, digest = load_world(), blake2b(digest_size=16)
    for index in range(scenes):
        scene = draw_scene(world, seed, index, held_out)
        digest.update(scene.pixels.tobytes() + scene.caption.encode())
    return digest.hexdigest()


def written(jobs: list[Job], workers: int) -> Iterator[tuple[Job, Shard]]:
    """Write the shards, yielding each as it is done."""
    if min(workers, len(jobs)) < 2:
        yield from map(write_shard, jobs)
        return
    # Fresh interpreters: a fork would copy whatever threads the caller has.
    with get_context("spawn").Pool(min(workers, len(jobs))) as pool:
        yield from pool.imap_unordered(write_shard, jobs)


def build(out: Path, seed: int, count: int, *, workers: int, held_out: bool = False, shard: int = SHARD) -> None:
    """Write every shard that is not there yet, telling the progress."""
    settings = {"seed": seed, "scenes": count, "held_out": held_out, "shard": shard}
    settings["first_scenes"] = fingerprint(seed, held_out)
    writer = RecordWriter(out, Manifest("pictures", settings=settings, resolution=SIZE))
    if writer.begin():
        print(f"{count:,} scenes are there", flush=True)
        return
    done, start, shards = 0, time.monotonic(), {}
    for job, made in written(plan(writer, seed, count, held_out, shard), workers):
        shards[job.number] = made
        done += made.count
        rate = done / (time.monotonic() - start)
        print(f"{done:,} of {count:,} there, {rate:,.0f}/s, {(count - done) / rate:,.0f} s left", flush=True)
    writer.finish((shards[number] for number in sorted(shards)), licences={LICENCE: count}, sources={SOURCE: count})


def positive(text: str) -> int:
    """A whole number above zero, for the option parser."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"expected a number above zero, found {text!r}")
    return number


def main() -> None:
    """Read the options and build."""
    parser = argparse.ArgumentParser(prog="python -m recipes.world.build", description=__doc__)
    parser.add_argument("--count", type=positive, default=200_000, help="number of scenes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of the shards")
    parser.add_argument("--size", type=int, choices=[SIZE], default=SIZE, help="pixels a side")
    parser.add_argument("--workers", type=positive, default=2)
    parser.add_argument("--held-out", action="store_true", help="combinations training never sees")
    options = parser.parse_args()
    try:
        build(
            options.out,
            options.seed,
            options.count,
            workers=options.workers,
            held_out=options.held_out,
        )
    except DalleMiniError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
