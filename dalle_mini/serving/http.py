"""The interface for programs, version 1: order drawings, watch them, fetch their pictures."""

import time
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from dalle_mini.serving import events
from dalle_mini.serving.answers import ErrorAnswer
from dalle_mini.serving.callers import find_address
from dalle_mini.serving.desk import Receipt
from dalle_mini.serving.schemas import API, Generation, GenerationRequest, Models, describe_found
from dalle_mini.serving.service import Service
from dalle_mini.serving.store import Record
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Failed

LONGEST_WAIT = 120
_STAYS = {"Cache-Control": "private, max-age=86400, immutable"}
_PASSES = {"Cache-Control": "no-store"}


def get_service(request: Request) -> Service:
    return request.app.state.service


ServiceHere = Annotated[Service, Depends(get_service)]


def find_caller(request: Request, service: ServiceHere) -> str:
    """A name for whoever calls: the key, where the API wants one, or the address."""
    if name := service.keys.check(request.headers):
        return f"key/{name}"
    return find_visitor(request, service)


def find_visitor(request: Request, service: ServiceHere) -> str:
    """A name for the address that calls."""
    peer = request.client.host if request.client else ""
    forwarded = request.headers.getlist("x-forwarded-for")
    return f"address/{find_address(peer, forwarded, service.settings.trusted_proxies)}"


Caller = Annotated[str, Depends(find_caller)]
Id = Annotated[str, Path(description="The `id` of the answer to the order.")]


def describe_errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the OpenAPI description: answers of other statuses have the shape of errors."""
    return {status: {"model": ErrorAnswer} for status in statuses}


router = APIRouter(prefix=API, dependencies=[Depends(find_caller)], responses=describe_errors(401, 422))


@router.post(
    "/generations",
    response_model_exclude_none=True,
    status_code=202,
    responses={200: {"model": Generation, "description": "Drawn already"}, **describe_errors(400, 409, 413, 429, 503)},
)
async def order_drawing(
    body: GenerationRequest,
    service: ServiceHere,
    caller: Caller,
    response: Response,
    wait: Annotated[float, Query(ge=0, le=LONGEST_WAIT, description="Seconds to wait for the pictures.")] = 0,
    prefer: Annotated[str, Header(description="`wait=SECONDS`, as in RFC 7240.")] = "",
    idempotency_key: Annotated[
        str, Header(max_length=255, description="The same order under the same key is drawn once.")
    ] = "",
) -> Generation:
    """Order a drawing. The answer says where to come back for it."""
    service.buckets.take(caller)
    order = await run_in_threadpool(service.read_order, body)
    taken = await run_in_threadpool(service.desk.take, order, client=caller, idempotency_key=idempotency_key)
    id = taken.id if isinstance(taken, Record) else taken.ticket.id
    if isinstance(taken, Receipt):
        await _wait_for_end(taken.ticket, wait or _read_prefer(prefer))
    generation = await run_in_threadpool(lambda: describe_found(service.desk.find(id)))
    if generation.state == "finished":
        response.status_code = 200
    response.headers["Location"] = generation.location
    response.headers.update(_PASSES)
    token = taken.delete_token if isinstance(taken, Receipt) else None
    return generation.model_copy(update={"delete_token": token})


@router.get("/generations/{id}", response_model_exclude_none=True, responses=describe_errors(404))
def get_drawing(id: Id, service: ServiceHere, response: Response) -> Generation:
    """How a drawing stands, and its pictures when it is finished."""
    response.headers.update(_PASSES)
    return describe_found(service.desk.find(id))


@router.get(
    "/generations/{id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}}, **describe_errors(404)},
)
def watch_drawing(id: Id, service: ServiceHere) -> StreamingResponse:
    """Server-sent events, named after the states, with previews, to the end."""
    told = events.tell(service.desk.find(id), lambda: describe_found(service.desk.find(id)))
    # Proxies such as nginx would else gather events before they pass them on.
    return StreamingResponse(told, media_type="text/event-stream", headers=_PASSES | {"X-Accel-Buffering": "no"})


@router.delete("/generations/{id}", status_code=204, responses=describe_errors(403, 404))
def remove_drawing(
    id: Id,
    service: ServiceHere,
    delete_token: Annotated[str, Header(description="Needed when the pictures are finished.")] = "",
) -> None:
    """Cancel a drawing, or delete its pictures."""
    service.desk.remove(id, delete_token)


@router.get(
    "/generations/{id}/{name}",
    response_class=Response,
    responses={200: {"content": {"image/png": {}, "image/webp": {}}}, **describe_errors(404)},
)
def get_picture(
    id: Id,
    name: Annotated[
        str,
        Path(
            description="`grid` or the index of a picture, then `.png` or `.webp`; or `animation.webp`.",
            json_schema_extra={"pattern": r"^((grid|\d{1,2})\.(png|webp)|animation\.webp)$"},
        ),
    ],
    service: ServiceHere,
) -> Response:
    """A picture, as a PNG that carries its recipe or as a smaller WebP; or how they came about, if it was ordered."""
    content = service.desk.read(id, name)
    return Response(content, media_type=f"image/{name.rpartition('.')[2]}", headers=_STAYS)


@router.get("/models")
def list_models(service: ServiceHere) -> Models:
    """The models of this server, with the settings that they are best drawn with."""
    return Models(default=service.model_name, models=service.list_models())


async def _wait_for_end(ticket: Ticket, seconds: float) -> None:
    """Until the drawing has ended or so many seconds are over; raises what it failed with."""
    end = time.monotonic() + seconds
    news = ticket.news
    while not ticket.ended and (left := end - time.monotonic()) > 0:
        news = await ticket.wait_async(news.number, timeout=left)
    if seconds and isinstance(ticket.news.update, Failed):
        raise ticket.news.update.error


def _read_prefer(header: str) -> float:
    """The seconds of `Prefer: wait=SECONDS`; preferences that can't be read are none (RFC 7240, section 2)."""
    for preference in header.split(","):
        name, _, value = preference.partition("=")
        if name.strip().lower() == "wait" and (value := value.strip()).isascii() and value.isdigit():
            return float(min(int(value[:6]), LONGEST_WAIT))
    return 0.0
