"""Draws orders on the device: models are loaded when they are first wanted, and the device's trouble is met here.

Out of memory, all else is put away, batches are halved and previews left out from then on, and the drawing is tried
once more. So is one with a picture whose pixels are not numbers.

Several drawings are made at once where a trial found that their pictures are the same as alone, and that it pays.
"""

import collections
import contextlib
import dataclasses
import logging
import math
import secrets
import time
from collections.abc import Callable, Generator, Hashable, Sequence
from typing import TYPE_CHECKING

from dalle_mini.checkpoints.releases import find_name
from dalle_mini.config import MAX_SEED, Way
from dalle_mini.errors import CheckpointError, ConfigError, DalleMiniError, DeviceError
from dalle_mini.safety.blur import blur
from dalle_mini.safety.options import SafetyOptions
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.order import Order
from dalle_mini.serving.shelf import NotHere, require_local
from dalle_mini.serving.updates import Drawing, Finished, Preparing

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from dalle_mini.generation import Generation
    from dalle_mini.pipeline import DalleMini, Progress

PREVIEW_SHARE = 0.15
PREVIEW_SECONDS = 1.0
"""Previews take about this share of a drawing, or so many seconds where that is more, spread over it. Those of drawings
that are made at once take the share only: others wait."""
WORTH = 1.1
"""How many times as fast as one by one several drawings at once have to be."""

_logger = logging.getLogger(__name__)

Step = Preparing | Drawing | Finished


def load_local(
    name: str, *, ranker: str | None = None, dtype: str = "", safety: SafetyOptions | None = None
) -> "DalleMini":
    """Load a model of this machine; nothing is downloaded."""
    from dalle_mini.loading import load

    require_local(name)
    return load(name, ranker=ranker, dtype=dtype or None, offline=True, safety=safety or SafetyOptions())


@dataclasses.dataclass
class _Easel:
    """A model that is ready, what showing one unfinished picture took last, and how many drawings it makes at once;
    `is_tried` says that more were not worth it."""

    model: "DalleMini"
    preview_seconds: float
    at_once: int = 1
    is_tried: bool = False


