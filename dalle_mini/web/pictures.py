"""Finished drawings, kept in memory for a while so that the page can show them and visitors can download them."""

import collections
import secrets
import threading

from dalle_mini.generation import Generation
from dalle_mini.serving.answers import NotFound

MAX_BYTES = 256 * 2**20
"""Pixels kept, in all; the oldest drawings make room for new ones."""


class Pictures:
    """Drawings by a name that nobody can guess. The `public` is not shown what is flagged."""

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

    def require(self, name: str) -> Generation:
        """The drawing of that name; NotFound if it is not kept."""
        if generation := self.find(name):
            return generation
        raise NotFound("this drawing is no longer kept", hint="draw it again with its seed")


def _count_bytes(generation: Generation) -> int:
    return generation.candidates.pixels.nbytes
