"""Image tokens of several drawings from one compiled program, each as if it were drawn alone.

    plans ─▶ draw_together ─▶ a stream for each ─▶ whoever follows it

Whichever stream is asked first draws the next chunk for all; closing one takes its drawing out of the program.
"""

import collections
import dataclasses
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from dalle_mini import sampling
from dalle_mini.arrays import Int32, Params
from dalle_mini.config import GenerationConfig, TransformerConfig
from dalle_mini.text.tokenizer import PromptReading

LANES = 9
"""Images are always drawn this many at a time, the last ones unused where fewer are wanted: products of another number
of rows round differently, and a picture must not depend on how many are drawn beside it."""

BUCKETS = 1, 2, 4, 8
"""How many drawings a compiled program makes at once."""

_PREVIEWS = 8
_TRIALS = 5


@dataclasses.dataclass(frozen=True)
class Plan:
    """What decides the tokens of a drawing: a prompt, the empty one to guide by, settings, and every picture's seed."""

    reading: PromptReading
    text: sampling.Text
    empty: sampling.Text | None
    settings: GenerationConfig
    seeds: tuple[int, ...]


class Drawn(NamedTuple):
    """The candidates of a batch, by their places, and their tokens; those before `position` are valid."""

    places: slice
    position: int
    tokens: Int32[np.ndarray, "images image"]


class Trial(NamedTuple):
    """How drawing at once went: whether it gave the bits that drawing alone does, and how many times as fast it was."""

    is_exact: bool
    speedup: float


def chunk_length(image_length: int) -> int:
    """Tokens drawn in one program: the largest divisor of the length that leaves at least eight chunks."""
    most = max(1, image_length // _PREVIEWS)
    return max(steps for steps in range(1, most + 1) if image_length % steps == 0)


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
    plans = [dataclasses.replace(plan, seeds=tuple(range(LANES * at, LANES * (at + 1)))) for at in range(count)]
    started = [_start(params, config, each, slice(0, LANES)) for each in plans]
    stacked = sampling.stack(started)
    alone = [sampling.advance(params, config, state, plan.settings, **sizes) for state in started]
    settings = [plan.settings] * count
    together = sampling.advance_together(params, config, stacked, settings, **sizes)
    pairs = zip(jax.tree.leaves(sampling.stack(alone)), jax.tree.leaves(together), strict=True)
    is_exact = all(bool((one == other).all()) for one, other in pairs)
    one, seconds = alone[0], []
    for _ in range(_TRIALS):
        one, spent = _time(lambda state=one: sampling.advance(params, config, state, plan.settings, **sizes))
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

    def _draw(self) -> Iterator[None]:
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

    def _draw_batch(self, places: dict[int, slice]) -> Iterator[None]:
        """Up to LANES pictures of every plan in `places`."""
        seats, length = list(places), self._config.image_length
        state = self._seat([_start(self._params, self._config, self._plans[at], places[at]) for at in seats])
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

    def _advance(self, state, seats: list[int]):
        settings = [self._plans[number].settings for number in seats]
        if isinstance(state, sampling.DecodeState):
            return sampling.advance(self._params, self._config, state, settings[0], **self._sizes)
        return sampling.advance_together(self._params, self._config, state, _fill(settings), **self._sizes)

    @staticmethod
    def _seat(states: list[sampling.DecodeState]) -> sampling.DecodeState | sampling.Stacked:
        return states[0] if len(states) == 1 else sampling.stack(_fill(states))


def _start(params: Params, config: TransformerConfig, plan: Plan, places: slice) -> sampling.DecodeState:
    seeds = plan.seeds[places]
    keys = sampling.image_keys([*seeds, *[0] * (LANES - len(seeds))])
    return sampling.start(params, config, plan.text, plan.empty, keys)


def _keep(state: sampling.Stacked, places: list[int]) -> sampling.DecodeState | sampling.Stacked:
    if len(places) == 1:
        return sampling.pick_one(state, jnp.int32(places[0]))
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
