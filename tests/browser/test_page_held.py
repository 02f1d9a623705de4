"""A visitor who was too quick, in a real browser: held with a countdown, and free to stop."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from doubles import make_tiny_model
from playwright.sync_api import Browser, expect
from served import PATIENCE, Server
from visiting import find_status, visit


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that draws once in five minutes for each address."""
    folder: Path = tmp_path_factory.mktemp("strict")
    server = Server(make_tiny_model(folder / "tiny"), folder / "home", orders_at_once="1", orders_per_minute="0.2")
    try:
        server.address = server.wait_for(r"DALL·E mini is at (\S+)")[1]
        yield server
    finally:
        server.close()


def test_a_visitor_who_was_too_quick_is_held_and_may_stop(browser: Browser, strict: Server) -> None:
    expect.set_options(timeout=1000 * PATIENCE)
    page = browser.new_page(viewport={"width": 390, "height": 844}, locale="es")
    page.set_default_timeout(1000 * PATIENCE)
    visit(page, strict.address)
    page.locator("#prompt textarea").fill("a red car")
    page.locator("#run").click()
    drawing = page.locator("#grid .grid[data-drawing]")
    expect(drawing).to_be_visible()
    first = drawing.get_attribute("data-drawing")
    page.locator("#run").click()
    expect(find_status(page)).to_contain_text("Qué rapidez: tu dibujo seguirá solo en ")
    assert drawing.get_attribute("data-drawing") == first
    page.locator("#stop").click()
    expect(find_status(page)).to_contain_text("Parado")
    expect(page.locator("#run")).to_be_visible()
    assert drawing.get_attribute("data-drawing") == first
    page.context.close()
    assert "Traceback" not in strict.log
