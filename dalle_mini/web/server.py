"""One process that answers HTTP: the page and the API, on one port."""

import contextlib
import os
import signal
import socket
import sys
import threading
import webbrowser
from types import FrameType
from typing import TYPE_CHECKING

from dalle_mini.checkpoints.releases import resolve, resolve_clip
from dalle_mini.serving.heaps import keep_heaps_trimmed, share_heaps
from dalle_mini.serving.settings import Settings, read_settings
from dalle_mini.web.address import default_host, default_port, listen, web_address

if TYPE_CHECKING:
    from dalle_mini.serving.service import Service

_SECONDS_TO_CLOSE = 2


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
        share_heaps()
        keep_heaps_trimmed()
        # Only now, for a port in use is to be told at once, and importing takes seconds.
        from dalle_mini.serving.service import build_service

        _run(listener, build_service(model, settings or read_settings(), ranker=ranker), open_browser=open_browser)


def _run(listener: socket.socket, service: "Service", *, open_browser: bool) -> None:
    import uvicorn

    from dalle_mini.serving.app import Door, build_api, guard
    from dalle_mini.web.app import build_app

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
