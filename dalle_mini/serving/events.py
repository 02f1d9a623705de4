"""A drawing as server-sent events (the HTML standard, section 9.2): what is told of it, with previews, to the end."""

import base64
import json
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING

from starlette.concurrency import run_in_threadpool

from dalle_mini.errors import DalleMiniError
from dalle_mini.serving.desk import encode_webp
from dalle_mini.serving.schemas import Generation, describe_found, describe_update
from dalle_mini.serving.store import Record
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Drawing, Failed, Finished

if TYPE_CHECKING:
    from PIL import Image

SECONDS_OF_SILENCE = 15.0
"""After so long a comment is sent, lest something between us and the reader takes the line for dead."""


async def tell(
    found: Ticket | Record, find_finished: Callable[[], Generation], *, every: float = SECONDS_OF_SILENCE
) -> AsyncGenerator[str]:
    """Events named after the states; previews are WebPs in base64, each sent once."""
    if isinstance(found, Record):
        yield _event(describe_found(found))
        return
    shown, last = (), None
    async for update in found.follow_async(every=every):
        if update is last:
            yield ": still there\n\n"
        elif isinstance(update, Finished):
            yield _event(await run_in_threadpool(_find, found.id, find_finished))
        else:
            pictures = update.pictures if isinstance(update, Drawing) else ()
            fresh = pictures if pictures is not shown else ()
            shown = pictures or shown
            previews = await run_in_threadpool(_encode, fresh)
            yield _event(describe_update(found.id, update), previews)
        last = update


def _find(id: str, find_finished: Callable[[], Generation]) -> Generation:
    try:
        return find_finished()
    except DalleMiniError as error:  # deleted already
        return describe_update(id, Failed(error))


def _encode(pictures: "tuple[Image.Image, ...]") -> list[str]:
    return [base64.b64encode(encode_webp(picture)).decode() for picture in pictures]


def _event(generation: Generation, previews: list[str] | None = None) -> str:
    values = generation.model_dump(exclude_none=True) | ({"previews": previews} if previews else {})
    return f"event: {generation.state}\ndata: {json.dumps(values)}\n\n"
