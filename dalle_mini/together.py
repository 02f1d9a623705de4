"""Image tokens of several drawings from one compiled program, each as if it were drawn alone.

    plans ─▶ draw_together ─▶ a stream for each ─▶ whoever follows it

Whichever stream is asked first draws the next chunk for all; closing one takes its drawing out of the program.
"""

import collections
import dataclasses
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dalle_mini import sampling
from dalle_mini.arrays import Array, Int32, Params
from dalle_mini.config import TransformerConfig
from dalle_mini.drawing import LANES, Drawn, Plan, begin, chunk_length, open_reader

BUCKETS = 1, 2, 4, 8
"""How many drawings a compiled program makes at once."""

_TRIALS = 5


class Single(NamedTuple):
    """One drawing under way."""

    source: sampling.Source
    state: sampling.DecodeState

    @property
    def tokens(self) -> Int32[Array, "images image"]:
        return self.state.tokens


class Trial(NamedTuple):
    """How drawing at once went: whether it gave the bits that drawing alone does, and how many times as fast it was."""

    is_exact: bool
    speedup: float


def draw_together(
    params: Params, config: TransformerConfig, plans: Sequence[Plan], *, codebook_size: int
) -> list[Generator[Drawn]]:
    """A stream for each plan: batch after batch, each chunk by chunk. Their `sampling.static_settings` are the same."""
    table = _Table(params, config, plans, codebook_size)
    return [table.follow(number) for number in range(len(plans))]


def try_together(params: Params, config: TransformerConfig, plan: Plan, count: int, *, codebook_size: int) -> Trial:
    """Draw one chunk of `count` drawings alone and at once, and compare; compiles what draws them at once."""
    steps = chunk_length(config.image_length)
    sizes = {"steps": steps, "codebook_size": codebook_size}
    seeds, read = np.arange(count * LANES).reshape(count, LANES), open_reader(params, config, plan)
    plans = [dataclasses.replace(plan, seeds=tuple(row), tiles=plan.tiles[:1] * LANES) for row in seeds.tolist()]
    sources, states = zip(*(begin(config, each, slice(0, LANES), read) for each in plans), strict=True)
    stacked = sampling.stack(sources, states)
    alone = [
        sampling.advance(params, config, *each, plan.settings, **sizes) for each in zip(sources, states, strict=True)
    ]
    settings = [plan.settings] * count
    together = sampling.advance_together(params, config, stacked, settings, **sizes)
    pairs = zip(jax.tree.leaves(sampling.stack(sources, alone)), jax.tree.leaves(together), strict=True)
    is_exact = all(bool((one == other).all()) for one, other in pairs)
    one, seconds = alone[0], []
    for _ in range(_TRIALS):
        one, spent = _time(
            lambda state=one: sampling.advance(params, config, sources[0], state, plan.settings, **sizes)
        )
        together, spent_together = _time(
            lambda state=together: sampling.advance_together(params, config, state, settings, **sizes)
        )
        seconds.append((spent, spent_together))
    fastest, fastest_together = map(min, zip(*seconds, strict=True))
    return Trial(is_exact, count * fastest / fastest_together)


class _Table:
    """Drawings side by side. Those that are followed no more leave as soon as a smaller program holds the others."""

    def __init__(self, params: Params, config: TransformerConfig, plans: Sequence[Plan], codebook_size: int) -> None:
        self._params, self._config, self._plans = params, config, plans
        self._sizes = {"steps": chunk_length(config.image_length), "codebook_size": codebook_size}
        self._readers = [open_reader(params, config, plan) for plan in plans]
        self._drawn = {number: collections.deque[Drawn]() for number in range(len(plans))}
        self._chunks = self._draw()

    def follow(self, number: int) -> Generator[Drawn]:
        batches = -(-len(self._plans[number].seeds) // LANES)
        try:
            for _ in range(batches * self._config.image_length // self._sizes["steps"]):
                if not self._drawn[number]:
                    next(self._chunks)
                yield self._drawn[number].popleft()
        finally:
            del self._drawn[number]
            if not self._drawn:
                self._chunks.close()  # it refers to the table, which refers to it: neither would go before a collection

    def _draw(self) -> Generator[None]:
        """Chunk after chunk, each left to those who follow."""
        most = max(len(plan.seeds) for plan in self._plans)
        for start in range(0, most, LANES):
            yield from self._draw_batch(
                {
                    number: slice(start, min(start + LANES, len(self._plans[number].seeds)))
                    for number in self._drawn
                    if start < len(self._plans[number].seeds)
                }
            )

    def _draw_batch(self, places: dict[int, slice]) -> Generator[None]:
        """Up to LANES pictures of every plan in `places`."""
        seats, length = list(places), self._config.image_length
        state = _seat([Single(*begin(self._config, self._plans[at], places[at], self._readers[at])) for at in seats])
        for position in range(self._sizes["steps"], length + 1, self._sizes["steps"]):
            if not (followed := [number for number in seats if number in self._drawn]):
                return
            if isinstance(state, sampling.Stacked) and _fit(len(followed)) < _fit(len(seats)):
                state, seats = _keep(state, [seats.index(number) for number in followed]), followed
            state = self._advance(state, seats)
            tokens = np.asarray(state.tokens).reshape(-1, LANES, length)
            for number, drawn in zip(seats, tokens, strict=False):
                if number in self._drawn:
                    count = places[number].stop - places[number].start
                    self._drawn[number].append(Drawn(places[number], position, drawn[:count]))
            yield

    def _advance(self, state: Single | sampling.Stacked, seats: list[int]) -> Single | sampling.Stacked:
        settings = [self._plans[number].settings for number in seats]
        if isinstance(state, sampling.Stacked):
            return sampling.advance_together(self._params, self._config, state, _fill(settings), **self._sizes)
        return Single(state.source, sampling.advance(self._params, self._config, *state, settings[0], **self._sizes))


def _seat(drawings: list[Single]) -> Single | sampling.Stacked:
    return drawings[0] if len(drawings) == 1 else sampling.stack(*zip(*_fill(drawings), strict=True))


def _keep(state: sampling.Stacked, places: list[int]) -> Single | sampling.Stacked:
    if len(places) == 1:
        return Single(*sampling.pick_one(state, jnp.int32(places[0])))
    return sampling.pick(state, jnp.asarray(_fill(places), jnp.int32))


def _fit(count: int) -> int:
    """The smallest bucket that holds so many; several of the largest where none does."""
    return next((bucket for bucket in BUCKETS if bucket >= count), -(-count // BUCKETS[-1]) * BUCKETS[-1])


def _fill(some: Sequence[Any]) -> list[Any]:
    """As many as a bucket holds, the first one again where some are missing."""
    return [*some, *[some[0]] * (_fit(len(some)) - len(some))]


def _time(work: Callable[[], Any]) -> tuple[Any, float]:
    """What the work gives, and its seconds: of the processor where that does it, and a busy machine changes little."""
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    started = clock()
    result = jax.block_until_ready(work())
    return result, clock() - started
