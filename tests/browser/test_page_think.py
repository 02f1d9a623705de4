"""Watching a finished drawing, the tour, style chips and the installed page, in a real browser."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from served import PATIENCE, Server
from visiting import download, draw, visit

OpenPage = Callable[..., Page]


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=1000 * PATIENCE)


def test_a_drawing_is_watched_and_kept_as_an_animation(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(390)
    draw(page, "a red car")
    page.get_by_role("button", name="Watch it think").click()
    slider = page.get_by_role("slider", name="Squares drawn")
    expect(slider).to_have_value("256")
    expect(page.get_by_role("button", name="Play")).to_be_visible()
    finished = page.locator(".steps canvas").first.evaluate("canvas => canvas.toDataURL()")
    slider.focus()
    page.keyboard.press("Home")
    expect(page.get_by_role("img", name="The pictures after 0 of 256 squares")).to_be_visible()
    page.keyboard.press("ArrowRight")
    expect(slider).to_have_attribute("aria-valuetext", "1 of 256 squares")
    page.wait_for_function(SHARE_DRAWN, arg=1 / 256)
    slider.fill("128")
    page.wait_for_function(SHARE_DRAWN, arg=1 / 2)
    page.get_by_role("button", name="Play").click()
    expect(slider).to_have_value("256")
    page.wait_for_function(SHARE_DRAWN, arg=1)
    assert page.locator(".steps canvas").first.evaluate("canvas => canvas.toDataURL()") == finished
    for kind in ("WebP", "GIF"):
        file = download(page, page.get_by_role("button", name=f"Download {kind}"), tmp_path)
        assert re.fullmatch(r"a-red-car-replay-seed-\d+", file.stem)
        with Image.open(file) as animation:
            assert animation.format == kind.upper() and getattr(animation, "n_frames", 1) > 9


SHARE_DRAWN = """share => {
  const canvas = document.querySelector(".steps canvas");
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d");
  copy.drawImage(canvas, 0, 0);
  const pixels = copy.getImageData(0, 0, canvas.width, canvas.height).data;
  const drawn = pixels.filter((value, at) => at % 4 === 3 && value > 128).length;
  return Math.abs(drawn / (canvas.width * canvas.height) - share) < 1e-6;
}"""
"""Whether so much of the first picture is there."""


def test_the_tour_is_told_with_an_example_then_with_ones_own(open_page: OpenPage) -> None:
    page = open_page(390)
    dialog, line = page.get_by_role("dialog"), page.get_by_role("dialog").get_by_role("status")
    page.get_by_role("button", name="How does it actually work?").click()
    expect(dialog).to_contain_text("Told with an example.")
    expect(dialog.get_by_role("list", name="The pieces of the prompt").locator("b").nth(2)).to_have_text("pumpkin")
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="How does it actually work?")).to_be_focused()

    draw(page, "a red car")
    page.get_by_role("button", name="How does it actually work?").click()
    expect(dialog).to_contain_text("Told with your own drawing.")
    pieces = dialog.get_by_role("list", name="The pieces of the prompt").get_by_role("listitem")
    assert pieces.first.inner_text().startswith("begin") and pieces.last.inner_text().startswith("end")
    assert "".join(pieces.locator("b").all_inner_texts()[1:-1]).replace(" ", "") == "aredcar"
    expect(dialog.get_by_role("button", name="Next")).to_be_focused()
    page.keyboard.press("ArrowRight")
    expect(line).to_have_text("Step 2 of 4: It draws one square at a time")
    page.wait_for_function(SHARE_DRAWN, arg=1 / 2)
    page.keyboard.press("Enter")
    expect(line).to_contain_text("Step 3 of 4")
    expect(dialog).to_contain_text("Nothing was marked here")
    expect(dialog.locator(".marked img")).to_have_count(9)
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("Do not use the pictures to judge")
    dialog.get_by_role("button", name="Back").click()
    expect(line).to_contain_text("Step 3 of 4")


def test_style_chips_add_and_take_away_what_the_model_knows(open_page: OpenPage) -> None:
    page = open_page(360)
    chips = page.locator("#styles [data-style]")
    expect(page.locator("#styles .chip")).to_have_count(0)
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Model").click()
    page.get_by_role("option", name="ranked").click()
    expect(chips).to_have_count(3)
    expect(chips.locator("visible=true")).to_have_count(2)
    page.get_by_role("button", name="All styles").click()
    expect(chips.locator("visible=true")).to_have_count(3)
    prompt, chip = page.get_by_label("Prompt", exact=True), page.get_by_role("button", name="x-ray")
    prompt.fill("a red car")
    chip.focus()
    page.keyboard.press("Enter")
    expect(prompt).to_have_value("a red car, x-ray")
    expect(chip).to_have_attribute("aria-pressed", "true")
    expect(chip).to_be_focused()
    page.keyboard.press("Space")
    expect(prompt).to_have_value("a red car")
    prompt.fill("An X-Ray cat")
    expect(chip).to_have_attribute("aria-pressed", "true")
    chip.click()
    expect(prompt).to_have_value("An cat")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0


def test_the_page_can_be_installed_and_says_when_its_server_is_away(browser: Browser, server: Server) -> None:
    context = browser.new_context(locale="en")
    context.set_default_timeout(PATIENCE * 1000)
    page = context.new_page()
    try:
        visit(page, server.address)
        devtools = context.new_cdp_session(page)
        found = devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]
        # Nothing is installed from a context that will be forgotten.
        assert [error["errorId"] for error in found] == ["in-incognito"]
        manifest = devtools.send("Page.getAppManifest")
        assert manifest["errors"] == [] and manifest["url"] == f"{server.address}/manifest.json"
        page.evaluate("navigator.serviceWorker.ready")
        context.set_offline(True)
        page.goto(server.address)
        expect(page.get_by_role("heading", name="The server is away")).to_be_visible()
        context.set_offline(False)
        page.get_by_role("link", name="Try again").click()
        page.locator("html[data-ready]").wait_for()
        assert page.evaluate("caches.open('offline').then(kept => kept.keys()).then(all => all.length)") == 1
    finally:
        context.close()
