"""Writes a data set of scenes: `python -m recipes.world.build --count 200000 --seed 0 --out DIR`.

Shards hold 4,000 scenes each, as `pixels` (uint8 [n, 64, 64, 3]) and `captions`. Finished shards
are kept, so a build that was stopped goes on where it was. The bytes depend on seed and count
alone, not on the number of workers.
"""

import argparse
import io
import json
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DalleMiniError, DataError, OutputError
from recipes.world.scenes import SIZE, draw_scene
from recipes.world.world import load_world

SHARD = 4_000


@dataclass(frozen=True)
class Job:
    """One shard to write: scenes `first` to `first + count` of a seed."""

    path: Path
    seed: int
    first: int
    count: int
    held_out: bool


def plan(out: Path, seed: int, count: int, held_out: bool, shard: int = SHARD) -> list[Job]:
    """The shards of a data set."""
    return [
        Job(out / f"scenes-{number:05}.npz", seed, first, min(shard, count - first), held_out)
        for number, first in enumerate(range(0, count, shard))
    ]


def is_complete(job: Job) -> bool:
    """Whether the shard is there, readable and of the right length."""
    try:
        with np.load(job.path, allow_pickle=False) as archive:
            return archive["captions"].shape == (job.count,)
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return False


def write_shard(job: Job) -> int:
    """Draw one shard and move it into place; returns its number of scenes."""
    world = load_world()
    scenes = [draw_scene(world, job.seed, job.first + n, job.held_out) for n in range(job.count)]
    buffer = io.BytesIO()
    np.savez(
        buffer,
        pixels=np.stack([scene.pixels for scene in scenes]),
        captions=np.array([scene.caption for scene in scenes]),
    )
    write_whole(job.path, buffer.getbuffer())
    return job.count


def fingerprint(seed: int, held_out: bool, scenes: int = 64) -> str:
    """A digest of the first scenes, which changes when what they look like or say does."""
    world, digest = load_world(), blake2b(digest_size=16)
    for index in range(scenes):
        scene = draw_scene(world, seed, index, held_out)
        digest.update(scene.pixels.tobytes() + scene.caption.encode())
    return digest.hexdigest()


def claim(out: Path, settings: dict[str, object]) -> None:
    """Make the folder and note its settings; refuse one that was begun with others."""
    note = out / "build.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        found = json.loads(note.read_text(encoding="utf-8")) if note.exists() else settings
    except OSError as error:
        message = f"can't use folder {str(out)!r}: {error.strerror}"
        raise OutputError(message, hint="choose another --out") from error
    except ValueError as error:
        message = f"{str(note)!r} is not valid JSON"
        raise DataError(message, hint="empty the folder, or choose another --out") from error
    if found != settings:
        message = f"{str(out)!r} was begun with {found}, now asked for {settings}"
        raise DataError(message, hint="use the same settings, or another --out")
    write_whole(note, (json.dumps(settings, indent=1) + "\n").encode())


def written(jobs: list[Job], workers: int) -> Iterator[int]:
    """Write the shards, yielding the size of each as it is done."""
    if min(workers, len(jobs)) < 2:
        yield from map(write_shard, jobs)
        return
    # Fresh interpreters: a fork would copy whatever threads the caller has.
    with get_context("spawn").Pool(min(workers, len(jobs))) as pool:
        yield from pool.imap_unordered(write_shard, jobs)


def build(out: Path, seed: int, count: int, *, workers: int, held_out: bool = False, shard: int = SHARD) -> None:
    """Write every shard that is not there yet, telling the progress."""
    settings = {"seed": seed, "size": SIZE, "held_out": held_out, "shard": shard}
    claim(out, settings | {"scenes": fingerprint(seed, held_out)})
    jobs = [job for job in plan(out, seed, count, held_out, shard) if not is_complete(job)]
    total, done, start = sum(job.count for job in jobs), 0, time.monotonic()
    print(f"{count - total:,} of {count:,} scenes are there", flush=True)
    for scenes in written(jobs, workers):
        done += scenes
        rate = done / (time.monotonic() - start)
        left = (total - done) / rate
        print(f"{done:,} of {total:,} drawn, {rate:,.0f}/s, {left:,.0f} s left", flush=True)


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
