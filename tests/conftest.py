"""What holds for every test: the CPU, checked shapes, a kept compilation cache, and no network.

Tests are compile time, so every compiled function is kept in pytest's cache folder between runs.
Shapes in annotations are checked at each call, in modules that are imported after this file.
"""

import importlib
import ipaddress
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jaxtyping
import pytest

ROOT = Path(__file__).parent.parent

# Read by jax when it is first imported, here and in the processes that tests start.
os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["JAX_COMPILATION_CACHE_DIR"] = str(ROOT / ".pytest_cache" / "d" / "jax")
os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"

jaxtyping.install_import_hook("dalle_mini", "shapes.check")


@pytest.fixture(scope="module")
def quick_compiles() -> Iterator[None]:
    """Halve the time of compiling, for modules that spend theirs there; what comes out is slower, and as exact.

    It rounds otherwise, so no program of such a module is left for the next one.
    """
    jax = importlib.import_module("jax")
    jax.config.update("jax_disable_most_optimizations", True)
    jax.clear_caches()
    yield
    jax.config.update("jax_disable_most_optimizations", False)
    jax.clear_caches()


class NetworkForbidden(RuntimeError):
    """A test reached for another machine. No OSError: the product would answer that one."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--golden",
        type=Path,
        default=ROOT / "tests" / "parity" / "golden",
        metavar="DIR",
        help="folder of reference cases for tests/parity (default: %(default)s)",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A browser has a clock of its own: its tests get a second try, which the report counts as a rerun."""
    skip = pytest.mark.skipif(
        not find_chromium() and os.environ.get("CI") != "true", reason="no chromium on this machine"
    )
    for item in items:
        if ROOT / "tests" / "browser" in item.path.parents:
            item.add_marker(skip)
            item.add_marker(pytest.mark.flaky(reruns=1))


def find_chromium() -> str | None:
    """The browser that is installed; the list is that of bootstrap.sh."""
    names = ("chromium", "chromium-browser", "google-chrome")
    return next(filter(None, map(shutil.which, names)), None)


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of the browser for tests/browser, whose tests are skipped where there is none."""
    path = find_chromium()
    assert path, "no chromium on this machine"
    return path


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Let this process talk to its own machine only."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connect_here(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX:
            require_loopback(address[0])
        connect(self, address)

    def look_up_here(host: Any, *args: Any, **options: Any) -> Any:
        require_loopback(host)
        return look_up(host, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", connect_here)
        patch.setattr(socket, "getaddrinfo", look_up_here)
        yield


def require_loopback(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host
    if name in (None, "", "localhost"):
        return
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        raise NetworkForbidden(f"{name!r}: tests use no network") from None
    if not (address.is_loopback or address.is_unspecified):
        raise NetworkForbidden(f"{name!r}: tests use no network")
