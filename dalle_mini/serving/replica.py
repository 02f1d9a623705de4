"""One of several engines that draw for a front elsewhere: it answers calls that come over a wire.

What goes over the wire is told in values. Whatever is raised means that this replica is of no use now, and that its
orders are to be drawn by another.
"""

import asyncio
import dataclasses
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

from dalle_mini.errors import CheckpointError, DalleMiniError, DeviceError
from dalle_mini.serving.engine import Engine
from dalle_mini.serving.order import Order
from dalle_mini.serving.reception import put_in_words
from dalle_mini.serving.updates import Drawing, Failed, Update

if TYPE_CHECKING:
    from PIL import Image

    from dalle_mini.generation import Generation

SECONDS_OF_SILENCE = 5.0
"""After so long without news, there is a sign of life."""


class Replica:
    """Draws orders by an engine of its own, which is ready when this is made; CheckpointError where it can't be."""

    def __init__(self, make: Callable[[], Engine]) -> None:
        self._engine = make()
        self._engine.start()
        if trouble := self._engine.wait_until_loaded():
            self._engine.close()
            raise CheckpointError(trouble, hint="the model has to be on each machine; the reason is told above")

    async def draw(self, order: Order, client: str) -> AsyncGenerator[Update | None]:
        """What there is to tell of a drawing; None is a sign of life. Closing the generator cancels it.

        Previews are sent once: a `Drawing` without pictures has those before it.
        """
        try:
            ticket = self._engine.submit(order, client=client)
        except DalleMiniError as error:
            yield Failed(put_in_words(error))
            return
        last, shown = None, ()
        try:
            async for update in ticket.follow_async(every=SECONDS_OF_SILENCE):
                match update:
                    case _ if update is last:
                        yield None
                    case Drawing(pictures=pictures):
                        yield update if pictures is not shown else dataclasses.replace(update, pictures=())
                        shown = pictures
                    case Failed():
                        self.check_health()
                        yield update
                    case _:
                        yield update
                last = update
        finally:
            self._engine.cancel(ticket)

    async def look_back(self, drawn: "Generation", position: int) -> "list[Image.Image] | Failed":
        """Every picture of a finished drawing as it was when its tokens before `position` were drawn."""
        try:
            return list(await asyncio.gather(*map(asyncio.wrap_future, self._engine.look_back(drawn, position))))
        except DalleMiniError as error:
            return Failed(put_in_words(error))

    def check_health(self) -> None:
        """DeviceError where nothing is drawn here any more."""
        if trouble := self._engine.trouble:
            raise DeviceError(trouble)

    def close(self) -> None:
        self._engine.close()
