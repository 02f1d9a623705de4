"""A service with a cheap model, over ASGI or on a port of its own."""

import contextlib
import socket
import threading
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import uvicorn
from quick_models import Gate, QuickModel, make_painter
from starlette.testclient import TestClient

from dalle_mini.serving.app import build_api, guard
from dalle_mini.serving.painter import Painter
from dalle_mini.serving.service import Service, build_service
from dalle_mini.serving.settings import Settings
from dalle_mini.serving.tickets import Ticket


class Site:
    """A service with a client; its model is ready at once, and draws when the gate is open, unless `painter` draws."""

    def __init__(self, folder: Path, *, painter: Painter | None = None, **settings: Any) -> None:
        self.gate, self.model = Gate(), QuickModel("nano")
        self.model.on_chunk = lambda chunk: self.model.drawn == ["a picture"] or self.gate.pass_through()
        settings = {"orders_at_once": 1000, "store": str(folder), **settings}
        self.service: Service = build_service(
            "nano", Settings(**settings), painter=painter or make_painter(self.model, main="nano")
        )
        self.service.engine.start()
        self.app = guard(build_api(self.service), self.service)
        self.client = TestClient(self.app, raise_server_exceptions=False)

    def order(self, prompt: str, *, headers: dict[str, str] | None = None, **values: Any) -> Any:
        params = values.pop("params", None)
        body = {"prompt": prompt, **values}
        return self.client.post("/api/v1/generations", json=body, headers=headers, params=params)

    def finish(self, id: str) -> None:
        found = self.service.desk.find(id)
        assert isinstance(found, Ticket) and found.result()

    @contextlib.contextmanager
    def listen(self) -> Generator[str]:
        """Serve on a port while the block runs; its address."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            server = uvicorn.Server(uvicorn.Config(self.app, log_config=None, lifespan="off"))
            thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
            thread.start()
            while not server.started:
                time.sleep(0.01)
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                server.should_exit = True
                thread.join(30)

    def close(self) -> None:
        self.gate.open()
        self.service.close()
        self.client.close()
