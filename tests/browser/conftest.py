"""A real server in a process of its own, and a real browser that may talk to nobody else."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doubles import make_tiny_model
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).parents[2]
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 240
"""Seconds that anything may take on a busy machine."""


class Server:
    """`python app.py` with a tiny model; `log` is what it has printed so far."""

    def __init__(self, model: Path, home: Path) -> None:
        self.log, self.address = "", ""
        self._grown = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "app.py", "-v", "--port", "0", "--model", str(model)],
            cwd=ROOT,
            env={**os.environ, "DALLE_MINI_HOME": str(home), "HF_HUB_CACHE": str(home / "hub-cache")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, start: int = 0) -> re.Match[str]:
        """What matches in the log behind `start`, as soon as it is there."""
        with self._grown:
            self._grown.wait_for(lambda: re.search(pattern, self.log[start:]), PATIENCE)
        found = re.search(pattern, self.log[start:])
        assert found, f"no {pattern!r} in:\n{self.log}"
        return found

    def close(self) -> int:
        """End the server as a service manager would; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                with self._grown:
                    self.log += line
                    self._grown.notify_all()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    server = Server(make_tiny_model(folder / "tiny", side=16), folder / "home")
    try:
        server.address = server.wait_for(r"DALL·E mini is at (\S+)")[1]
        yield server
    finally:
        status = server.close()
    assert status == 0, server.log
    assert "Traceback" not in server.log


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Opens the page; in the end, nothing may have gone wrong in it or asked another host."""
    pages: list[Page] = []
    complaints: list[str] = []

    def open_page(width: int = 1440, height: int = 900, **options: str) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        pages.append(page)
        page.on("console", lambda message: note(message.type in ("error", "warning"), message.text))
        page.on("pageerror", lambda error: note(True, str(error)))
        page.on("dialog", lambda dialog: (note(True, dialog.message), dialog.dismiss()))
        page.on("request", lambda request: note(not is_ours(request.url), request.url))
        page.goto(server.address)
        page.locator("#run").wait_for()
        return page

    def note(wrong: bool, text: str) -> None:
        if wrong:
            complaints.append(text)

    def is_ours(url: str) -> bool:
        return url.startswith((server.address, "data:", "blob:"))

    yield open_page
    for page in pages:
        page.context.close()
    assert not complaints


@pytest.fixture
def page(open_page: Callable[..., Page]) -> Page:
    return open_page()
