"""Shared pages for people: looking, reporting, deleting; whatever goes wrong is told on a page, too."""

from collections.abc import Callable
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from starlette.concurrency import run_in_threadpool

from dalle_mini.errors import DalleMiniError, Overloaded
from dalle_mini.serving.answers import Forbidden, NotFound
from dalle_mini.serving.http import ServiceHere, find_visitor, get_service
from dalle_mini.serving.origin import find_base
from dalle_mini.serving.share_page import POLICY, Place, write_notice, write_page
from dalle_mini.serving.shares import Share

_PICTURES_STAY = {"Cache-Control": "public, max-age=300"}
"""Not for long: what is deleted or hidden must go."""
_NOINDEX = {"X-Robots-Tag": "noindex"}
_TITLES = {
    400: "That can’t be done",
    403: "That won’t do",
    404: "Nothing here",
    410: "No longer here",
    429: "Slow down, please",
}

router = APIRouter(prefix="/g", include_in_schema=False)


@router.get("/{id}")
def show_page(id: str, request: Request, service: ServiceHere) -> Response:
    """The page."""
    try:
        share = service.shares.find(id)
    except DalleMiniError as error:
        return _tell_error(request, error)
    place = Place(find_base(request, service.settings), find_root(request))
    return _respond(request, 200, write_page(share, place), _robots(share))


@router.get("/{id}/{name}")
def show_picture(id: str, name: str, request: Request, service: ServiceHere) -> Response:
    """The grid, the card or the classic square."""
    try:
        share, content = service.shares.read(id, name)
    except DalleMiniError as error:
        return _tell_error(request, error)
    media_type = f"image/{name.rpartition('.')[2]}"
    return Response(content, media_type=media_type, headers=_PICTURES_STAY | _robots(share))


@router.post("/{id}/report")
async def report_page(id: str, request: Request, service: ServiceHere) -> Response:
    """What the report's form sends."""

    def report(form: dict[str, str]) -> Response:
        visitor = find_visitor(request, service)
        service.shares.report(id, reporter=visitor, reason=form.get("reason", ""))
        return _tell(request, 200, "Thank you", "Your report is noted, and somebody will look at the page.")

    return await _answer_form(request, report, back=id)


@router.post("/{id}/delete")
async def delete_page(id: str, request: Request, service: ServiceHere) -> Response:
    """What the other form sends."""

    def delete(form: dict[str, str]) -> Response:
        service.shares.delete(id, form.get("token", "").strip())
        return _tell(request, 200, "Deleted", "The page and its pictures are gone.")

    return await _answer_form(request, delete, back=id)


@router.get("")
@router.api_route("/{rest:path}", methods=["GET", "POST"])
def show_nothing(request: Request) -> Response:
    """For all other paths."""
    return _tell_error(request, NotFound("there is no such page", hint="its address is mistyped, or cut short"))


def find_root(request: Request) -> str:
    """The way from a request's path to the site's root, also where a proxy has cut off a folder."""
    path = request.scope.get("raw_path") or request.scope["path"].encode()
    return "../" * (path.count(b"/") - 1) or "./"


async def _answer_form(request: Request, act: Callable[[dict[str, str]], Response], *, back: str) -> Response:
    """Do what a form of ours asks for, never what another site's does in a visitor's name."""
    content = await request.body()
    try:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise Forbidden("this form came from another site", hint="use the one on the page")
        return await run_in_threadpool(act, _read_form(content))
    except DalleMiniError as error:
        return _tell_error(request, error, back=back)


def _read_form(content: bytes) -> dict[str, str]:
    """The first value of each field; nothing where it can't be read."""
    try:
        fields = parse_qs(content.decode(errors="replace"), max_num_fields=20)
    except ValueError:
        return {}
    return {name: values[0] for name, values in fields.items()}


def _tell_error(request: Request, error: DalleMiniError, *, back: str = "") -> Response:
    text = f"{_as_sentence(str(error))} {_as_sentence(error.hint)}"
    title = _TITLES.get(error.http_status, "Something went wrong")
    answer = _tell(request, error.http_status, title, text, back=back if error.http_status not in (404, 410) else "")
    if isinstance(error, Overloaded):
        answer.headers["Retry-After"] = f"{error.retry_after:.0f}"
    return answer


def _tell(request: Request, status: int, title: str, text: str, *, back: str = "") -> HTMLResponse:
    root = find_root(request)
    page = write_notice(title, text, root, back=f"{root}g/{back}" if back else "")
    return _respond(request, status, page, _NOINDEX)


def _respond(request: Request, status: int, page: str, headers: dict[str, str]) -> HTMLResponse:
    policy = POLICY.format(framed_by=get_service(request).settings.framed_by)
    return HTMLResponse(page, status, {"Cache-Control": "no-cache", "Content-Security-Policy": policy, **headers})


def _robots(share: Share) -> dict[str, str]:
    return _NOINDEX if share.noindex else {}


def _as_sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + "." * (text[-1:] not in ("", "."))
