"""Whose turn it is to draw: first come, first served, with so many places and no more."""

import contextlib
import functools
import threading
from collections.abc import Callable, Generator

from dalle_mini.errors import Overloaded


class Line:
    """One place to draw at and `room` places to wait in; whoever finds them taken is turned away."""

    def __init__(self, room: int) -> None:
        self._room = room
        self._tickets: list[object] = []
        self._moved = threading.Condition()

    @contextlib.contextmanager
    def join(self) -> Generator[Callable[[float], int]]:
        """Stand in line while the block runs; Overloaded where there is no room.

        The function waits so many seconds for the line to move, and tells how many are ahead; at 0 it is one's turn.
        """
        ticket = object()
        with self._moved:
            if len(self._tickets) > self._room:
                raise Overloaded(
                    f"{self._room} drawings are waiting already", hint="try again in a minute", retry_after=60
                )
            self._tickets.append(ticket)
        try:
            yield functools.partial(self._count_ahead, ticket)
        finally:
            with self._moved:
                self._tickets.remove(ticket)
                self._moved.notify_all()

    def _count_ahead(self, ticket: object, seconds: float) -> int:
        with self._moved:
            if self._tickets[0] is not ticket:
                self._moved.wait(seconds)
            return self._tickets.index(ticket)
