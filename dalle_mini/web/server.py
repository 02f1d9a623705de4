"""One process that answers HTTP: the page, finished pictures, and the sheets of the examples."""

import contextlib
import signal
import socket
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from dalle_mini.checkpoints.releases import resolve
from dalle_mini.web.address import default_host, default_port, listen, web_address
from dalle_mini.web.examples import FOLDER, read_examples

if TYPE_CHECKING:
    from fastapi import FastAPI

    from dalle_mini.web.studio import Studio

ASSETS = Path(__file__).parents[2] / "assets"
_SECONDS_TO_CLOSE = 2
_PICTURES_STAY = {"Cache-Control": "private, max-age=86400, immutable"}


def serve(*, host: str | None = None, port: int | None = None, model: str = "nano", open_browser: bool = False) -> None:
    """Serve the page until Ctrl-C or SIGTERM; `model` is downloaded first where that is needed.

    A host or port of None is what `GRADIO_SERVER_NAME` and `GRADIO_SERVER_PORT` say, else 127.0.0.1 and 7860.
    OutputError where the address can't be had; ConfigError and CheckpointError where the model can't.
    """
    host = default_host() if host is None else host
    port = default_port() if port is None else port
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), listen(host, port) as listener:
        resolve(model)
        _run(listener, model, open_browser=open_browser)


def _run(listener: socket.socket, model: str, *, open_browser: bool) -> None:
    # Only here, for these take seconds to import, and a port in use is to be told at once.
    import uvicorn

    from dalle_mini.serving.engine import Engine
    from dalle_mini.serving.painter import Painter
    from dalle_mini.web.studio import Studio

    engine = Engine(Painter(model))
    studio = Studio(engine, model)
    config = uvicorn.Config(
        build_app(studio), log_level="warning", timeout_graceful_shutdown=_SECONDS_TO_CLOSE, server_header=False
    )

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            address = web_address(listener)
            print(f"DALL·E mini is at {address}", flush=True)
            engine.start()
            if open_browser:
                webbrowser.open(address)

    try:
        Server(config).run(sockets=[listener])
    finally:
        engine.close()


def build_app(studio: "Studio") -> "FastAPI":
    """The routes: `/pictures` and `/examples` are ours, all else is the page."""
    import gradio as gr
    from fastapi import FastAPI, HTTPException, Response
    from fastapi.staticfiles import StaticFiles

    from dalle_mini.web.pictures import Pictures
    from dalle_mini.web.ui import Page

    pictures, examples = Pictures(), read_examples()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    def respond(png: bytes | None) -> Response:
        if png is None:
            raise HTTPException(404, "this picture is no longer kept; draw it again with its seed")
        return Response(png, media_type="image/png", headers=_PICTURES_STAY)

    @app.get("/pictures/{name}/grid.png")
    def get_grid(name: str) -> Response:
        return respond(pictures.encode_grid(name))

    @app.get("/pictures/{name}/{index}.png")
    def get_tile(name: str, index: int) -> Response:
        return respond(pictures.encode_tile(name, index))

    if examples:
        app.mount("/examples", StaticFiles(directory=FOLDER))
    return gr.mount_gradio_app(
        app,
        Page(studio, pictures, examples).blocks,
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
