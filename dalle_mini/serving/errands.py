"""Short work for the device beside the drawings: what somebody wants to look at while others draw.

    Engine.look_back ─▶ Errands ─▶ the painter's thread: between two chunks of tokens, or when nothing is drawn

Each errand is one picture through the VQGAN, and between two chunks only a moment's worth of them is run, so drawings
go on nearly as before.
"""

import collections
import concurrent.futures
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from dalle_mini.errors import Closing, DalleMiniError, Overloaded

MOST = 1024
"""Errands that may wait."""
MOMENT = 0.2
"""Seconds of errands between two chunks."""
_RETRY = 2.0


class Errand(NamedTuple):
    work: Callable[[], Any]
    future: concurrent.futures.Future

    def run(self) -> None:
        self.future.set_result(self.work())


class Errands:
    """Work in the order in which it came."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._waiting: collections.deque[Errand] = collections.deque()
        self._is_closed = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, works: Sequence[Callable[[], Any]]) -> list[concurrent.futures.Future]:
        """What will be their results; Overloaded where too many wait, Closing where none is run any more."""
        errands = [Errand(work, concurrent.futures.Future()) for work in works]
        with self._lock:
            if self._is_closed:
                raise _closing()
            if len(self._waiting) + len(errands) > MOST:
                raise say_crowded()
            self._waiting.extend(errands)
        return [errand.future for errand in errands]

    def run(self, attempt: Callable[[Callable[[], None]], DalleMiniError | None]) -> None:
        """One errand, and more until the moment is over; `attempt` does it, and says what went wrong."""
        end = self._clock() + MOMENT
        while errand := self._pop():
            if not errand.future.set_running_or_notify_cancel():
                continue
            error = attempt(errand.run)
            if error:
                errand.future.set_exception(error)
            if self._clock() >= end:
                return

    def close(self) -> None:
        """Take no more, and tell everybody who waits."""
        self._is_closed = True
        while errand := self._pop():
            if errand.future.set_running_or_notify_cancel():
                errand.future.set_exception(_closing())

    def _pop(self) -> Errand | None:
        with self._lock:
            return self._waiting.popleft() if self._waiting else None


def say_crowded() -> Overloaded:
    hint = f"try again in {_RETRY:.0f} seconds"
    return Overloaded("many people are watching at the moment", hint=hint, retry_after=_RETRY)


def _closing() -> Closing:
    return Closing("the server is being stopped", hint="try again in a minute", retry_after=_RETRY)
