"""One process that answers HTTP: the page, the API, finished pictures, and the sheets of the examples."""

import contextlib
import os
import signal
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from dalle_mini.checkpoints.releases import resolve, resolve_clip
from dalle_mini.serving.settings import Settings, read_settings
from dalle_mini.web.address import default_host, default_port, listen, web_address
from dalle_mini.web.examples import FOLDER, read_examples

if TYPE_CHECKING:
    from fastapi import FastAPI

    from dalle_mini.serving.service import Service

ASSETS = Path(__file__).parents[2] / "assets"
_SECONDS_TO_CLOSE = 2
_PICTURES_STAY = {"Cache-Control": "private, max-age=86400, immutable"}


def serve(
    *,
    host: str | None = None,
    port: int | None = None,
    model: str = "nano",
    ranker: str | None = None,
    open_browser: bool = False,
    settings: Settings | None = None,
) -> None:
    """Serve the page and the API until Ctrl-C or SIGTERM; `model`, and the CLIP `ranker` for it, are downloaded first
    if need be.

    SIGTERM lets drawings be finished, as far as there is time. A host or port of None is what `GRADIO_SERVER_NAME` and
    `GRADIO_SERVER_PORT` say, else 127.0.0.1 and 7860; settings of None are those of the environment. OutputError where
    the address can't be had or drawings can't be kept; ConfigError and CheckpointError where the model can't be had.
    """
    host = default_host() if host is None else host
    port = default_port() if port is None else port
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), listen(host, port) as listener:
        resolve(model)
        if ranker is not None:
            resolve_clip(ranker)
        # Only now, for a port in use is to be told at once, and importing takes seconds.
        from dalle_mini.serving.service import build_service

        _run(listener, build_service(model, settings or read_settings(), ranker=ranker), open_browser=open_browser)


def _run(listener: socket.socket, service: "Service", *, open_browser: bool) -> None:
    import uvicorn

    from dalle_mini.serving.app import Door, build_api, guard

    app = guard(Door(build_api(service), build_app(service)), service)
    config = uvicorn.Config(
        app,
        log_config=None,
        timeout_graceful_shutdown=_SECONDS_TO_CLOSE,
        server_header=False,
        # X-Forwarded-For is read by serving.callers, which knows how much of it to believe.
        proxy_headers=False,
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            address = web_address(listener)
            print(f"DALL·E mini is at {address}", flush=True)
            service.engine.start()
            if open_browser:
                webbrowser.open(address)

        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            """The first SIGTERM drains, while drawings can still be fetched; whatever comes next ends it."""
            if sig == signal.SIGTERM and not self._draining:
                self._draining = True
                threading.Thread(target=self._drain, daemon=True).start()
            else:
                super().handle_exit(sig, frame)

        _draining = False

        def _drain(self) -> None:
            service.engine.drain(service.settings.drain_seconds)
            self.should_exit = True

    try:
        Server(config).run(sockets=[listener])
    finally:
        if not service.close():
            # The device is in the middle of something, and the interpreter would crash as it closes.
            sys.stdout.flush()
            os._exit(0)


def build_app(service: "Service") -> "FastAPI":
    """The page, with its pictures at `/pictures` and `/examples`."""
    import gradio as gr
    from fastapi import FastAPI, HTTPException, Response
    from fastapi.staticfiles import StaticFiles

    from dalle_mini.serving.http import find_visitor
    from dalle_mini.web.pictures import Pictures
    from dalle_mini.web.studio import Studio
    from dalle_mini.web.ui import Page

    public, buckets = service.settings.public, service.buckets
    studio = Studio(service.engine, service.model, ranker=service.ranker, public=public, buckets=buckets)
    pictures, examples = Pictures(public=studio.public), read_examples()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def respond(content: bytes | None, media_type: str = "image/png") -> Response:
        if content is None:
            raise HTTPException(404, "this picture is no longer kept; draw it again with its seed")
        return Response(content, media_type=media_type, headers=_PICTURES_STAY)

    @app.get("/pictures/{name}/grid.png")
    def get_grid(name: str) -> Response:
        return respond(pictures.encode_grid(name))

    @app.get("/pictures/{name}/{index}.png")
    def get_tile(name: str, index: int) -> Response:
        return respond(pictures.encode_tile(name, index))

    @app.get("/pictures/{name}/unblurred/{index}.png")
    def get_flagged(name: str, index: int) -> Response:
        return respond(pictures.encode_unblurred(name, index))

    @app.get("/pictures/{name}/candidates/{place}.png")
    def get_candidate(name: str, place: int) -> Response:
        return respond(pictures.encode_candidate(name, place))

    @app.get("/pictures/{name}/candidates/{place}.webp")
    def get_thumbnail(name: str, place: int) -> Response:
        return respond(pictures.encode_thumbnail(name, place), "image/webp")

    def name_visitor(request: gr.Request) -> str:
        return find_visitor(request.request, service) if request.request else ""

    if examples:
        app.mount("/examples", StaticFiles(directory=FOLDER))
    return gr.mount_gradio_app(
        app,
        Page(studio, pictures, examples, name_visitor=name_visitor).blocks,
        path="/",
        css_paths=ASSETS / "page.css",
        favicon_path=str(ASSETS / "favicon.png"),
        theme=gr.themes.Base(font=["system-ui", "sans-serif"], font_mono=["ui-monospace", "monospace"]).set(
            body_background_fill="#fcfcfa", body_background_fill_dark="#131411"
        ),
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        pwa=False,
        show_error=False,
        allowed_paths=[],
        max_file_size="1kb",
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
