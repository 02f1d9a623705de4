"""The interface of the original, which bots speak: `POST /generate {"prompt"}` gives `{"images", "version"}`."""

import base64
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool

import dalle_mini
from dalle_mini.errors import Cancelled
from dalle_mini.serving.http import Caller, ServiceHere, describe_errors
from dalle_mini.serving.schemas import BotAnswer, BotRequest, GenerationRequest, Version
from dalle_mini.serving.updates import Failed

if TYPE_CHECKING:
    from dalle_mini.generation import Generation

_SECONDS_BETWEEN = 1.0

router = APIRouter()


@router.post("/generate", responses=describe_errors(400, 401, 413, 422, 429, 503))
async def generate(body: BotRequest, request: Request, service: ServiceHere, caller: Caller) -> BotAnswer:
    """Draw a prompt and wait for the pictures; whoever hangs up frees the device."""
    service.buckets.take(caller)
    order = await run_in_threadpool(service.read_order, GenerationRequest(prompt=body.prompt))
    ticket = service.engine.submit(order, client=caller)
    try:
        async for update in ticket.follow_async(every=_SECONDS_BETWEEN):
            if await request.is_disconnected():
                raise Cancelled("the caller hung up")
            if isinstance(update, Failed):
                raise update.error
    finally:
        service.engine.cancel(ticket)
    return BotAnswer(images=await run_in_threadpool(_encode, ticket.result()), version=dalle_mini.__version__)


@router.get("/version")
def get_version() -> Version:
    """The version of the program."""
    return Version(version=dalle_mini.__version__)


def _encode(generation: "Generation") -> list[str]:
    from dalle_mini.grid import encode_png, enlarge

    return [
        base64.b64encode(encode_png(enlarge(image), generation.tile_recipe(index))).decode()
        for index, image in enumerate(generation.images)
    ]
