"""A real server in a process of its own, and a real browser that may talk to nobody else."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from doubles import make_tiny_clip, make_tiny_model
from playwright.sync_api import Browser, ConsoleMessage, Dialog, Page, sync_playwright
from served import PATIENCE, Server
from visiting import visit

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("served")
    make_tiny_model(folder / "home" / "models" / "slow", side=40)
    ranked = make_tiny_model(folder / "home" / "models" / "ranked", side=16)
    make_tiny_clip(ranked / "clip")
    (ranked / "lexicon.tsv").write_text("neon\tstyle\tneon\npixel art\tstyle\tpixel art\nx-ray\tstyle\tx-ray\n")
    server = Server(make_tiny_model(folder / "tiny", side=16), folder / "home")
    try:
        server.address = server.wait_for(r"DALL·E mini is at (\S+)")[1]
        yield server
    finally:
        status = server.close()
    assert status == 0, server.log
    assert "Traceback" not in server.log


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Of a module: an event loop runs in this thread as long as Playwright does, and other tests run their own."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Opens the page; in the end, nothing may have gone wrong in it or asked another host."""
    pages: list[Page] = []
    complaints: list[str] = []

    def open_page(width: int = 1440, height: int = 900, **options: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(PATIENCE * 1000)
        page = context.new_page()
        pages.append(page)
        page.on("console", lambda message: note(is_wrong(message), message.text))
        page.on("pageerror", lambda error: note(True, str(error)))
        page.on("dialog", refuse)
        page.on("request", lambda request: note(not is_ours(request.url), request.url))
        visit(page, server.address)
        return page

    def is_wrong(message: ConsoleMessage) -> bool:
        # What the server refuses is told on the page.
        return message.type in ("error", "warning") and "status of 400" not in message.text

    def refuse(dialog: Dialog) -> None:
        note(True, dialog.message)
        dialog.dismiss()

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
