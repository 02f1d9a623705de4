"""Pictures that visitors bring to draw on, kept in memory for a while.

What is kept is the middle square, small, with the tokens that its file claims: no name, no other part of the file.
"""

import asyncio
import io

from fastapi import APIRouter, Request, Response
from PIL import Image, ImageOps
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from dalle_mini.grid import encode_png
from dalle_mini.provenance import open_upload, read_tokens
from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.http import ServiceHere, find_visitor
from dalle_mini.web.downloads import encode_webp
from dalle_mini.web.kept import Kept

MAX_BYTES = 64 * 2**20
"""Of all that is kept."""
_MOST_SIDE = 512
_AT_ONCE = 2


class Uploads(Kept[bytes]):
    """PNGs."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        super().__init__(len, max_bytes)

    def tell_lost(self) -> NotFound:
        return NotFound("this picture is no longer kept", hint="choose it again")


class Upload(BaseModel):
    """What the page knows an upload by."""

    source: str


def build_router(uploads: Uploads) -> APIRouter:
    """The routes to bring a picture, and to see what was read of it."""
    router, places = APIRouter(), asyncio.Semaphore(_AT_ONCE)

    @router.post("/uploads", status_code=201)
    async def bring(request: Request, service: ServiceHere, response: Response) -> Upload:
        """Keep the picture file in the body."""
        service.buckets.take(find_visitor(request, service))
        content = await request.body()
        async with places:
            square = await run_in_threadpool(cut_square, content)
        response.headers["Cache-Control"] = "no-store"
        return Upload(source=uploads.add(square))

    @router.get("/uploads/{name}.webp")
    def show(name: str) -> Response:
        """The square."""
        with Image.open(io.BytesIO(uploads.require(name))) as image:
            content = encode_webp(image)
        return Response(content, media_type="image/webp", headers={"Cache-Control": "private, max-age=3600"})

    return router


def cut_square(content: bytes) -> bytes:
    """The PNG of the middle square of a picture file, at most 512 pixels a side; DataError where it may not be read."""
    picture, told = open_upload(content), read_tokens(content)
    side = min(*picture.size, _MOST_SIDE)
    square = ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS)
    return encode_png(square, {"tokens": told.to_text()} if told else None)
