"""What the page keeps in memory for a while, by names that nobody can guess."""

import collections
import secrets
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from dalle_mini.serving.answers import NotFound

Thing = TypeVar("Thing")


class Kept(Generic[Thing]):
    """Things of at most `max_bytes` in all, as `count_bytes` finds; the oldest make room for new ones."""

    def __init__(self, count_bytes: Callable[[Thing], int], max_bytes: int) -> None:
        self._count_bytes, self._max_bytes = count_bytes, max_bytes
        self._things: collections.OrderedDict[str, Thing] = collections.OrderedDict()
        self._lock = threading.Lock()

    def add(self, thing: Thing) -> str:
        """Keep it; the answer is its name."""
        name = secrets.token_urlsafe(16)
        with self._lock:
            self._things[name] = thing
            while len(self._things) > 1 and sum(map(self._count_bytes, self._things.values())) > self._max_bytes:
                self._things.popitem(last=False)
        return name

    def find(self, name: str) -> Thing | None:
        """What has that name, if it is kept."""
        return self._things.get(name)

    def require(self, name: str) -> Thing:
        """What has that name; NotFound if it is not kept."""
        thing = self.find(name)
        if thing is None:
            raise self.tell_lost()
        return thing

    def tell_lost(self) -> NotFound:
        return NotFound("this is no longer kept", hint="reload the page")
