"""Where the page's pictures are drawn: by the engine, whose ticket becomes an iterator of what there is to tell.

Closing the iterator (Stop, or leaving the page) frees the device within one chunk of tokens, and a place in any line.
"""

import collections
import contextlib
import dataclasses
import math
import secrets
import time
from collections.abc import Callable, Generator

from PIL import Image

from dalle_mini.serving.callers import Buckets
from dalle_mini.serving.order import Order
from dalle_mini.serving.reception import Reception
from dalle_mini.serving.updates import Drawing, Failed, Finished, Held, Limit, Preparing, Waiting

__all__ = ["Drawing", "Finished", "Held", "Preparing", "Studio", "Update", "Waiting"]

_PATIENCE = 0.5
"""Seconds after which a visitor is told the same again, so that one who has left is noticed."""

Update = Held | Waiting | Preparing | Drawing | Finished


class Studio:
    """The page's side of the engine; `model` is the one that visitors find chosen, `ranker` the CLIP named for it.

    The `public` is shown nothing that is flagged, and nothing that is unseen where pictures are looked at. `buckets`
    are those of the API's callers, with whom visitors share what one address may order; `require` raises for an order
    that is too large for this server.
    """

    def __init__(
        self,
        engine: Reception,
        model: str,
        *,
        ranker: str | None = None,
        public: bool = False,
        buckets: Buckets | None = None,
        require: Callable[[Order], object] = lambda order: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.model, self.ranker, self.public = model, ranker, public
        self._engine, self._buckets, self._require = engine, buckets, require
        self._clock, self._sleep = clock, sleep

    @property
    def room(self) -> int:
        """Visitors who may wait, be held or be drawn for at one time."""
        limits = self._engine.limits
        return limits.waiting + limits.at_once + limits.held + (self._buckets.most_in_line if self._buckets else 0)

    def draw(self, order: Order, *, visitor: str = "") -> Generator[Update]:
        """Wait for a turn, then draw; the last update is `Finished`. Raises DalleMiniError.

        The `visitor` is a name for an address, whose drawings have turns and limits together; without one, every
        drawing is a visitor of its own. Who is over a limit is `Held`, and goes on in turn.
        """
        self._require(order)
        if visitor and self._buckets:
            yield from self._wait_for_ration(self._buckets, visitor)
        ticket = self._engine.stand_by(order, client=visitor or f"page/{secrets.token_hex(8)}")
        shown: tuple[Image.Image, ...] = ()
        due: dict[Limit, float] = collections.defaultdict(lambda: math.inf)
        try:
            for update in ticket.follow(every=_PATIENCE):
                match update:
                    case Failed(error):
                        raise error
                    case Held(limit, seconds):
                        due[limit] = min(due[limit], self._clock() + seconds)
                        yield Held(limit, max(due[limit] - self._clock(), 0.0))
                    case Waiting(preparing=model) if model:
                        yield Preparing(model)
                    case Drawing(pictures=pictures):
                        yield dataclasses.replace(update, pictures=() if pictures is shown else pictures)
                        shown = pictures
                    case _:
                        yield update
        finally:
            self._engine.cancel(ticket)

    def _wait_for_ration(self, buckets: Buckets, visitor: str) -> Generator[Held]:
        """Stand in line until the visitor's address may order once more."""
        with contextlib.closing(buckets.line_up(visitor)) as turn:
            while seconds := turn.claim():
                yield Held("ration", seconds)
                self._sleep(min(seconds, _PATIENCE))
