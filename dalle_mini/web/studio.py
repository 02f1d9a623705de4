"""Where the page's pictures are drawn: one at a time, by models that are loaded when they are first wanted.

A drawing is an iterator of what there is to tell; closing it frees the device within one chunk of tokens.
"""

import contextlib
import dataclasses
import logging
import math
import time
from collections.abc import Generator

from PIL import Image

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import DalleMiniError
from dalle_mini.generation import Generation
from dalle_mini.pipeline import DalleMini, load
from dalle_mini.web.line import Line
from dalle_mini.web.order import Order
from dalle_mini.web.shelf import require_local

ROOM = 12
"""Drawings that may wait; more would wait for longer than people do."""

PREVIEW_SHARE = 0.15
PREVIEW_SECONDS = 1.0
"""Previews take about this share of a drawing, or so many seconds where that is more, spread over it."""

_PATIENCE = 0.5
_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Waiting:
    """So many drawings come first."""

    ahead: int


@dataclasses.dataclass(frozen=True)
class Preparing:
    """A model is being loaded, and its programs compiled."""

    model: str


@dataclasses.dataclass(frozen=True)
class Drawing:
    """Tokens of one image so far, drawn by `settings`; `pictures` where there was time for a preview."""

    done: int
    total: int
    settings: GenerationConfig
    seconds_left: float
    pictures: list[Image.Image] | None


@dataclasses.dataclass(frozen=True)
class Finished:
    generation: Generation
    seconds: float


Update = Waiting | Preparing | Drawing | Finished


@dataclasses.dataclass
class _Easel:
    """A model that is ready, and what showing one unfinished picture took last."""

    model: DalleMini
    preview_seconds: float


class Studio:
    """Draws orders one after the other. `model` stays loaded, and beside it the last other one that was used.

    `ranker` is a CLIP for `model`; other models have the ones that they bring.
    """

    def __init__(self, model: str, *, ranker: str | None = None) -> None:
        self.model, self.ranker = model, ranker
        self._line = Line(ROOM)
        self._easels: dict[str, _Easel] = {}
        self._preparing: str | None = None

    def warm_up(self) -> None:
        """Load the first model and compile its programs; trouble is logged, and told to whoever draws."""
        try:
            with self._line.join():
                list(self._prepare(self.model))
        except DalleMiniError as error:
            _logger.warning("%s: %s", self.model, error)

    def draw(self, order: Order) -> Generator[Update]:
        """Wait for a turn, then draw; the last update is `Finished`. Raises DalleMiniError."""
        with self._line.join() as count_ahead:
            while ahead := count_ahead(_PATIENCE):
                yield Preparing(self._preparing) if self._preparing else Waiting(ahead)
            if order.model not in self._easels:
                yield from self._prepare(order.model)
            try:
                yield from _draw(self._easels[order.model], order)
            except GeneratorExit:
                _logger.info("a drawing was stopped")
                raise

    def _prepare(self, name: str) -> Generator[Preparing]:
        """Put a model on its easel: load it, and draw a little so that every program is compiled."""
        self._preparing = name
        try:
            yield Preparing(name)
            require_local(name)
            self._easels = {kept: easel for kept, easel in self._easels.items() if kept == self.model}
            model = load(name, ranker=self.ranker if name == self.model else None, offline=True)
            with contextlib.closing(model.draw("a picture", seed=0)) as drawing:
                progress = next(drawing)
                progress.preview()
                started = time.monotonic()
                pictures = progress.preview()
            if model.ranker:
                embedded = model.ranker.embed_images(pictures[:1])
                model.ranker.weigh_words(embedded, model.ranker.marks(pictures[:1], "a picture"), "a picture")
            self._easels[name] = _Easel(model, (time.monotonic() - started) / len(pictures))
        finally:
            self._preparing = None


def _draw(easel: _Easel, order: Order) -> Generator[Drawing | Finished]:
    images = order.settings.images
    started = time.monotonic()
    spent, seconds_left = 0.0, math.inf
    with contextlib.closing(easel.model.draw(order.prompt, order.settings, seed=order.seed)) as drawing:
        for progress in drawing:
            now = time.monotonic()
            if progress.result:
                _logger.info("drew %d pictures in %.1f s", len(progress.result.candidates), now - started)
                yield Finished(progress.result, now - started)
                break
            drawn = now - started - spent
            share = progress.done / progress.total
            seconds_left = min(seconds_left, drawn / share - drawn)
            pictures = None
            # One that is half paid for is shown: a costly one somewhere in the middle, cheap ones all along.
            budget = max(PREVIEW_SHARE * drawn, PREVIEW_SECONDS * share)
            if spent + images * easel.preview_seconds / 2 <= budget:
                pictures = progress.preview()
                easel.preview_seconds = (time.monotonic() - now) / images
                spent += time.monotonic() - now
            yield Drawing(progress.done, progress.total, progress.settings, seconds_left, pictures)
    if not spent:
        # The machine may have been busy when the cost was found.
        easel.preview_seconds /= 2
