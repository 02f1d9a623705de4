"""Shared pages for programs: making and deleting them, and oEmbed for other sites."""

import io
from typing import Annotated

from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response
from PIL import Image
from pydantic import BaseModel, ConfigDict, Field

from dalle_mini.serving.answers import Conflict, Forbidden, NotFound
from dalle_mini.serving.http import Caller, ServiceHere, describe_errors, find_caller
from dalle_mini.serving.origin import find_base
from dalle_mini.serving.schemas import API
from dalle_mini.serving.service import Service
from dalle_mini.serving.share_page import CARD_SIZE, SITE, Place, title_of
from dalle_mini.serving.share_pictures import CARD, GRID, draw_files
from dalle_mini.serving.shares import Choices, Share
from dalle_mini.serving.store import Record

Id = Annotated[str, Path(description="The page's `id`.")]


class ShareRequest(BaseModel):
    """A finished drawing to show to everybody who has the link, for which its delete token is needed."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    generation: str = Field(description="The drawing's `id`.", max_length=100)
    show_prompt: bool = Field(True, description="Whether the page tells the prompt, and with it the recipe.")
    noindex: bool = Field(True, description="Whether search engines are asked to leave the page out.")
    days: float | None = Field(None, gt=0, description="How long it is shown; as long as may be, unless given.")


class Shared(BaseModel):
    id: str
    url: str = Field(description="The page's address.")
    expires: float = Field(description="When the page goes; seconds since 1970.")
    delete_token: str = Field(description="Deletes the page. Told once.")


class Embedding(BaseModel):
    """What other sites show of a page (oembed.com): a photo where it fits, else a link with a card."""

    version: str = "1.0"
    type: str
    title: str
    provider_name: str = SITE
    provider_url: str
    url: str | None = None
    width: int | None = None
    height: int | None = None
    thumbnail_url: str | None = None
    thumbnail_width: int | None = None
    thumbnail_height: int | None = None


router = APIRouter(prefix=API, dependencies=[Depends(find_caller)], responses=describe_errors(401, 422))
oembed = APIRouter()


@router.post("/shares", status_code=201, responses=describe_errors(400, 403, 404, 413, 429, 507))
def share_drawing(
    body: ShareRequest,
    request: Request,
    service: ServiceHere,
    caller: Caller,
    response: Response,
    delete_token: Annotated[str, Header(description="The drawing's.")] = "",
) -> Shared:
    """Show a finished drawing at a page of its own, a copy that outlives it."""
    service.buckets.take(caller)
    choices = Choices(body.show_prompt, body.noindex, body.days)
    share, token = _publish(service, body.generation, delete_token, choices)
    url = Place(find_base(request, service.settings)).address(share)
    response.headers.update({"Location": url, "Cache-Control": "no-store"})
    return Shared(id=share.id, url=url, expires=share.expires, delete_token=token)


@router.delete("/shares/{id}", status_code=204, responses=describe_errors(403, 404, 410))
def delete_share(
    id: Id, service: ServiceHere, delete_token: Annotated[str, Header(description="The page's.")] = ""
) -> None:
    """Delete a shared page and its pictures."""
    service.shares.delete(id, delete_token)


@oembed.get(
    "/oembed", response_model_exclude_none=True, responses={501: {"description": "XML"}, **describe_errors(404, 410)}
)
def embed(
    request: Request,
    service: ServiceHere,
    url: Annotated[str, Query(description="A shared page's address.", max_length=2000)],
    maxwidth: Annotated[int | None, Query(ge=1, le=2**31)] = None,
    maxheight: Annotated[int | None, Query(ge=1, le=2**31)] = None,
    format: Annotated[str, Query(description="Only `json`.", max_length=20)] = "json",
) -> Embedding:
    """How another site may show a shared page."""
    if format != "json":
        raise HTTPException(501, "only JSON is spoken here")
    place = Place(find_base(request, service.settings))
    share = service.shares.find(_read_address(url, place.base))
    return _describe_embedding(share, place, maxwidth or share.width, maxheight or share.height)


def _publish(service: Service, id: str, delete_token: str, choices: Choices) -> tuple[Share, str]:
    """Copy a kept drawing to a page; the page and its delete token."""
    found = service.desk.find(id)
    if not isinstance(found, Record):
        raise Conflict("this drawing is not finished", hint="share it when its pictures are there")
    if not service.store.owns(id, delete_token):
        raise Forbidden("not the delete token of this drawing", hint="it came with the answer to the order")
    contents = [service.desk.read(id, f"{index}.png") for index in range(len(found.description["seeds"]))]
    images = [Image.open(io.BytesIO(content)) for content in contents]
    files, description = draw_files(images, found.description, show_prompt=choices.show_prompt)
    return service.shares.publish(files, description, choices)


def _read_address(url: str, base: str) -> str:
    """The id in a page's address; NotFound where it is none of this site's."""
    start = f"{base}/g/"
    if not url.startswith(start):
        raise NotFound("that is no page of this site", hint=f"addresses of pages begin with {start}")
    return url.removeprefix(start).partition("?")[0].partition("#")[0]


def _describe_embedding(share: Share, place: Place, most_width: int, most_height: int) -> Embedding:
    embedding = Embedding(type="link", title=title_of(share), provider_url=place.base)
    if share.width <= most_width and share.height <= most_height:
        photo = {"type": "photo", "url": place.picture(share, GRID), "width": share.width, "height": share.height}
        return embedding.model_copy(update=photo)
    width, height = CARD_SIZE
    if width <= most_width and height <= most_height:
        return embedding.model_copy(
            update={
                "thumbnail_url": place.picture(share, CARD),
                "thumbnail_width": width,
                "thumbnail_height": height,
            }
        )
    return embedding
