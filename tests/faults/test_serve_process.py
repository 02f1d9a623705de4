"""The real server in a process of its own: what SIGTERM and SIGKILL leave."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from doubles import make_tiny_model
from served import PATIENCE, Server

from dalle_mini import Client


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("process")
    make_tiny_model(folder / "tiny")
    return folder


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    # Long enough for a busy machine.
    server = Server(folder / "tiny", folder / "home", drain_seconds=str(PATIENCE))
    server.address = server.wait_for(r"DALL·E mini is at (\S+)")[1]
    end = time.monotonic() + PATIENCE
    while httpx.get(f"{server.address}/readyz").status_code != 200:
        assert time.monotonic() < end, server.log
        time.sleep(0.1)
    yield server
    server.process.kill()
    server.close()


def test_sigterm_finishes_what_was_ordered_and_exits_with_0(server: Server) -> None:
    orders = [
        httpx.post(f"{server.address}/api/v1/generations", json={"prompt": "a cat", "images": 36}).json()
        for _ in range(3)
    ]
    with httpx.stream("GET", server.address + orders[-1]["events"], timeout=PATIENCE) as events:
        lines = events.iter_lines()
        next(lines)
        server.process.send_signal(signal.SIGTERM)
        states = [line for line in lines if line.startswith("event: ")]
    assert states[-1] == "event: finished"
    assert server.process.wait(PATIENCE) == 0, server.log
    assert "Traceback" not in server.log and "a cat" not in server.log


def test_finished_drawings_outlive_a_kill(server: Server, folder: Path) -> None:
    with Client(server.address) as client:
        drawn = client.generate("a kangaroo made of cheese", images=2, seed=4)
    server.process.kill()
    server.process.wait(PATIENCE)
    again = Server(folder / "tiny", folder / "home")
    try:
        address = again.wait_for(r"DALL·E mini is at (\S+)")[1]
        picture = httpx.get(f"{address}/api/v1/generations/{drawn.id}/1.png")
        assert picture.content == drawn.tile_pngs[1]
        page = httpx.get(address)
        assert page.status_code == 200 and "frame-ancestors 'self'" in page.headers["content-security-policy"]
        with Client(address) as client:
            redrawn = client.generate("a kangaroo made of cheese", images=1, seed=drawn.seeds[1])
        assert redrawn.images[0].tobytes() == drawn.images[1].tobytes()
    finally:
        assert again.close() == 0, again.log
