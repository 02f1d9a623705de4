"""Drawing on pictures in a real browser: more like a tile, a brush for its squares, an upload, and their recipes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import FilePayload, Locator, Page, expect
from served import PATIENCE, Server
from visiting import download, draw, find_status, visit

from dalle_mini.grid import read_recipe

OpenPage = Callable[..., Page]
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
RUN_AXE = """async (tags) => (await axe.run(document, {runOnly: tags})).violations.map(
  (found) => [found.id, ...found.nodes.map((node) => node.html.slice(0, 200))])"""
SIDE = 16


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=1000 * PATIENCE)


def redraw(page: Page) -> None:
    """Have what is marked drawn, and wait for it."""
    before = page.locator("#grid .grid").get_attribute("data-drawing") or ""
    page.get_by_role("button", name="Redraw these").click()
    expect(page.locator(f"#grid .grid[data-drawing]:not([data-drawing='{before}'])")).to_be_visible()
    expect(find_status(page)).to_contain_text("Drawn in")


def open_tile(page: Page, index: int, button: str) -> Locator:
    page.locator("#grid .open").nth(index).click()
    page.get_by_role("button", name=button).click()
    return page.get_by_role("dialog", name=button)


def test_more_like_a_tile_and_its_link(open_page: OpenPage, server: Server, tmp_path: Path) -> None:
    page = open_page(360, has_touch=True)
    page.add_script_tag(content=AXE)
    draw(page, "a red car")
    dialog = open_tile(page, 1, "More like this")
    line = dialog.get_by_role("status")
    expect(line).to_have_text("128 of 256 squares are drawn anew.")
    expect(dialog.get_by_label("Prompt", exact=True)).to_have_value("a red car")
    dialog.get_by_label("How different").fill("4")
    expect(line).to_have_text("64 of 256 squares are drawn anew.")
    assert page.evaluate(RUN_AXE, TAGS) == []
    assert page.evaluate("document.querySelector('dialog').scrollWidth <= window.innerWidth")
    redraw(page)
    told = page.locator("#underlay")
    expect(told).to_contain_text("192 of 256 squares stay")
    assert page.evaluate(RUN_AXE, TAGS) == []

    page.locator("#grid .open").first.click()
    recipe = read_recipe(download(page, page.get_by_role("link", name="Download PNG"), tmp_path))
    kept = recipe["kept"]
    assert recipe["tokens"][:512] == kept[:512] and kept[512:680] == "_" * 168
    page.keyboard.press("Escape")
    query = page.locator("#grid .grid").get_attribute("data-recipe") or ""
    visit(page, f"{server.address}/?{query}")
    expect(told).to_contain_text("192 of 256 squares stay")
    # What begins beside the settings does not lie on them.
    page.get_by_role("button", name="Take away").click()
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("Not this")).to_be_hidden()


def test_squares_are_painted_by_hand_and_by_keys(open_page: OpenPage) -> None:
    page = open_page()
    draw(page, "a red car")
    dialog = open_tile(page, 2, "Redraw parts")
    grid, line = dialog.get_by_role("grid"), dialog.get_by_role("status")
    expect(grid).to_be_focused()
    dialog.get_by_role("button", name="Redraw these").click()
    expect(line).to_have_text("Mark at least one square to draw anew.")
    grid.focus()
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Space"):
        page.keyboard.press(key)
    expect(dialog.get_by_role("gridcell", name="Row 2, column 3", exact=True)).to_have_attribute(
        "aria-selected", "true"
    )
    expect(line).to_have_text("1 of 256 squares are drawn anew.")
    dialog.get_by_label("Broad brush").check()
    cell = dialog.get_by_role("gridcell", name="Row 9, column 5", exact=True).bounding_box()
    assert cell
    x, y, step = cell["x"] + cell["width"] / 2, cell["y"] + cell["height"] / 2, cell["width"]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 6 * step, y, steps=12)
    page.mouse.up()
    expect(line).to_have_text("28 of 256 squares are drawn anew.")
    dialog.get_by_role("button", name="Invert").click()
    expect(line).to_have_text("228 of 256 squares are drawn anew.")
    dialog.get_by_label("Prompt", exact=True).fill("two dogs")
    redraw(page)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("two dogs")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("228 of 256 squares are drawn anew.")


def test_a_picture_is_brought_and_drawn_on(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(390)
    noise = tmp_path / "noise.jpg"
    Image.effect_noise((300, 200), 40).convert("RGB").save(noise)
    page.get_by_role("button", name="Begin with a picture").click()
    dialog = page.get_by_role("dialog", name="Begin with a picture")
    chooser, line = dialog.get_by_label("Drop, paste or choose"), dialog.get_by_role("status")
    chooser.set_input_files([FilePayload(name="a.png", mimeType="image/png", buffer=b"<svg onload=alert(1)>")])
    expect(line).to_contain_text("Use a PNG, JPEG, WebP or GIF picture.")
    chooser.set_input_files([FilePayload(name="a.png", mimeType="image/png", buffer=bytes(16 * 2**20 + 1))])
    expect(line).to_contain_text("The file is too large.")
    chooser.set_input_files(noise)
    expect(page.get_by_role("grid")).to_be_visible()
    page.get_by_role("button", name="Redraw these").click()
    expect(dialog.get_by_role("status")).to_have_text("Write what to draw.")
    dialog.get_by_label("Prompt", exact=True).fill("an owl in the woods")
    redraw(page)
    expect(page.locator("#underlay")).to_contain_text("128 of 256 squares stay")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0


def test_one_prompt_goes_over_to_another_and_away_from_a_third(open_page: OpenPage, server: Server) -> None:
    page = open_page(390)
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Not this").fill("snow")
    page.get_by_label("Morph into").fill("two dogs")
    draw(page, "a red car")
    labels = page.locator("#grid .label")
    expect(labels).to_have_count(9)
    expect(labels.first).to_have_text("a red car")
    expect(labels.nth(4)).to_have_text("50%")
    expect(labels.last).to_have_text("two dogs")
    query = page.locator("#grid .grid").get_attribute("data-recipe") or ""
    visit(page, f"{server.address}/?{query}")
    expect(page.get_by_label("Not this")).to_have_value("snow")
    expect(page.get_by_label("Morph into")).to_have_value("two dogs")
