"""Where the page's pictures are drawn: by the engine, whose ticket becomes an iterator of what there is to tell.

Closing the iterator (Stop, or leaving the page) frees the device within one chunk of tokens.
"""

import dataclasses
import secrets
from collections.abc import Generator

from PIL import Image

from dalle_mini.serving.callers import Buckets
from dalle_mini.serving.engine import Engine, EngineLimits
from dalle_mini.serving.order import Order
from dalle_mini.serving.updates import Drawing, Failed, Finished, Preparing, Waiting

__all__ = ["ROOM", "Drawing", "Finished", "Preparing", "Studio", "Update", "Waiting"]

ROOM = EngineLimits().waiting
"""Drawings that may wait."""

_PATIENCE = 0.5
"""Seconds after which a visitor is told the same again, so that one who has left is noticed."""

Update = Waiting | Preparing | Drawing | Finished


class Studio:
    """The page's side of the engine; `model` is the one that visitors find chosen, `ranker` the CLIP named for it.

    The `public` is shown nothing that is flagged, and nothing that is unseen where pictures are looked at. `buckets`
    are those of the API's callers, with whom visitors share what one address may order.
    """

    def __init__(
        self,
        engine: Engine,
        model: str,
        *,
        ranker: str | None = None,
        public: bool = False,
        buckets: Buckets | None = None,
    ) -> None:
        self.model, self.ranker, self.public = model, ranker, public
        self._engine, self._buckets = engine, buckets

    def draw(self, order: Order, *, visitor: str = "") -> Generator[Update]:
        """Wait for a turn, then draw; the last update is `Finished`. Raises DalleMiniError.

        The `visitor` is a name for an address, whose drawings have turns and limits together; without one, every
        drawing is a visitor of its own.
        """
        if visitor and self._buckets:
            self._buckets.take(visitor)
        ticket = self._engine.submit(order, client=visitor or f"page/{secrets.token_hex(8)}")
        shown: tuple[Image.Image, ...] = ()
        try:
            for update in ticket.follow(every=_PATIENCE):
                match update:
                    case Failed(error):
                        raise error
                    case Waiting(preparing=model) if model:
                        yield Preparing(model)
                    case Drawing(pictures=pictures):
                        yield dataclasses.replace(update, pictures=() if pictures is shown else pictures)
                        shown = pictures
                    case _:
                        yield update
        finally:
            self._engine.cancel(ticket)
