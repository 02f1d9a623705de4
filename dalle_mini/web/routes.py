"""Addresses of the page beside Gradio's own: finished pictures, the panel about the model, the copy of scripts."""

from collections.abc import Callable

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response

from dalle_mini.generation import Generation
from dalle_mini.serving import shelf
from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.http import ServiceHere
from dalle_mini.web import about, downloads
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.words import Words, choose_words

_STAYS = {"Cache-Control": "private, max-age=86400, immutable"}
_TYPES = {"png": "image/png", "webp": "image/webp", "zip": "application/zip"}
_SHEETS: dict[str, Callable[[Generation], bytes]] = {
    "grid.png": downloads.encode_grid,
    "grid.webp": downloads.encode_small_grid,
    "classic.png": downloads.encode_classic,
    "all.zip": downloads.encode_zip,
}


def build_router(pictures: Pictures) -> APIRouter:
    """The routes of what is kept."""
    router = APIRouter()

    @router.get("/pictures/{name}/{file}")
    def get_picture(name: str, file: str) -> Response:
        """A sheet of a drawing, or one of its pictures."""
        generation = pictures.require(name)
        if file in _SHEETS:
            return _respond(_SHEETS[file](generation), file)
        index = _read_index(file, len(generation.images))
        encode = downloads.encode_small_tile if file.endswith(".webp") else downloads.encode_tile
        return _respond(encode(generation, index), file)

    @router.get("/pictures/{name}/unblurred/{file}")
    def get_flagged(name: str, file: str) -> Response:
        """A flagged picture as it was drawn, if it is for these eyes."""
        generation = pictures.require(name)
        index = _read_index(file, 0 if pictures.public else len(generation.images))
        return _respond(downloads.encode_unblurred(generation, index), file)

    @router.get("/pictures/{name}/candidates/{file}")
    def get_candidate(name: str, file: str) -> Response:
        """Any candidate, small as WebP."""
        generation = pictures.require(name)
        place = _read_index(file, len(generation.candidates))
        encode = downloads.encode_thumbnail if file.endswith(".webp") else downloads.encode_candidate
        return _respond(encode(generation, place, public=pictures.public), file)

    @router.get("/about.html")
    def get_about(request: Request, service: ServiceHere) -> HTMLResponse:
        """What there is to know about the model of this page, to be shown inside of it."""
        is_ranked = service.ranker is not None or shelf.brings_ranker(service.model)
        words, facts = find_words(request), about.read_facts(service.model, is_ranked=is_ranked)
        return HTMLResponse(about.render_about(words, facts), headers=told_in(words))

    @router.get("/words.json")
    def get_words(request: Request) -> Response:
        """The copy in the visitor's language, for what scripts write."""
        words = find_words(request)
        return JSONResponse(dict(words.texts), headers=told_in(words))

    return router


def find_words(request: Request) -> Words:
    """The copy in the visitor's language."""
    return choose_words(request.headers.get("accept-language", ""))


def told_in(words: Words) -> dict[str, str]:
    """Headers of what is in the visitor's language."""
    return {"Content-Language": words.language, "Vary": "Accept-Language", "Cache-Control": "no-cache"}


def _read_index(file: str, count: int) -> int:
    """The number in `3.png` or `3.webp`, if it is below `count`."""
    number, _, kind = file.partition(".")
    if kind not in ("png", "webp") or number not in map(str, range(count)):
        raise NotFound("there is no such picture", hint="reload the page")
    return int(number)


def _respond(content: bytes, file: str) -> Response:
    return Response(content, media_type=_TYPES[file.rpartition(".")[2]], headers=_STAYS)
