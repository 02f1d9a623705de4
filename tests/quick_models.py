"""Cheap models for tests of the service: they draw nothing worth seeing, chunk by chunk, as slowly as told."""

import dataclasses
import threading
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from dalle_mini.config import PLAIN, Canvas, GenerationConfig, KeptTokens, Way
from dalle_mini.errors import PromptError
from dalle_mini.generation import Candidates, Generation
from dalle_mini.pipeline import Progress, image_seeds
from dalle_mini.safety.pictures import PictureCheck
from dalle_mini.serving.painter import Painter
from dalle_mini.text.tokenizer import PromptReading
from dalle_mini.together import Trial

Plan = Callable[[], Generator[Progress]]
CHUNKS = 4
TOKENS = 16


class Gate:
    """Lets the chunks of all drawings through one by one."""

    def __init__(self) -> None:
        self._chunks = threading.Semaphore(0)

    def open(self, chunks: int = 10**6) -> None:
        self._chunks.release(chunks)

    def pass_through(self) -> None:
        assert self._chunks.acquire(timeout=30), "the gate stayed shut"


class QuickModel:
    """Draws flat colors of the seeds; `on_chunk` is called before every chunk, with its number."""

    def __init__(self, name: str = "quick", *, on_chunk: Callable[[int], object] = lambda chunk: None) -> None:
        self.name, self.on_chunk = name, on_chunk
        self.drawn: list[str] = []
        """Prompts, in the order in which they were begun."""
        self.closed = 0
        self.looked_back: list[tuple[int, int]] = []
        """Pictures and positions that somebody wanted to see again."""
        self.ranker = None
        self.check: PictureCheck | None = None
        self.pixels: np.ndarray | None = None
        """Pictures to draw instead of the flat ones."""
        self.unreadable = ""
        """A prompt that is an error."""
        self.trials = {2: Trial(True, 1.5), 4: Trial(True, 2.0), 8: Trial(True, 2.5)}
        """What drawing so many at once is found to be."""

    def draw(
        self, prompt: str, settings: GenerationConfig | None = None, *, seed: int | None = None, way: Way = PLAIN
    ) -> Generator[Progress]:
        settings = settings or GenerationConfig()
        assert seed is not None
        if prompt == self.unreadable:
            raise PromptError("nobody can read this")
        return self._draw(prompt, settings, seed, way)

    def plan(self, prompt: str, settings: GenerationConfig, *, seed: int, way: Way = PLAIN) -> "Plan":
        return partial(self.draw, prompt, settings, seed=seed, way=way)

    def draw_together(self, plans: Sequence["Plan"]) -> list[Generator[Progress]]:
        return [plan() for plan in plans]

    def try_together(self, count: int) -> Trial:
        return self.trials[count]

    def keep(self, canvas: Canvas) -> KeptTokens:
        return canvas.choose(KeptTokens.from_text(canvas.tokens) if canvas.tokens else KeptTokens((0,) * TOKENS))

    def replay(self, drawn: Generation) -> Generator[Image.Image]:
        yield from (drawn.grid(), drawn.grid())

    def look_back(self, drawn: Generation, index: int, position: int) -> Image.Image:
        """As much of the picture as there are tokens, in rows."""
        self.looked_back.append((index, position))
        picture = drawn.images[index].convert("RGBA")
        height = position * picture.height // TOKENS
        past = Image.new("RGBA", picture.size)
        past.paste(picture.crop((0, 0, picture.width, height)))
        return past

    def _draw(self, prompt: str, settings: GenerationConfig, seed: int, way: Way) -> Generator[Progress]:
        settings = dataclasses.replace(settings, candidates=settings.candidates or settings.images)
        seeds = image_seeds(seed, settings.candidates or 0)
        colors = np.array([[1 + seed % 255, seed // 255 % 256, 0] for seed in seeds], np.uint8)
        flat = np.broadcast_to(colors[:, None, None], (len(seeds), 8, 8, 3))
        pixels = flat if self.pixels is None else self.pixels[: len(seeds)]
        shown = tuple(range(settings.images))
        self.drawn.append(prompt)
        try:
            for chunk in range(1, CHUNKS):
                self.on_chunk(chunk)
                preview = partial(_show, pixels[: len(shown)])
                yield Progress(chunk * TOKENS // CHUNKS, TOKENS, settings, preview)
            self.on_chunk(CHUNKS)
            tokens = np.zeros((len(seeds), TOKENS), np.int32)
            reading = PromptReading(prompt, prompt, (), prompt, "")
            candidates = Candidates(seeds, tokens, pixels, shown)
            verdicts = self.check.check(_show(pixels[: len(shown)])) if self.check else None
            result = Generation(self.name, reading, seed, settings, candidates, verdicts=verdicts, way=way)
            yield Progress(TOKENS, TOKENS, settings, lambda: list(result.images), result)
        finally:
            self.closed += 1


def _show(pixels: np.ndarray) -> list[Image.Image]:
    return [Image.fromarray(picture) for picture in pixels]


def make_painter(model: QuickModel | None = None, *, main: str = "quick", **options: Any) -> Painter:
    """A painter whose models are all `model`, or quick ones of their own names."""

    def load(name: str) -> Any:
        return model or QuickModel(name)

    return Painter(main, load=load, **options)
