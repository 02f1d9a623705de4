"""Sharing from the page: what is drawn here goes to a page of its own without an account or a key of the API."""

import dataclasses
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from dalle_mini.generation import Generation
from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.desk import describe
from dalle_mini.serving.http import ServiceHere, find_visitor
from dalle_mini.serving.origin import find_base
from dalle_mini.serving.share_page import Place
from dalle_mini.serving.share_pictures import draw_files
from dalle_mini.serving.shares import Choices
from dalle_mini.serving.sharing import Shared
from dalle_mini.web.pictures import Pictures


class ShareWish(BaseModel):
    """What to show to everybody who has the link: the whole drawing, or one `picture` of it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    picture: Annotated[int, Field(ge=0)] | None = None
    show_prompt: bool = True
    noindex: bool = True


def build_router(pictures: Pictures) -> APIRouter:
    """The route for drawings that are kept."""
    router = APIRouter()

    @router.post("/pictures/{name}/shares", status_code=201)
    def share(name: str, wish: ShareWish, request: Request, service: ServiceHere, response: Response) -> Shared:
        """Copy a drawing to a page of its own; the answer has its address and what deletes it."""
        service.buckets.take(find_visitor(request, service))
        generation = pictures.require(name)
        images, description = choose(generation, wish.picture)
        files, told = draw_files(images, description, show_prompt=wish.show_prompt)
        page, token = service.shares.publish(files, told, Choices(wish.show_prompt, wish.noindex))
        response.headers["Cache-Control"] = "no-store"
        url = Place(find_base(request, service.settings)).address(page)
        return Shared(id=page.id, url=url, expires=page.expires, delete_token=token)

    return router


def choose(generation: Generation, picture: int | None) -> tuple[list[Any], dict[str, Any]]:
    """The pictures to share, and what is told of them; NotFound where there is no such picture."""
    if picture is None:
        return list(generation.images), describe(generation)
    if picture >= len(generation.images):
        raise NotFound("there is no such picture", hint="reload the page")
    alone = dataclasses.replace(generation.settings, images=1, candidates=1, variety=0.0)
    recipe = generation.tile_recipe(picture)
    told = {"prompt": recipe["prompt"], "seed": recipe["seed"], "settings": alone.to_dict(), "recipe": recipe}
    return [generation.images[picture]], describe(generation) | told
