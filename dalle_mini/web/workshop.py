"""Slow work with pictures that visitors ask for: memes, and telling where a picture is from; two at a time."""

import asyncio
import contextlib
import json
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from dalle_mini.errors import DalleMiniError
from dalle_mini.generation import Generation
from dalle_mini.grid import encode_png
from dalle_mini.meme import MAX_CAPTIONS, MAX_TEXT, Caption, draw_meme
from dalle_mini.provenance import trace_picture
from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.http import ServiceHere, find_visitor
from dalle_mini.watermark import mark_picture
from dalle_mini.web.pictures import Pictures

_AT_ONCE = 2

Fraction = Annotated[float, Field(ge=0, le=1)]


class CaptionWish(BaseModel):
    """Text, and where it stands in the meme or in its picture `panel`; see `meme.Caption`."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    text: str = Field(max_length=MAX_TEXT)
    x: Fraction
    y: Fraction
    anchor: Fraction
    panel: Annotated[int, Field(ge=0)] | None = None


class MemeWish(BaseModel):
    """Which pictures of a drawing, in that order, and what is written on them."""

    model_config = ConfigDict(extra="forbid")

    pictures: list[int] = Field(min_length=1, max_length=9)
    captions: list[CaptionWish] = Field(max_length=MAX_CAPTIONS)


class Origin(BaseModel):
    """What a picture tells: whether its pixels bear the mark, and the recipe that its file claims.

    `query` is the recipe as a link's part after the question mark.
    """

    made_here: bool
    prompt: str | None
    model: str | None
    seed: int | None
    query: str


def build_router(pictures: Pictures) -> APIRouter:
    """The routes; drawings are those that are kept."""
    router, places = APIRouter(), asyncio.Semaphore(_AT_ONCE)

    @router.post("/pictures/{name}/meme")
    async def make_meme(name: str, wish: MemeWish) -> Response:
        """The PNG of a meme; the header `Lettering` says in JSON what could not be written."""
        generation = pictures.require(name)
        async with places:
            return await run_in_threadpool(_answer_meme, generation, wish)

    @router.post("/origin")
    async def tell_origin(request: Request, service: ServiceHere) -> Origin:
        """Where the picture file in the body is from, as far as it tells; nothing of it is kept."""
        service.buckets.take(find_visitor(request, service))
        content = await request.body()
        async with places:
            return await run_in_threadpool(_trace, content)

    return router


def _trace(content: bytes) -> Origin:
    found = trace_picture(content)
    recipe = found.recipe
    query = ""
    with contextlib.suppress(DalleMiniError):  # too long for a link
        query = recipe.to_query() if recipe else ""
    return Origin(
        made_here=found.made_here,
        prompt=recipe.prompt if recipe else None,
        model=recipe.release if recipe else None,
        seed=recipe.seed if recipe else None,
        query=query,
    )


def _answer_meme(generation: Generation, wish: MemeWish) -> Response:
    if not set(wish.pictures) <= set(range(len(generation.images))):
        raise NotFound("there is no such picture", hint="reload the page")
    images = [generation.images[index] for index in wish.pictures]
    meme = draw_meme(images, [Caption(**caption.model_dump()) for caption in wish.captions if caption.text.strip()])
    recipe = generation.tile_recipe(wish.pictures[0]) if len(images) == 1 else generation.recipe
    content = encode_png(mark_picture(meme.image), recipe)
    told = quote(json.dumps({"missing": "".join(meme.missing), "cut": meme.cut}))
    return Response(content, media_type="image/png", headers={"Lettering": told, "Cache-Control": "no-store"})
