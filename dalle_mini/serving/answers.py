"""Errors as JSON, all in one shape: `{"error": {"type", "message", "hint"}}`."""

from collections.abc import Sequence
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, Route
from starlette.types import Scope

from dalle_mini.errors import DalleMiniError, Overloaded, PromptRejected

_HINTS = {
    404: "see /api/v1/docs for what there is",
    405: "see /api/v1/docs for what there is",
    413: "send less",
}
_TYPES = {404: "NotFound", 405: "MethodNotAllowed", 413: "TooLarge", 422: "BadRequest", 400: "BadRequest"}


class NotFound(DalleMiniError):
    http_status = 404


class Gone(DalleMiniError):
    http_status = 410


class Forbidden(DalleMiniError):
    http_status = 403


class Conflict(DalleMiniError):
    http_status = 409


class Problem(BaseModel):
    """`type` is for programs, `message` says what happened, `hint` what to do about it; a refused prompt has a
    `category`."""

    type: str
    message: str
    hint: str
    category: str | None = None


class ErrorAnswer(BaseModel):
    error: Problem


def describe(error: DalleMiniError) -> Problem:
    category = error.category if isinstance(error, PromptRejected) else None
    return Problem(type=type(error).__name__, message=str(error), hint=error.hint, category=category)


def answer(error: DalleMiniError) -> JSONResponse:
    headers = {"Retry-After": f"{error.retry_after:.0f}"} if isinstance(error, Overloaded) else {}
    if error.http_status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return respond(error.http_status, describe(error), headers)


def answer_errors(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """Let every error of `app`, whose own `routes` these are, be answered in this shape."""

    @app.exception_handler(DalleMiniError)
    def answer_ours(request: Request, error: DalleMiniError) -> JSONResponse:
        return answer(error)

    @app.exception_handler(RequestValidationError)
    def answer_bad_request(request: Request, error: RequestValidationError) -> JSONResponse:
        # What was sent is not repeated: it may be long, secret, or no text at all.
        found = "; ".join(_describe_mistake(mistake) for mistake in error.errors()[:5])
        return respond(422, Problem(type="BadRequest", message=found, hint="see /api/v1/docs for what is expected"))

    @app.exception_handler(HTTPException)
    def answer_http(request: Request, error: HTTPException) -> JSONResponse:
        status = error.status_code
        problem = Problem(type=_TYPES.get(status, "Error"), message=error.detail, hint=_HINTS.get(status, ""))
        headers = dict(error.headers or {})
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = _list_methods(routes, request.scope)
        return respond(status, problem, headers)

    @app.exception_handler(Exception)
    def answer_mistake(request: Request, error: Exception) -> JSONResponse:
        problem = Problem(type="InternalError", message="something went wrong here", hint="it has been noted")
        return respond(500, problem)


def _list_methods(routes: Sequence[BaseRoute], scope: Scope) -> str:
    """What may be done at a path, by all routes that lead there."""
    leading = [route for route in routes if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE]
    return ", ".join(sorted({method for route in leading for method in route.methods or ()}))


def _describe_mistake(mistake: dict) -> str:
    place = ".".join(str(part) for part in mistake["loc"][1:]) or str(mistake["loc"][0])
    return f"{_printable(place)}: {_printable(mistake['msg'])}"


def _printable(text: str) -> str:
    return text[:200].encode(errors="replace").decode()


def respond(status: int, problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse(ErrorAnswer(error=problem).model_dump(exclude_none=True), status, headers)
