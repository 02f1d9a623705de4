"""The meme maker in a real browser: what is shown is the file, whatever was typed, dragged or chosen."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageChops
from playwright.sync_api import Locator, Page, expect
from served import PATIENCE
from visiting import download, draw

from dalle_mini.grid import read_recipe
from dalle_mini.provenance import trace_picture

OpenPage = Callable[..., Page]
BYTES = """async (image) => [...new Uint8Array(await (await fetch(image.src)).arrayBuffer())]"""


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=1000 * PATIENCE)


def wait_for_new(stage: Locator, before: str | None) -> str:
    """Wait until another meme is shown; its address."""
    expect(stage).not_to_have_attribute("src", before or "")
    expect(stage).to_have_attribute("src", re.compile("^blob:"))
    return stage.get_attribute("src") or ""


def read(stage: Locator) -> bytes:
    return bytes(stage.evaluate(BYTES))


def test_what_is_shown_is_the_file(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(390, 844)
    draw(page, "a red car")
    page.get_by_role("button", name="Meme").click()
    dialog = page.get_by_role("dialog", name="Meme")
    stage = dialog.locator(".stage img")
    shown = wait_for_new(stage, None)
    page.keyboard.type("one does not simply 🐱")
    shown = wait_for_new(stage, shown)
    dialog.get_by_placeholder("Bottom text").fill("<script>قطة</script>")
    shown = wait_for_new(stage, shown)
    expect(stage).to_have_attribute("alt", "The meme. one does not simply 🐱 <script>قطة</script>")
    file = download(page, dialog.get_by_role("link", name="Download"), tmp_path)
    assert file.name.startswith("one-does-not-simply") and file.suffix == ".png"
    assert file.read_bytes() == read(stage)
    assert trace_picture(file.read_bytes()).made_here and read_recipe(file)["prompt"] == "a red car"
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
    assert dialog.evaluate("dialog => dialog.scrollWidth - dialog.clientWidth") == 0

    dialog.get_by_role("button", name="picture 9 of 9").click()
    expect(dialog.get_by_role("status")).to_have_text("Choose 1, 2, 4 or 9 pictures.")


def test_text_is_moved_by_mouse_and_by_keys(open_page: OpenPage) -> None:
    page = open_page(1440, 900)
    draw(page, "a red car")
    page.locator("#grid .open").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Meme").click()
    dialog = page.get_by_role("dialog", name="Meme")
    stage = dialog.locator(".stage img")
    shown = wait_for_new(stage, None)
    page.keyboard.type("hi")
    shown = wait_for_new(stage, shown)
    content = read(stage)
    box = stage.bounding_box()
    handle = dialog.get_by_role("button", name="Move Top text")
    grip = handle.bounding_box()
    assert box and grip
    page.mouse.move(grip["x"] + 22, grip["y"] + 22)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    shown = wait_for_new(stage, shown)
    first, dragged = (Image.open(io.BytesIO(each)) for each in (content, read(stage)))
    changed = ImageChops.difference(first.convert("L"), dragged.convert("L")).point(lambda value: 255 * (value > 60))
    left, upper, right, lower = changed.getbbox() or (0, 0, 0, 0)
    assert left < first.width * 0.25 < right and upper < first.height * 0.1 and lower > first.height * 0.5
    handle.press("Home")
    shown = wait_for_new(stage, shown)
    assert read(stage) == content
    before = handle.bounding_box()
    handle.press("ArrowDown")
    after = handle.bounding_box()
    assert before and after and after["y"] > before["y"] and after["x"] == before["x"]
    expect(handle).to_be_focused()
