"""A flagged picture on the page, in a real browser: blurred with the reason, and uncovered by whoever wants to."""

from collections.abc import Iterator

import pytest
from doubles import make_tiny_model
from playwright.sync_api import Browser, Page, expect
from served import PATIENCE, Server
from visiting import run


@pytest.fixture(scope="module", params=["--no-public", "--public"])
def flagging(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A page whose second and fifth pictures are flagged, for its owner or for the public."""
    folder = tmp_path_factory.mktemp("flagging")
    model, options = make_tiny_model(folder / "tiny", side=16), (request.param, "--pictures", "on")
    server = Server(model, folder / "home", *options, program="tests/flagging_app.py")
    try:
        server.address = server.wait_for(r"DALL·E mini is at (\S+)")[1]
        yield server
    finally:
        server.close()


@pytest.fixture
def visited(browser: Browser, flagging: Server) -> Iterator[Page]:
    expect.set_options(timeout=1000 * PATIENCE)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    page.goto(flagging.address)
    yield page
    context.close()


def test_refusals_are_told_and_flagged_pictures_covered(
    visited: Page, flagging: Server, request: pytest.FixtureRequest
) -> None:
    run(visited, "a beheaded zebra")
    expect(visited.locator("#status .error [role=status]")).to_contain_text("if this is a mistake")
    assert "zebra" not in visited.locator("#status").inner_text() and "zebra" not in flagging.log
    run(visited, "a red car")
    expect(visited.locator("#status [role=status]")).to_contain_text("Drawn in")
    covers = visited.locator("#grid .cover")
    expect(covers).to_have_count(2)
    expect(covers.first).to_contain_text("Blurred: it may show <what> it shows.")
    originals = visited.locator("#grid img[src*=unblurred]")
    if "[--public]" in request.node.name:
        expect(originals).to_have_count(0)
        address = visited.locator("#grid .tile img").nth(1).get_attribute("src") or ""
        asked = visited.request.get(f"{flagging.address}/{address.replace('/1.png', '/unblurred/1.png')}")
        assert asked.status == 404
        return
    expect(originals.first).to_be_hidden()
    covers.first.locator("summary").press("Enter")
    expect(originals.first).to_be_visible()
    expect(originals.first).to_be_focused()
    expect(originals.nth(1)).to_be_hidden()
    visited.wait_for_function("image => image.naturalWidth", arg=originals.first.element_handle())
    assert originals.first.bounding_box() == visited.locator("#grid .tile").nth(1).bounding_box()
