"""Finished drawings, kept in memory for a while so that the page can show them and visitors can download them."""

import collections
import io
import secrets
import threading

from PIL import Image

from dalle_mini.generation import Generation
from dalle_mini.grid import encode_png, enlarge

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

    def find(self, name: str) -> Generation | None:
        """The drawing of that name, if it is kept."""
        return self._kept.get(name)

    def encode_grid(self, name: str) -> bytes | None:
        """The PNG of a whole drawing, with its recipe; None if it is not kept."""
        generation = self._kept.get(name)
        return None if generation is None else encode_png(generation.grid(), generation.recipe)

    def encode_tile(self, name: str, index: int) -> bytes | None:
        """The PNG of one picture, large enough to look at, with its recipe; None if it is not kept."""
        generation = self._kept.get(name)
        if generation is None or not 0 <= index < len(generation.images):
            return None
        return self.encode_candidate(name, generation.candidates.shown[index])

    def encode_candidate(self, name: str, place: int) -> bytes | None:
        """The same of any candidate, by its place in the order of drawing."""
        generation = self._find_with(name, place)
        if generation is None:
            return None
        return encode_png(enlarge(generation.candidates.image(place)), generation.candidate_recipe(place))

    def encode_thumbnail(self, name: str, place: int) -> bytes | None:
        """A candidate as a small WebP, to choose by; None if it is not kept."""
        generation = self._find_with(name, place)
        return None if generation is None else encode_webp(generation.candidates.image(place))

    def _find_with(self, name: str, place: int) -> Generation | None:
        generation = self._kept.get(name)
        return generation if generation and 0 <= place < len(generation.candidates) else None


def encode_webp(image: Image.Image) -> bytes:
    """A picture in few bytes, for looking at only."""
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", quality=85, method=0)
    return buffer.getvalue()


def _count_bytes(generation: Generation) -> int:
    return generation.candidates.pixels.nbytes
