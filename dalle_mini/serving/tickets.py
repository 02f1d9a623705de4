"""A ticket stands for one drawing: what became of it so far, for any number of listeners.

A listener gets the newest update, not every one: whoever is slow skips some, and nothing piles up.
"""

import asyncio
import contextlib
import dataclasses
import math
import secrets
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import TYPE_CHECKING

from dalle_mini.serving.order import Order
from dalle_mini.serving.updates import Drawing, Failed, Finished, Update, Waiting

if TYPE_CHECKING:
    from dalle_mini.generation import Generation


Keep = Callable[["Ticket", "Generation"], object]
"""Puts finished pictures away before anybody is told of them."""


@dataclasses.dataclass(frozen=True)
class News:
    """An update and its number, which counts those before it."""

    number: int
    update: Update


class Ticket:
    """One drawing of one client. Times are on the engine's clock; behind its `deadline` it is not begun."""

    def __init__(
        self, order: Order, *, client: str, submitted: float = 0, deadline: float = math.inf, keep: Keep | None = None
    ) -> None:
        self.id = secrets.token_urlsafe(16)
        self.order, self.client, self.keep = order, client, keep
        self.submitted, self.deadline = submitted, deadline
        self.cancelled = False
        self._changed = threading.Condition()
        self._news = News(0, Waiting(0, math.inf))
        self._wakers: set[Callable[[], object]] = set()
        self._least_place, self._least_seconds = math.inf, math.inf

    @property
    def news(self) -> News:
        """The newest there is to tell."""
        return self._news

    @property
    def ended(self) -> bool:
        return isinstance(self._news.update, Finished | Failed)

    def tell(self, update: Update) -> None:
        """Let every listener know; place and time left only shrink, and nothing comes behind the end."""
        with self._changed:
            if self.ended:
                return
            self._news = News(self._news.number + 1, self._shrink(update))
            self._changed.notify_all()
            for wake in self._wakers:
                wake()

    def wait(self, seen: int = 0, *, timeout: float | None = None) -> News:
        """News of a number above `seen`, or the newest when `timeout` seconds have passed."""
        with self._changed:
            self._changed.wait_for(lambda: self._news.number > seen, timeout)
            return self._news

    async def wait_async(self, seen: int = 0, *, timeout: float | None = None) -> News:
        """`wait` for an event loop."""
        loop, changed = asyncio.get_running_loop(), asyncio.Event()

        def wake() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and its listener with it
                loop.call_soon_threadsafe(changed.set)

        with self._changed:
            self._wakers.add(wake)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    while self._news.number <= seen:
                        changed.clear()
                        await changed.wait()
        finally:
            with self._changed:
                self._wakers.remove(wake)
        return self._news

    def follow(self, *, every: float | None = None) -> Generator[Update]:
        """Updates as they come, from the newest on, up to the last; the same again after `every` so many seconds."""
        news = self._news
        yield news.update
        while not isinstance(news.update, Finished | Failed):
            news = self.wait(news.number, timeout=every)
            yield news.update

    async def follow_async(self, *, every: float | None = None) -> AsyncGenerator[Update]:
        """`follow` for an event loop."""
        news = self._news
        yield news.update
        while not isinstance(news.update, Finished | Failed):
            news = await self.wait_async(news.number, timeout=every)
            yield news.update

    def result(self) -> "Generation":
        """Wait for the pictures; raises what kept them from being drawn."""
        *_, last = self.follow()
        if isinstance(last, Failed):
            raise last.error
        assert isinstance(last, Finished)
        return last.generation

    def _shrink(self, update: Update) -> Update:
        match update:
            case Waiting(place, seconds):
                self._least_place = min(self._least_place, place)
                self._least_seconds = min(self._least_seconds, seconds)
                return dataclasses.replace(update, place=int(self._least_place), seconds=self._least_seconds)
            case Drawing():
                self._least_seconds = min(self._least_seconds, update.seconds_left)
                return dataclasses.replace(update, seconds_left=self._least_seconds)
        return update
