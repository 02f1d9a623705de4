"""Finished drawings, kept in memory for a while so that the page can show them and visitors can download them."""

import collections
import io
import secrets
import threading

from PIL import Image

from dalle_mini.generation import Generation
from dalle_mini.grid import encode_png, enlarge
from dalle_mini.safety.blur import blur

MAX_BYTES = 256 * 2**20
"""Pixels kept, in all; the oldest drawings make room for new ones."""


class Pictures:
    """Drawings by a name that nobody can guess.

    The `public` sees flagged pictures blurred only, and so those that nobody looked at beside others that were.
    """

    def __init__(self, max_bytes: int = MAX_BYTES, *, public: bool = False) -> None:
        self._max_bytes, self.public = max_bytes, public
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

    def encode_unblurred(self, name: str, index: int) -> bytes | None:
        """The PNG of a flagged picture as it was drawn; None if it is not kept, or not for these eyes."""
        generation = self._kept.get(name)
        if self.public or generation is None or not 0 <= index < len(generation.images):
            return None
        return encode_png(enlarge(generation.unblurred().images[index]), generation.tile_recipe(index))

    def encode_candidate(self, name: str, place: int) -> bytes | None:
        """The same of any candidate, by its place in the order of drawing."""
        generation = self._find_with(name, place)
        if generation is None:
            return None
        return encode_png(enlarge(self._look_at(generation, place)), generation.candidate_recipe(place))

    def encode_thumbnail(self, name: str, place: int) -> bytes | None:
        """A candidate as a small WebP, to choose by; None if it is not kept."""
        generation = self._find_with(name, place)
        return None if generation is None else encode_webp(self._look_at(generation, place))

    def _look_at(self, generation: Generation, place: int) -> Image.Image:
        unseen = generation.verdicts is not None and generation.verdict(place) is None
        image = generation.candidate_image(place)
        return blur(image) if unseen and self.public else image

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
