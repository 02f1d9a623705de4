"""Finished drawings once more, step by step: how the grid looked after so many tokens, and all of it as an animation.

What was made is kept for a while, in memory that is bounded; the device makes the rest when somebody looks.
"""

import asyncio
import collections
import math
from collections.abc import Awaitable, Callable
from typing import Literal

from fastapi import APIRouter
from fastapi.responses import Response
from PIL import Image
from starlette.concurrency import run_in_threadpool

from dalle_mini.animation import SIDES, Format, encode_animation
from dalle_mini.generation import Generation
from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.http import ServiceHere
from dalle_mini.serving.reception import Reception
from dalle_mini.watermark import mark_picture
from dalle_mini.web.downloads import encode_webp
from dalle_mini.web.pictures import Pictures

MAX_BYTES = 32 * 2**20
"""Of files that are kept, in all; those that nobody looked at for the longest time make room."""
FRAMES = 24
"""Of an animation."""

_STAYS = {"Cache-Control": "private, max-age=86400, immutable"}


class Frames:
    """Files by what they show, not for several threads at once."""

    def __init__(self, max_bytes: int = MAX_BYTES) -> None:
        self._max_bytes, self._bytes = max_bytes, 0
        self._files: collections.OrderedDict[tuple[str, str], bytes] = collections.OrderedDict()

    async def find(self, key: tuple[str, str], make: Callable[[], Awaitable[bytes]]) -> bytes:
        """The file of that drawing and name, made where it is not kept."""
        if key not in self._files:
            self._put(key, await make())
        self._files.move_to_end(key)
        return self._files[key]

    def _put(self, key: tuple[str, str], content: bytes) -> None:
        self._bytes += len(content) - len(self._files.pop(key, b""))
        self._files[key] = content
        while self._bytes > self._max_bytes and len(self._files) > 1:
            self._bytes -= len(self._files.popitem(last=False)[1])


def build_router(pictures: Pictures) -> APIRouter:
    """The routes of drawings that are kept."""
    router, frames, animating = APIRouter(), Frames(), asyncio.Semaphore(1)

    @router.get("/pictures/{name}/steps/{position}.webp")
    async def get_step(name: str, position: int, service: ServiceHere) -> Response:
        """All pictures side by side as they were after `position` tokens, transparent where nothing was drawn yet."""
        drawn = pictures.require(name)
        if not 0 <= position <= count_tokens(drawn):
            raise NotFound("there is no such step", hint="reload the page")

        async def make() -> bytes:
            images = await look_back(service.engine, drawn, position)
            return await run_in_threadpool(lambda: encode_webp(lay_out(images)))

        return _respond(await frames.find((name, str(position)), make), "webp")

    @router.get("/pictures/{name}/replay.{kind}")
    async def get_replay(name: str, kind: Literal["webp", "gif"], service: ServiceHere) -> Response:
        """The grid as it came about, as an animation."""
        drawn = pictures.require(name)

        async def make() -> bytes:
            async with animating:
                return await _animate(service.engine, drawn, kind)

        return _respond(await frames.find((name, kind), make), kind)

    return router


def count_tokens(drawn: Generation) -> int:
    """Of each picture."""
    return drawn.candidates.tokens.shape[1]


async def look_back(engine: Reception, drawn: Generation, position: int) -> list[Image.Image]:
    """The pictures as they were after `position` tokens; finished ones need no device."""
    if position == count_tokens(drawn):
        return list(drawn.images)
    return list(await asyncio.gather(*map(asyncio.wrap_future, engine.look_back(drawn, position))))


def lay_out(images: list[Image.Image]) -> Image.Image:
    """Pictures side by side, without a gap, in as many columns as the grid has."""
    columns = math.ceil(math.sqrt(len(images)))
    width, height = images[0].size
    sheet = Image.new("RGBA", (columns * width, math.ceil(len(images) / columns) * height))
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        sheet.paste(image, (column * width, row * height))
    return sheet


async def _animate(engine: Reception, drawn: Generation, kind: Format) -> bytes:
    frames = []
    for frame in range(1, FRAMES):
        images = await look_back(engine, drawn, math.ceil(frame * count_tokens(drawn) / FRAMES))
        frames.append(await run_in_threadpool(_compose, drawn, images))
    return await run_in_threadpool(_finish, frames, drawn, kind)


def _compose(drawn: Generation, images: list[Image.Image]) -> Image.Image:
    """The grid, no larger than an animation can be."""
    sheet = drawn.compose(images)
    sheet.thumbnail((SIDES[0], SIDES[0]))
    return sheet


def _finish(frames: list[Image.Image], drawn: Generation, kind: Format) -> bytes:
    """The animation; its last frame, the finished grid, bears the mark."""
    return encode_animation([*frames, mark_picture(_compose(drawn, list(drawn.images)))], format=kind)


def _respond(content: bytes, kind: str) -> Response:
    return Response(content, media_type=f"image/{kind}", headers=_STAYS)
