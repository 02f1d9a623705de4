"""The ASGI applications: the API by itself, and the door where it and the page part."""

from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

import dalle_mini
from dalle_mini.serving import bots, http, operations, sharing, visits
from dalle_mini.serving.answers import answer_errors
from dalle_mini.serving.limits import BodyLimit, Count, Heads, SecurityHeaders, is_ours
from dalle_mini.serving.service import Service


def build_api(service: Service) -> FastAPI:
    """The routes for programs."""
    app = FastAPI(
        title="DALL·E mini",
        description="Pictures from words. Order a drawing, come back for it by its id.",
        version=dalle_mini.__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.service = service
    routers = operations.router, http.router, sharing.router, sharing.oembed, visits.router, bots.router
    for router in routers:
        app.include_router(router)
    answer_errors(app, [route for router in routers for route in router.routes])
    _describe_limits(app.openapi(), service)
    return app


def _describe_limits(description: dict[str, Any], service: Service) -> None:
    """Write this server's own limits into its description."""
    days = description["components"]["schemas"]["ShareRequest"]["properties"]["days"]
    days["anyOf"][0]["maximum"] = service.settings.share_days
    for name in ("GenerationRequest", "BotRequest"):
        fields = description["components"]["schemas"][name]["properties"]
        fields["prompt"]["maxLength"] = service.settings.max_prompt
        most = {"images": service.settings.max_images, "candidates": service.settings.max_candidates}
        for field, maximum in most.items():
            for choice in fields.get(field, {}).get("anyOf", ()):
                if "maximum" in choice:
                    choice["maximum"] = maximum


class Door:
    """Sends requests for our paths to `api`, all else, also the server's start and end, to `page`."""

    def __init__(self, api: ASGIApp, page: ASGIApp) -> None:
        self._api, self._page = api, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._api if scope["type"] == "http" and is_ours(scope["path"]) else self._page
        await app(scope, receive, send)


def guard(app: ASGIApp, service: Service) -> ASGIApp:
    """`app` behind the limits that go for every request."""
    app = BodyLimit(app, service.settings.max_body_kilobytes * 1024)
    app = Heads(Count(app, service.metrics))
    return SecurityHeaders(app, service.settings.framed_by)
