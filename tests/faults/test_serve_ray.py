"""`dalle-mini serve --ray` for real: two replicas on this machine, of which one is killed under load."""

import collections
import concurrent.futures
import io
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
import pytest
from doubles import make_tiny_model
from PIL import Image
from served import PATIENCE, Server

from dalle_mini import Client
from dalle_mini.grid import enlarge
from dalle_mini.loading import load

pytest.importorskip("ray", reason="the extra `ray` is not installed")

REPLICA = "ray::ServeReplica:dalle-mini"
ORDERS = 12
LONG = 4 * PATIENCE
"""Ray starts ten processes, and anew what was killed."""


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("ray") / "tiny", side=8)


@pytest.fixture
def server(model: Path, tmp_path: Path) -> Iterator[Server]:
    server = start(model, tmp_path)
    wait_until(lambda: count_ready(server) == 2, server)
    yield server
    server.process.kill()
    server.close()


def start(model: Path, home: Path, *, tries: int = 5) -> Server:
    """Ray gives its own parts fifteen seconds to come up, too few for a machine that has much else to do."""
    options = {"per_client": "100", "drain_seconds": str(PATIENCE)}
    server = Server(model, home, "--ray", "--ray-replicas", "2", **options)
    found = server.wait_for(r"DALL·E mini is at (\S+)|can't start Ray here", patience=LONG)
    server.address = found[1]
    if server.address or tries == 1:
        return server
    server.close()
    return start(model, home, tries=tries - 1)


def test_every_order_is_answered_when_a_replica_is_killed(server: Server, model: Path) -> None:
    processes = list_processes(server.process.pid)
    with concurrent.futures.ThreadPoolExecutor(ORDERS) as pool:
        drawings = [pool.submit(draw, server.address, seed) for seed in range(ORDERS)]
        wait_until(lambda: read_metric(server, "waiting_seconds_count") > 0, server)
        os.kill(max(find_replicas(server)), signal.SIGKILL)
        drawn = [drawing.result(LONG) for drawing in drawings]
    assert read_metric(server, 'device_trouble_total{kind="replica_lost"}') > 0, "it was killed too late"
    alone = load(str(model))
    for seed, pngs in enumerate(drawn):
        expected = alone.generate("a red car at the beach", images=9, seed=seed)
        for png, image in zip(pngs, expected.images, strict=True):
            assert (np.array(Image.open(io.BytesIO(png))) == np.array(enlarge(image))).all()
    wait_until(lambda: count_ready(server) == 2, server)
    assert draw(server.address, 0) == drawn[0], "the new replica draws the same"
    assert httpx.get(f"{server.address}/readyz").text == "ready\n"
    processes |= list_processes(server.process.pid)
    assert server.close() == 0, server.log
    assert "Traceback" not in server.log and "red car" not in server.log
    wait_until(lambda: not any(Path(f"/proc/{process}").exists() for process in processes), server)


def draw(address: str, seed: int) -> tuple[bytes, ...]:
    with Client(address) as client:
        return client.generate("a red car at the beach", images=9, seed=seed).tile_pngs


def count_ready(server: Server) -> float:
    return read_metric(server, "replicas_ready")


def read_metric(server: Server, name: str) -> float:
    lines = httpx.get(f"{server.address}/metrics", timeout=PATIENCE).text.splitlines()
    found = [line.rpartition(" ")[2] for line in lines if line.startswith(f"dalle_mini_{name} ")]
    return float(found[0]) if found else 0.0


def find_replicas(server: Server) -> list[int]:
    names = {process: Path(f"/proc/{process}/cmdline") for process in list_processes(server.process.pid)}
    return [process for process, name in names.items() if name.read_bytes().startswith(REPLICA.encode())]


def list_processes(parent: int) -> set[int]:
    """All that a process has started."""
    children = collections.defaultdict(set)
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name, in parentheses, may hold anything.
            children[int(status.read_text().rpartition(")")[2].split()[1])].add(int(status.parent.name))
        except OSError:
            continue
    found, left = set(), {parent}
    while left:
        left = set().union(*(children[process] for process in left))
        found |= left
    return found


def wait_until(condition: Callable[[], bool], server: Server) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, server.log
        time.sleep(0.1)
