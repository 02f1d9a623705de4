"""Finished drawings, kept in memory for a while so that the page can show them and visitors can download them."""

import collections
import secrets
import threading

from dalle_mini.grid import encode_png, enlarge
from dalle_mini.pipeline import Generation

MAX_BYTES = 256 * 2**20
"""Pixels kept, in all; the oldest drawings make room for new ones."""


class Pictures:
    """Drawings by a name that nobody can guess."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._kept: collections.OrderedDict[str, Generation] = collections.OrderedDict()
        self._lock = threading.Lock()

    def add(self, generation: Generation) -> str:
        """Keep a drawing; the answer is its name."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._kept[name] = generation
            while len(self._kept) > 1 and sum(map(_count_bytes, self._kept.values())) > self._max_bytes:
                self._kept.popitem(last=False)
        return name

    def encode_grid(self, name: str) -> bytes | None:
        """The PNG of a whole drawing, with its recipe; None if it is not kept."""
        generation = self._kept.get(name)
        return None if generation is None else encode_png(generation.grid(), generation.recipe)

    def encode_tile(self, name: str, index: int) -> bytes | None:
        """The PNG of one picture, large enough to look at, with its recipe; None if it is not kept."""
        generation = self._kept.get(name)
        if generation is None or not 0 <= index < len(generation.images):
            return None
        return encode_png(enlarge(generation.images[index]), generation.tile_recipe(index))


def _count_bytes(generation: Generation) -> int:
    return sum(3 * image.width * image.height for image in generation.images)
