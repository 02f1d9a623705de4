"""Writes a token set straight from scenes: `python -m recipes.nano.tokens --world FILE --count N --vqgan DIR …`.

Worker processes choose what the scenes show and say; the device paints them and turns them into tokens, a batch behind
the other. No picture is kept, so millions of scenes take as little room as their tokens. Finished shards are kept: the
same command goes on where it was stopped.
"""

import argparse
import time
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from itertools import chain, islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int32

from dalle_mini.data.encode import SHARD, Encoder, encode_captions
from dalle_mini.data.records import pack_tokens
from dalle_mini.data.shards import RecordWriter
from dalle_mini.text.tokenizer import Tokenizer
from recipes import refusal
from recipes.world.build import Series, describe, origin, positive, stay_on_one_core
from recipes.world.compose import paint
from recipes.world.gallery import open_gallery
from recipes.world.plan import Plan, stacked
from recipes.world.scenes import outline
from recipes.world.settings import add_options, choose
from recipes.world.world import load_world

PLANNED_AHEAD = 4
"""Batches a worker that are planned before they are painted."""


@dataclass(frozen=True)
class Reader:
    """How captions become text tokens."""

    tokenizer: Path
    max_text_length: int


@dataclass(frozen=True, eq=False)
class Planned:
    """A batch of scenes before they are painted; `texts` has None for a caption that can't be read."""

    first: int
    captions: list[str]
    texts: list[Int32[np.ndarray, "text"] | None]
    plans: Plan
    origins: list[tuple[str, str]]


def plan_batch(series: Series, reader: Reader, first: int, count: int) -> Planned:
    """What scenes `first` to `first + count` show and say."""
    world = load_world(series.config)
    gallery = open_gallery(world, series.size)
    outlines = [outline(world, gallery, series.seed, index, series.held_out) for index in range(first, first + count)]
    captions = [each.caption for each in outlines]
    texts = encode_captions(_tokenizer(reader), captions)
    return Planned(
        first, captions, texts, stacked([each.plan for each in outlines]), [origin(each.drawings) for each in outlines]
    )


@cache
def _tokenizer(reader: Reader) -> Tokenizer:
    return Tokenizer.from_directory(reader.tokenizer, max_length=reader.max_text_length, normalize=True)


class Painter:
    """Planned scenes to the records of a token set, with counts of their licences and sources."""

    def __init__(self, series: Series, encoder: Encoder) -> None:
        self._series, self._encoder = series, encoder
        self._world = load_world(series.config)
        self._gallery = open_gallery(self._world, series.size)
        self.origins: Counter[tuple[str, str]] = Counter()

    def note(self, planned: Planned) -> None:
        """Count the scenes of a batch whose caption can be read."""
        pairs = zip(planned.origins, planned.texts, strict=True)
        self.origins.update(made for made, text in pairs if text is not None)

    def records(self, batches: Iterable[Planned]) -> Iterator[bytes]:
        """The rows of the batches; the device works on the next one meanwhile."""
        waiting: deque[tuple[Planned, Any]] = deque()
        for planned in batches:
            waiting.append((planned, self._tokens(planned)))
            if len(waiting) > 1:
                yield from self._pack(*waiting.popleft())
        for pair in waiting:
            yield from self._pack(*pair)

    def _tokens(self, planned: Planned) -> Any:
        count, missing = len(planned.captions), self._encoder.batch_size - len(planned.captions)
        plans = Plan(*(np.concatenate([field, np.repeat(field[-1:], missing, axis=0)]) for field in planned.plans))
        return self._encoder.encode_pixels(paint(self._gallery.art, plans, count, tuple(self._world.styles)))

    def _pack(self, planned: Planned, tokens: Any) -> Iterator[bytes]:
        self.note(planned)
        rows = zip(planned.captions, planned.texts, np.asarray(tokens), strict=True)
        for index, (caption, text, image) in enumerate(rows, start=planned.first):
            if text is not None:
                yield pack_tokens(id=self._series.name(index), caption=caption, text=text, image=image)


def write_tokens(out: Path, series: Series, count: int, encoder: Encoder, reader: Reader, *, workers: int) -> None:
    """Write every shard that is not there yet, telling the progress."""
    settings = {"scenes_of": describe(series, count)}
    writer = RecordWriter(out, encoder.plan(series.size, "these scenes", settings))
    if writer.begin():
        print(f"{count:,} scenes are there", flush=True)
        return
    painter, shards, start = Painter(series, encoder), [], time.monotonic()
    spans = [(first, min(first + SHARD, count)) for first in range(0, count, SHARD)]
    sizes = [batch_spans(*span, encoder.batch_size) for span in spans]
    planned = plan_ahead(series, reader, chain.from_iterable(sizes), workers)
    for number, (span, batches) in enumerate(zip(spans, sizes, strict=True)):
        mine = islice(planned, len(batches))
        shard = writer.find(number)
        if shard:
            for each in mine:
                painter.note(each)
        else:
            shard = writer.write(number, painter.records(mine))
        shards += [shard] if shard else []
        rate = span[1] / (time.monotonic() - start)
        print(f"{span[1]:,} of {count:,} there, {rate:,.0f}/s, {(count - span[1]) / rate:,.0f} s left", flush=True)
    licences, sources = Counter(), Counter()
    for (licence, source), scenes in painter.origins.items():
        licences[licence] += scenes
        sources[source] += scenes
    writer.finish(shards, licences=dict(licences), sources=dict(sources))


def batch_spans(first: int, last: int, size: int) -> list[tuple[int, int]]:
    """The batches of a shard: where each begins, and how many scenes it has."""
    return [(start, min(size, last - start)) for start in range(first, last, size)]


def plan_ahead(series: Series, reader: Reader, batches: Iterable[tuple[int, int]], workers: int) -> Iterator[Planned]:
    """The batches in their order, planned by other processes."""
    if workers == 1:
        yield from (plan_batch(series, reader, *each) for each in batches)
        return
    # Fresh interpreters: a fork would copy the threads of the device.
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=stay_on_one_core)
    try:
        waiting: deque[Any] = deque()
        for each in batches:
            waiting.append(pool.submit(plan_batch, series, reader, *each))
            if len(waiting) > PLANNED_AHEAD * workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def main() -> None:
    """Read the options and write."""
    parser = argparse.ArgumentParser(prog="python -m recipes.nano.tokens", description=__doc__)
    add_options(parser)
    parser.add_argument("--count", type=positive, required=True, help="number of scenes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--vqgan", type=Path, required=True, help="the VQGAN that sees the scenes")
    parser.add_argument("--tokenizer", type=Path, required=True, help="the tokenizer that reads the captions")
    parser.add_argument("--max-text-length", type=positive, default=32, help="text tokens of a caption")
    parser.add_argument("--batch", type=positive, help="scenes painted at once")
    parser.add_argument("--workers", type=positive, default=2, help="processes that plan")
    parser.add_argument("--out", type=Path, required=True, help="folder of the token set")
    options = parser.parse_args()
    with refusal.told():
        chosen = choose(options)
        reader = Reader(options.tokenizer, options.max_text_length)
        encoder = Encoder(
            options.vqgan,
            options.tokenizer,
            max_text_length=options.max_text_length,
            normalize=True,
            batch_size=options.batch,
        )
        series = Series(options.seed, chosen.size, config=chosen.config)
        write_tokens(options.out, series, options.count, encoder, reader, workers=options.workers)


if __name__ == "__main__":
    main()
