"""Writes a picture set of scenes: `python -m recipes.world.build --count 200000 --seed 0 --out DIR`.

Shards hold 4,000 scenes each. Finished ones are kept, so a build that was stopped goes on where it was. The bytes
depend on seed and count alone, not on the number of workers.
"""

import argparse
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import jax
from PIL import Image

from dalle_mini.data.manifest import Manifest, Shard
from dalle_mini.data.records import encode_png, pack_picture
from dalle_mini.data.shards import RecordWriter
from recipes import refusal
from recipes.world.facts import labels
from recipes.world.gallery import open_gallery
from recipes.world.scenes import SIZE, Scene, draw_scenes, outline
from recipes.world.settings import add_options, choose
from recipes.world.world import EVERYTHING, WorldConfig, load_world, read_table

SHARD = 4_000


@dataclass(frozen=True)
class Series:
    """An endless list of scenes: `size` is the pixels a side, `kin` how many in a row are alike but for one thing."""

    seed: int
    size: int = SIZE
    held_out: bool = False
    config: WorldConfig = EVERYTHING
    kin: int = 1

    def draw(self, indices: Iterable[int]) -> Iterator[Scene]:
        """Scenes of the list, by their numbers."""
        return draw_scenes(load_world(self.config), self.seed, indices, self.held_out, self.size, self.kin)

    def name(self, index: int) -> str:
        """What scene `index` is called in a picture set."""
        return f"{'held-out' if self.held_out else 'scene'}/{self.seed}/{index}"


@dataclass(frozen=True)
class Job:
    """One shard to write: scenes `first` to `first + count` of a series."""

    writer: RecordWriter
    number: int
    series: Series
    first: int
    count: int

    def indices(self) -> range:
        return range(self.first, self.first + self.count)


@dataclass(frozen=True)
class Written:
    """A shard that is there, and how many of its scenes have which licence and source."""

    number: int
    shard: Shard
    licences: Counter[str]
    sources: Counter[str]


def plan(writer: RecordWriter, series: Series, count: int, shard: int) -> list[Job]:
    """The shards of a picture set."""
    return [
        Job(writer, number, series, first, min(shard, count - first))
        for number, first in enumerate(range(0, count, shard))
    ]


@cache
def art_sets() -> dict[str, dict[str, str]]:
    """The art sets by the first part of their drawings' names."""
    return read_table("world.toml")["sets"]


def origin(drawings: tuple[str, ...]) -> tuple[str, str]:
    """Licence and source of a scene: those of its drawings, joined where they differ."""
    sets = [art_sets()[name.split("/")[0]] for name in drawings]
    licences = sorted({art["license"] for art in sets})
    sources = sorted({art["title"].lower().replace(" ", "-") for art in sets})
    return " AND ".join(licences), "+".join(sources)


def write_shard(job: Job) -> Written:
    """Draw one shard, unless it is there and whole."""
    found = job.writer.find(job.number)
    if found and found.count == job.count:
        series, world = job.series, load_world(job.series.config)
        gallery = open_gallery(world, series.size)
        planned = (outline(world, gallery, series.seed, index, series.held_out, series.kin) for index in job.indices())
        return counted(job.number, found, [origin(each.drawings) for each in planned])
    origins: list[tuple[str, str]] = []
    made = job.writer.write(job.number, draw_records(job, origins))
    assert made is not None  # a job has scenes
    return counted(job.number, made, origins)


def counted(number: int, shard: Shard, origins: list[tuple[str, str]]) -> Written:
    """A shard with the counts of its scenes' origins."""
    return Written(number, shard, *(Counter(pair[part] for pair in origins) for part in range(2)))


def draw_records(job: Job, origins: list[tuple[str, str]]) -> Iterator[bytes]:
    """The scenes of a shard as they lie in a picture set; their origins are added to the list."""
    series = job.series
    for index, scene in zip(job.indices(), series.draw(job.indices()), strict=True):
        licence, source = origin(scene.drawings)
        origins.append((licence, source))
        picture = encode_png(Image.fromarray(scene.pixels))
        name = series.name(index)
        yield pack_picture(
            id=name,
            caption=scene.caption,
            picture=picture,
            licence=licence,
            source=source,
            labels=labels(scene.facts),
        )


def fingerprint(series: Series, scenes: int = 64) -> str:
    """A digest of the first scenes, which changes when what they look like or say does."""
    digest = blake2b(digest_size=16)
    for scene in series.draw(range(scenes)):
        digest.update(scene.pixels.tobytes() + scene.caption.encode())
    return digest.hexdigest()


def describe(series: Series, count: int) -> dict[str, Any]:
    """What a set of the first scenes is made from, for its manifest."""
    settings: dict[str, Any] = {"seed": series.seed, "scenes": count, "held_out": series.held_out}
    if series.config.pairs is not None:
        settings["pairs"] = series.config.pairs
    if series.kin > 1:
        settings["kin"] = series.kin
    return settings | {
        "things": series.config.things,
        "sets": list(series.config.sets),
        "first_scenes": fingerprint(series),
    }


def written(jobs: list[Job], workers: int) -> Iterator[Written]:
    """Write the shards, yielding each as it is done."""
    if min(workers, len(jobs)) < 2:
        yield from map(write_shard, jobs)
        return
    # Fresh interpreters: a fork would copy whatever threads the caller has.
    with get_context("spawn").Pool(min(workers, len(jobs)), initializer=stay_on_one_core) as pool:
        yield from pool.imap_unordered(write_shard, jobs)


def stay_on_one_core() -> None:
    """Let XLA compute on the CPU and in one thread, from its start on: there is a process for every core."""
    os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen=false"
    os.environ["PJRT_NPROC"] = "1"
    jax.config.update("jax_platforms", "cpu")


def build(out: Path, series: Series, count: int, *, workers: int, shard: int = SHARD) -> None:
    """Write every shard that is not there yet, telling the progress."""
    settings = describe(series, count) | {"shard": shard}
    writer = RecordWriter(out, Manifest("pictures", settings=settings, resolution=series.size))
    if writer.begin():
        print(f"{count:,} scenes are there", flush=True)
        return
    done, start, shards = 0, time.monotonic(), []
    for made in written(plan(writer, series, count, shard), workers):
        shards.append(made)
        done += made.shard.count
        rate = done / (time.monotonic() - start)
        print(f"{done:,} of {count:,} there, {rate:,.0f}/s, {(count - done) / rate:,.0f} s left", flush=True)
    shards.sort(key=lambda made: made.number)
    licences, sources = (sum((getattr(made, of) for made in shards), Counter()) for of in ("licences", "sources"))
    writer.finish((made.shard for made in shards), licences=dict(licences), sources=dict(sources))


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
    add_options(parser)
    parser.add_argument("--workers", type=positive, default=2)
    parser.add_argument("--held-out", action="store_true", help="combinations training never sees")
    parser.add_argument("--kin", type=positive, default=1, help="scenes in a row that are alike but for one thing")
    options = parser.parse_args()
    stay_on_one_core()
    with refusal.told():
        chosen = choose(options)
        series = Series(options.seed, chosen.size, options.held_out, chosen.config, options.kin)
        build(options.out, series, options.count, workers=options.workers)


if __name__ == "__main__":
    main()
