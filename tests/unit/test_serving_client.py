"""The client, and what only shows on a real connection, against a server on a port."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sites import Site

import dalle_mini
from dalle_mini import Client
from dalle_mini.cli import main
from dalle_mini.errors import Cancelled, ConfigError, DalleMiniError, Overloaded, PromptError
from dalle_mini.grid import read_recipe
from dalle_mini.pipeline import image_seeds
from dalle_mini.serving.client import RemoteProgress
from dalle_mini.serving.tickets import Ticket


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "store", per_client=2)
    yield site
    site.close()


@pytest.fixture
def address(site: Site) -> Iterator[str]:
    with site.listen() as address:
        yield address
        site.gate.open()


def wait_until(true) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_the_client_draws_what_the_server_draws(site: Site, address: str, tmp_path: Path) -> None:
    told: list[RemoteProgress] = []

    def open_gate(progress: RemoteProgress) -> None:
        told.append(progress)
        site.gate.open()

    with Client(address) as client:
        assert client.models()[0]["name"] == "nano"
        drawn = client.generate("a 🐱", images=3, seed=5, top_k=7, on_progress=open_gate)
        assert drawn.seeds == image_seeds(5, 3) and drawn.settings.top_k == 7
        assert read_recipe(drawn.save(tmp_path / "grid.png")) == drawn.recipe
        assert read_recipe(drawn.save_tile(2, tmp_path / "tile.png"))["seed"] == drawn.seeds[2]
        assert [image.size for image in drawn.images] == [(256, 256)] * 3 and drawn.grid().size == (520, 520)
        assert told and all(0 <= progress.share < 1 for progress in told)
        client.delete(drawn)
        with pytest.raises(DalleMiniError, match="no such drawing"):
            client.delete(drawn)


def test_errors_of_the_server_are_the_clients(site: Site, address: str) -> None:
    with Client(address) as client:
        with pytest.raises(DalleMiniError, match="prompt"):
            client.generate(" ")
        with pytest.raises(ConfigError, match="there is no model of this name") as refused:
            client.generate("a cat", model="nanoo")
        assert "nano" in refused.value.hint
        with pytest.raises(PromptError, match="2,001 characters"):
            client.generate("a" * 2001)


def test_leaving_cancels_and_patience_has_an_end(site: Site, address: str) -> None:
    with Client(address, patience=0.1) as client, pytest.raises(Cancelled, match="not drawn within"):
        client.generate("a cat")
    site.gate.open(2)
    wait_until(lambda: site.service.engine.count_open() == 0)

    def interrupt(progress: RemoteProgress) -> None:
        raise KeyboardInterrupt

    with Client(address) as client, pytest.raises(KeyboardInterrupt):
        client.generate("a dog", on_progress=interrupt)
    site.gate.open(2)
    wait_until(lambda: site.service.engine.count_open() == 0)


def test_a_client_that_is_told_to_come_back_does(site: Site, address: str) -> None:
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        site.gate.open()
        time.sleep(0.05)

    with Client(address, sleep=sleep) as client:
        for _ in range(2):
            assert site.client.post("/api/v1/generations", json={"prompt": "a cat"}).status_code == 202
            assert httpx.post(f"{address}/api/v1/generations", json={"prompt": "a cat"}).status_code == 202
        assert client.generate("a dog").images
    assert slept[0] >= 1
    with Client(address, patience=0, transport=httpx.MockTransport(lambda _: httpx.Response(429))) as client:
        with pytest.raises(Overloaded, match="status 429"):
            client.generate("a cat")


@pytest.mark.parametrize("server", ["", "127.0.0.1:7860", "ftp://a", "http://", "http://a:x"])
def test_what_is_no_address_is_refused(server: str) -> None:
    with pytest.raises(ConfigError, match="is not an address"):
        Client(server)


def test_other_servers_are_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as unused:
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with Client(address) as client, pytest.raises(DalleMiniError, match="can't reach"):
        client.models()
    for answer in (httpx.Response(500), httpx.Response(404, json=[]), httpx.Response(400, json={"error": {}})):
        transport = httpx.MockTransport(lambda _, answer=answer: answer)
        with Client(address, transport=transport) as client, pytest.raises(DalleMiniError, match="status") as refused:
            client.models()
        assert "dalle-mini server" in refused.value.hint


def test_the_command_line_draws_on_a_server(
    site: Site, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    site.gate.open()
    command = ["generate", "a cat", "--server", address, "--images", "2", "--seed", "3"]
    assert main([*command, "--out", "cat.png", "--tiles", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["seeds"] == list(image_seeds(3, 2)) and record["recipe"] == read_recipe("cat.png")
    assert record["tiles"] == ["cat_1.png", "cat_2.png"] and read_recipe("cat_2.png")["images"] == 1
    assert main([*command, "--offline"]) == 2
    assert "--offline is for models on this machine" in capsys.readouterr().err
    assert main(["generate", "a cat", "--server", address, "--model", "nanoo"]) == 2
    assert "there is no model of this name" in capsys.readouterr().err


def test_a_bot_that_hangs_up_frees_the_device(site: Site, address: str) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{address}/generate", json={"prompt": "a cat"}, timeout=0.3)
    wait_until(lambda: all(ticket.cancelled for ticket in site.service.engine._lobby._open))
    site.gate.open(1)
    wait_until(lambda: site.service.engine.count_open() == 0)


def test_events_come_as_they_happen(site: Site, address: str) -> None:
    order = httpx.post(f"{address}/api/v1/generations", json={"prompt": "a cat"}).json()
    states: list[str] = []
    with httpx.stream("GET", f"{address}{order['events']}", timeout=30) as answer:
        for line in answer.iter_lines():
            if line.startswith("event: "):
                states.append(line.removeprefix("event: "))
                site.gate.open(1)
    assert states[-1] == "finished" and states.count("drawing") >= 2


def test_readers_who_leave_are_let_go(site: Site, address: str) -> None:
    order = httpx.post(f"{address}/api/v1/generations", json={"prompt": "a cat"}).json()
    ticket = site.service.desk.find(order["id"])
    assert isinstance(ticket, Ticket)
    for _ in range(3):
        with httpx.stream("GET", f"{address}{order['events']}", timeout=30) as answer:
            next(answer.iter_lines())
    wait_until(lambda: not ticket._wakers)
    assert threading.active_count() < 80


def test_heads_are_answered(site: Site, address: str) -> None:
    for path in ("/livez", "/readyz", "/api/v1/models"):
        head, whole = httpx.head(address + path), httpx.get(address + path)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["content-length"] == str(len(whole.content))
    assert 'route="/livez",status="200"} 2.0' in httpx.get(f"{address}/metrics").text


def test_the_client_is_a_public_name() -> None:
    assert dalle_mini.Client is Client and "Client" in dalle_mini.__all__
