"""Cheap models for tests of the service: they draw nothing worth seeing, chunk by chunk, as slowly as told."""

import threading
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from PIL import Image

from dalle_mini.config import GenerationConfig
from dalle_mini.pipeline import Generation, Progress, image_seeds
from dalle_mini.serving.painter import Painter
from dalle_mini.text.tokenizer import PromptReading

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

    def draw(
        self, prompt: str, settings: GenerationConfig | None = None, *, seed: int | None = None
    ) -> Generator[Progress]:
        settings = settings or GenerationConfig()
        assert seed is not None
        return self._draw(prompt, settings, seed)

    def _draw(self, prompt: str, settings: GenerationConfig, seed: int) -> Generator[Progress]:
        seeds = image_seeds(seed, settings.images)
        images = tuple(Image.new("RGB", (8, 8), (1 + seed % 255, seed // 255 % 256, 0)) for seed in seeds)
        self.drawn.append(prompt)
        try:
            for chunk in range(1, CHUNKS):
                self.on_chunk(chunk)
                yield Progress(chunk * TOKENS // CHUNKS, TOKENS, lambda: list(images))
            self.on_chunk(CHUNKS)
            tokens = np.zeros((settings.images, TOKENS), np.int32)
            reading = PromptReading(prompt, prompt, (), prompt, "")
            result = Generation(self.name, reading, seed, settings, seeds, tokens, images)
            yield Progress(TOKENS, TOKENS, lambda: list(images), result)
        finally:
            self.closed += 1


def make_painter(model: QuickModel | None = None, *, main: str = "quick", **options: Any) -> Painter:
    """A painter whose models are all `model`, or quick ones of their own names."""

    def load(name: str) -> Any:
        return model or QuickModel(name)

    return Painter(main, load=load, **options)
