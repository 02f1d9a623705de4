"""Remakes the pictures of the page in docs/page.md and docs/sharing.md: `python -m recipes.page.shots`.

Serves the page with the bundled model on a free port, and visits it in Chromium: on a desk by day, on a phone by night.
"""

import contextlib
import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from dalle_mini.checkpoints.staging import write_whole

ROOT = Path(__file__).parents[2]
DESK, TABLET, PHONE = (1440, 900), (920, 844), (390, 844)
GAP = 16
PROMPT, SEED = "a purple cat", 4
_PATIENCE = 120_000


@contextlib.contextmanager
def serve() -> Generator[str]:
    """The page's address, while it is served from an empty home."""
    with tempfile.TemporaryDirectory() as home:
        command = [sys.executable, "app.py", "--port", "0", "--model", "nano"]
        environment = {**os.environ, "DALLE_MINI_HOME": home}
        with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout
                yield next(match[1] for line in process.stdout if (match := re.search(r"is at (\S+)", line)))
            finally:
                process.terminate()


def open_drawn(page: Page, address: str) -> None:
    """The page with a drawing."""
    page.goto(
        f"{address}/?v=1&model=nano&prompt={PROMPT}&seed={SEED}&guidance_scale=3&temperature=0.6&top_k=256&top_p=0.85"
    )
    page.locator("html[data-ready]").wait_for()
    page.get_by_text("Press Run.").wait_for()
    page.locator("#run").click()
    page.locator("#grid [data-drawing]").wait_for()
    page.get_by_role("button", name="Settings").click()


def open_tile(page: Page) -> None:
    page.locator("#grid .open").nth(4).click()


def open_brush(page: Page) -> None:
    open_tile(page)
    page.get_by_role("button", name="Redraw parts").click()
    page.get_by_label("Broad brush").check()
    grid = page.get_by_role("grid")
    for key in ("ArrowDown",) * 4 + ("ArrowRight", "Space", "ArrowRight", "ArrowRight", "Space"):
        grid.press(key)


def open_share(page: Page) -> None:
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a page").click()
    page.locator("dialog .networks").wait_for()
    page.evaluate("window.getSelection().removeAllRanges()")


def open_meme(page: Page) -> None:
    page.get_by_role("button", name="Meme").click()
    for place, text in (("Top text", "one does not simply"), ("Bottom text", "walk into the garden 🐱")):
        page.get_by_placeholder(place).fill(text)
    page.locator(".stage img[alt*=garden]").wait_for()


def open_think(page: Page) -> None:
    """Half-way."""
    page.get_by_role("button", name="Watch it think").click()
    page.get_by_role("slider", name="Squares drawn").fill("78")


def open_tour(page: Page) -> None:
    page.get_by_role("button", name="How does it actually work?").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name="Next").click()


def open_panel(name: str) -> Callable[[Page], None]:
    def click(page: Page) -> None:
        page.get_by_role("button", name=name).click()

    return click


STATES = {
    "tile": open_tile,
    "brush": open_brush,
    "share": open_share,
    "meme": open_meme,
    "think": open_think,
    "tour": open_tour,
    "history": open_panel("History"),
    "about": open_panel("What is this?"),
}
"""What is open on the phone, by the name of the state."""


def shoot(page: Page) -> Image.Image:
    page.wait_for_function("[...document.images].every((image) => image.complete || image.loading === 'lazy')")
    page.wait_for_timeout(500)
    with Image.open(io.BytesIO(page.screenshot())) as picture:
        return picture.convert("RGB")


def shoot_desk(page: Page, address: str) -> Image.Image:
    """The page as one finds it, and the meme maker."""
    page.goto(address)
    page.locator("html[data-ready]").wait_for()
    first = shoot(page)
    open_drawn(page, address)
    open_meme(page)
    return arrange([first, shoot(page)])


def shoot_phone(page: Page, address: str) -> Image.Image:
    open_drawn(page, address)
    shots = [shoot(page)]
    for open_state in STATES.values():
        open_state(page)
        shots.append(shoot(page))
        page.keyboard.press("Escape")
    return arrange(shots)


def shoot_shared(browser: Browser, address: str) -> Image.Image:
    """A shared page, by day and on a phone by night."""
    with visit(browser, DESK, "light") as page:
        open_drawn(page, address)
        open_share(page)
        shared = page.get_by_label("Address of the page").input_value()
    shots = []
    for size, scheme in ((TABLET, "light"), (PHONE, "dark")):
        with visit(browser, size, scheme) as page:
            page.goto(shared)
            shots.append(shoot(page))
    return arrange(shots)


def arrange(shots: list[Image.Image]) -> Image.Image:
    """Side by side."""
    width = sum(shot.width + GAP for shot in shots) - GAP
    sheet, left = Image.new("RGB", (width, max(shot.height for shot in shots)), "#8a8c84"), 0
    for shot in shots:
        sheet.paste(shot, (left, 0))
        left += shot.width + GAP
    return sheet


@contextlib.contextmanager
def visit(browser: Browser, size: tuple[int, int], scheme: Literal["light", "dark"]) -> Generator[Page]:
    """A page of its own for a visitor with so many pixels, by day or by night."""
    context = browser.new_context(viewport=ViewportSize(width=size[0], height=size[1]), color_scheme=scheme)
    context.set_default_timeout(_PATIENCE)
    try:
        yield context.new_page()
    finally:
        context.close()


def save(sheet: Image.Image, name: str, *, width: int) -> None:
    sheet.thumbnail((width, width), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    sheet.save(buffer, "WEBP", quality=82, method=6)
    write_whole(ROOT / "docs" / name, buffer.getvalue())


def main() -> None:
    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with serve() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        with visit(browser, DESK, "light") as page:
            save(shoot_desk(page, address), "page-desk.webp", width=1800)
        with visit(browser, PHONE, "dark") as page:
            save(shoot_phone(page, address), "page-phone.webp", width=1800)
        save(shoot_shared(browser, address), "shared-page.webp", width=930)
        browser.close()


if __name__ == "__main__":
    main()