class Painter:
    """Draws for one thread. `main` stays loaded, and beside it the last other model that was used.

    `ranker` is a CLIP for `main`; other models have the ones that they bring. The `public` sees unfinished pictures,
    at which nobody has looked, blurred, unless finished ones are not looked at either.
    """

    def __init__(
        self,
        main: str,
        *,
        ranker: str | None = None,
        dtype: str = "",
        safety: SafetyOptions | None = None,
        public: bool = False,
        load: Callable[[str], "DalleMini"] | None = None,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.main = main
        self._load = load or (
            lambda name: load_local(name, ranker=ranker if name == main else None, dtype=dtype, safety=safety)
        )
        self._public = public
        self._clock = clock
        self._trouble = (metrics or Metrics()).device_trouble
        self._easels: dict[str, _Easel] = {}
        self._squeezes: collections.Counter[str] = collections.Counter()

    @property
    def loaded(self) -> frozenset[str]:
        """Names of the models that draw at once."""
        return frozenset(self._easels)

    def alike(self, order: Order) -> Hashable:
        """What orders that can be drawn at once have in common. A grid of several prompts fills a program by itself."""
        from dalle_mini.sampling import static_settings

        return order.model, static_settings(order.settings), id(order) if order.way.has_many_prompts else None

    def batch_size(self, model: str, most: int) -> int:
        """Of `most` drawings, as many as are made at once: half as many for every time that memory ran out."""
        at_once = self._easels[model].at_once if model in self._easels else 1
        size = 1
        while 2 * size <= min(most, at_once >> self._squeezes[model]):
            size *= 2
        return size

    def can_widen(self, model: str, most: int) -> bool:
        """Whether it has yet to be tried if twice as many drawings at once as now, and at most `most`, are worth it."""
        easel = self._easels.get(model)
        return easel is not None and not easel.is_tried and 2 * easel.at_once <= most >> self._squeezes[model]

    def widen(self, model: str) -> None:
        """Try twice as many drawings at once as now, and make as many from then on where that is worth it."""
        easel = self._easels[model]
        easel.is_tried, count = True, 2 * easel.at_once
        try:
            trial = easel.model.try_together(count)
        except (ConfigError, DeviceError, MemoryError, RuntimeError) as error:
            if not isinstance(error, ConfigError) and _diagnose(error) is None:
                raise
            _logger.info("%s: no room for %d drawings at once", model, count)
            return
        found = "the same pictures" if trial.is_exact else "other pictures"
        _logger.info("%s: %d drawings at once: %s, %.2f times as fast", model, count, found, trial.speedup)
        if trial.is_exact and trial.speedup >= WORTH:
            easel.at_once, easel.is_tried = count, False

    def warm_up(self) -> Generator[Preparing]:
        """Make the main model ready."""
        return self._prepare(self.main)

    def paint(self, order: Order) -> Generator[Step]:
        """Draw; the last step is `Finished`. Closing it frees the device. DalleMiniError says why it can't be."""
        if order.seed is None:
            order = dataclasses.replace(order, seed=secrets.randbelow(MAX_SEED + 1))
        for last_try in (False, True):
            try:
                yield from self._paint_once(order)
                return
            except (DeviceError, MemoryError, RuntimeError) as error:
                trouble = _diagnose(error)
                if trouble is None:
                    raise
                if last_try:
                    raise trouble from None
                _logger.warning("%s: %s; trying once more", order.model, trouble)
            # Behind the exception, whose frames held what was on the device.
            self._save_memory(order.model, trouble)

    def paint_together(self, orders: Sequence[Order]) -> list[Generator[Step]]:
        """`paint` for orders that are `alike`, whose model is loaded; nothing is tried once more.

        Whichever is asked first draws a chunk for all, and may raise what is wrong with all.
        """
        easel = self._easels[orders[0].model]
        plans = [
            easel.model.plan(order.prompt, order.settings, seed=order.seed, way=_find_way(easel.model, order))
            for order in orders
        ]
        drawings = easel.model.draw_together(plans)
        return [self._paint_beside(easel, *pair, len(orders)) for pair in zip(orders, drawings, strict=True)]

    def _paint_beside(
        self, easel: _Easel, order: Order, drawing: "Generator[Progress]", beside: int
    ) -> Generator[Drawing | Finished]:
        try:
            yield from self._watch(easel, order, drawing, beside=beside)
        except (DeviceError, MemoryError, RuntimeError) as error:
            trouble = _diagnose(error)
            if trouble is None:
                raise
            self._save_memory(order.model, trouble)
            raise trouble from None

    def _paint_once(self, order: Order) -> Generator[Step]:
        if order.model not in self._easels:
            yield from self._prepare(order.model)
        easel = self._easels[order.model]
        way = _find_way(easel.model, order)
        yield from self._watch(easel, order, easel.model.draw(order.prompt, order.settings, seed=order.seed, way=way))

    def _prepare(self, name: str) -> Generator[Preparing]:
        """Put a model on its easel: load it, and draw a little so that every program is compiled."""
        yield Preparing(name)
        self._easels = {kept: easel for kept, easel in self._easels.items() if kept == self.main}
        model = self._fetch(name)
        with contextlib.closing(model.draw("a picture", seed=0)) as drawing:
            progress = next(drawing)
            progress.preview()
            started = self._clock()
            pictures = progress.preview()
            preview_seconds = (self._clock() - started) / len(pictures)
        if model.ranker:
            embedded = model.ranker.embed_images(pictures[:1])
            model.ranker.weigh_words(embedded, model.ranker.marks(pictures[:1], "a picture"), "a picture")
        if model.check:
            model.check.check(pictures[:1])
        self._easels[name] = _Easel(model, preview_seconds)

    def _fetch(self, name: str) -> "DalleMini":
        """Load a model. What is wrong with its files is for the log: folders are no business of callers."""
        try:
            return self._load(name)
        except NotHere:
            raise
        except DalleMiniError as error:
            _logger.error("%s can't be loaded: %s (%s)", name, error, error.hint)
            hint = "whoever runs this server finds the reason in its log"
            raise CheckpointError(f"{find_name(name)} can't be loaded", hint=hint) from error

    def _watch(
        self, easel: _Easel, order: Order, drawing: "Generator[Progress]", *, beside: int = 1
    ) -> Generator[Drawing | Finished]:
        """What there is to tell of a `drawing`, which is made `beside` others, itself counted."""
        images = order.settings.images
        pictures: tuple[Image.Image, ...] = ()
        started = self._clock()
        spent, seconds_left = 0.0, math.inf
        with contextlib.closing(drawing):
            for progress in drawing:
                now = self._clock()
                if progress.result:
                    _logger.info("drew %d pictures in %.1f s", len(progress.result.candidates), now - started)
                    self._check_numbers(easel.model, progress.result)
                    frames = []
                    for frame in easel.model.replay(progress.result) if order.animation else ():
                        frames.append(frame)
                        # A sign of life, and a moment to be cancelled in.
                        yield Drawing(progress.done, progress.total, progress.settings, 0.0, pictures)
                    result = dataclasses.replace(progress.result, frames=tuple(frames))
                    yield Finished(result, self._clock() - started)
                    break
                drawn = now - started - spent
                share = progress.done / progress.total
                if share:
                    seconds_left = min(seconds_left, drawn / share - drawn)
                if spent + images * easel.preview_seconds / 2 < self._preview_budget(order.model, drawn, share, beside):
                    pictures = self._preview(easel.model, progress)
                    easel.preview_seconds = (self._clock() - now) / images
                    spent += self._clock() - now
                yield Drawing(progress.done, progress.total, progress.settings, seconds_left, pictures)
        if not spent:
            # The machine may have been busy when the cost was found.
            easel.preview_seconds /= 2

    def _preview_budget(self, model: str, drawn: float, share: float, beside: int) -> float:
        """Seconds for previews so far. One that is half paid for is shown: a costly one somewhere in the middle, cheap
        ones all along."""
        if self._squeezes[model]:
            return 0.0
        return PREVIEW_SHARE * drawn / beside if beside > 1 else max(PREVIEW_SHARE * drawn, PREVIEW_SECONDS * share)

    def _preview(self, model: "DalleMini", progress: "Progress") -> "tuple[Image.Image, ...]":
        pictures = progress.preview()
        return tuple(map(blur, pictures) if self._public and model.check else pictures)

    def _check_numbers(self, model: "DalleMini", generation: "Generation") -> None:
        drawn = generation.unblurred()
        broken = [
            number
            for number, (picture, tokens) in enumerate(zip(drawn.images, drawn.tokens, strict=True), 1)
            if not picture.getbbox() and _is_nan(model, tokens)
        ]
        if broken:
            self._trouble.labels("nan").inc()
            raise DeviceError(
                f"picture {', '.join(map(str, broken))} of {len(generation.images)} came out as no number",
                hint="try another seed; if it stays so, the model's weights or the device are broken",
            )

    def _save_memory(self, model: str, trouble: DeviceError) -> None:
        if isinstance(trouble, OutOfMemory):
            self._trouble.labels("out_of_memory").inc()
            self._squeezes[model] += 1
            self._easels = {kept: easel for kept, easel in self._easels.items() if kept == model}


def _find_way(model: "DalleMini", order: Order) -> Way:
    """How an order is drawn, with the tokens of its canvas, if it has one."""
    return dataclasses.replace(order.way, kept=model.keep(order.canvas)) if order.canvas else order.way


class OutOfMemory(DeviceError):
    pass


def _diagnose(error: Exception) -> DeviceError | None:
    """What the device's error means; None where it is no trouble of the device."""
    if isinstance(error, DeviceError):
        return error
    # JAX raises a RuntimeError of its own that tells its kind only by this word.
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in str(error):
        return OutOfMemory("the device is out of memory", hint="ask for fewer pictures, or use a smaller model")
    return None


def _is_nan(model: "DalleMini", tokens: "np.ndarray") -> bool:
    """Whether a picture that is black all over, as one that is no number becomes in a file, is none."""
    import jax.numpy as jnp

    from dalle_mini.models import vqgan

    return bool(jnp.isnan(vqgan.decode(model.vqgan_params, model.vqgan_config, jnp.asarray(tokens)[None])).any())
