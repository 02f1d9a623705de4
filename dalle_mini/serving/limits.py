"""What goes for every request before it is looked at: its size, the headers of its answer, and that it is counted."""

import logging
import time

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dalle_mini.serving.answers import Problem, respond
from dalle_mini.serving.metrics import Metrics

OURS = ("/api", "/g", "/oembed", "/generate", "/version", "/livez", "/readyz", "/metrics")
"""Paths that are not the page's."""

STRICT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
_PAGE_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; "
    "connect-src 'self' data: blob:; object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors {}"
)
_EVENTS = "/gradio_api/"
"""What happens on the page is told there; whole files are sent elsewhere."""
_PAGE_BYTES = 16 * 2**20
_logger = logging.getLogger(__name__)


def is_ours(path: str) -> bool:
    return path.startswith(tuple(f"{own}/" for own in OURS)) or path in OURS


class BodyLimit:
    """Refuses requests to the API, and events of the page, of more than `max_bytes`, read or only announced."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app, self._max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        is_limited = is_ours(scope["path"]) or scope["path"].startswith(_EVENTS)
        most = self._max_bytes if is_limited else _PAGE_BYTES
        announced = Headers(scope=scope).get("content-length", "0")
        if not announced.isdecimal() or len(announced) > 18 or int(announced) > most:
            problem = Problem(type="TooLarge", message=f"more than {most:,} bytes", hint="send less")
            return await respond(413, problem)(scope, receive, send)
        seen = 0

        async def count() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > most:
                raise HTTPException(413, f"more than {most:,} bytes")
            return message

        await self._app(scope, count, send)


class SecurityHeaders:
    """Adds what tells browsers to be careful, unless an answer brings its own.

    Gradio's page runs scripts and styles that stand in its HTML, so its policy can only keep other hosts away.
    """

    def __init__(self, app: ASGIApp, framed_by: str) -> None:
        self._app, self._page_policy = app, _PAGE_POLICY.format(framed_by)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        added = {
            "Content-Security-Policy": STRICT_POLICY if is_ours(scope["path"]) else self._page_policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "same-origin",
            "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
        }

        async def add(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in added.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, add)


class Heads:
    """Answers HEAD to the API like GET; the server leaves the body out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and is_ours(scope["path"]):
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)


class Count:
    """Counts and logs requests by their route: neither ids nor addresses nor what was asked for."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app, self._requests = app, metrics.requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not is_ours(scope["path"]):
            return await self._app(scope, receive, send)
        started, status = time.monotonic(), 500

        async def note(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if scope["method"] in _METHODS else "OTHER"
            self._requests.labels(method, route, status).inc()
            took = round(1000 * (time.monotonic() - started))
            fields = {"method": method, "route": route, "status": status, "milliseconds": took}
            _logger.info("%s %s %d in %d ms", *fields.values(), extra={"fields": fields})


_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
