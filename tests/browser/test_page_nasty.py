"""Text that would like to be a script goes through every field, file name and link of the page, and stays text.

A dialog box, a request to another host and a complaint of the browser's each fail a test (see conftest).
"""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest
from playwright.sync_api import FilePayload, Page, expect
from served import PATIENCE, Server
from visiting import draw, find_status, run, visit

OpenPage = Callable[..., Page]
NASTY = (
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(2)>',
    "'><script>alert(3)</script>",
    "</textarea></title></style><script>alert(4)</script>",
    "javascript:alert(5)",
    '<a href="javascript:alert(6)">x</a>',
    '<iframe srcdoc="<script>parent.alert(7)</script>">',
    "<style>@import url(http://evil.example/x)</style>",
    "\u202e<b onmouseover=alert(8)>&lt;script&gt;",
)
BRACES = "{{constructor.constructor('alert(9)')()}} ${alert(10)} #{alert(11)} <%= alert(12) %>"
FOREIGN = "script:not([src]), [onerror], [onload], [onmouseover], iframe[srcdoc], img[src=x], a[href^='javascript:']"
"""What would be in our parts of the page if text became elements."""


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=1000 * PATIENCE)


def check(page: Page) -> None:
    for part in ("#header", "#status", "#grid", "#result", "#why", "dialog"):
        assert page.locator(part).locator(FOREIGN).count() == 0, part


def test_nasty_text_stays_text(open_page: OpenPage, server: Server, tmp_path: Path) -> None:
    page = open_page(390)
    # What is nothing but tags can't be drawn.
    choices = [f"{text} cat" for text in NASTY]
    draw(page, "{" + "|".join(choices) + "}")
    expect(page.locator("#grid .label")).to_have_text(choices)
    check(page)
    for index, text in enumerate(choices):
        page.locator("#grid .open").nth(index).focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("dialog").get_by_role("img")).to_have_attribute(
            "alt", f"{text}, picture {index + 1} of 9"
        )
        check(page)
        page.keyboard.press("Escape")
        expect(page.get_by_role("dialog")).to_have_count(0)
    draw(page, " ".join((*NASTY, BRACES)))
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Make a page").click()
    expect(page.get_by_label("Address of the page")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Meme").click()
    for text in (*NASTY, BRACES):
        page.get_by_placeholder("Top text").fill(text)
    expect(page.locator(".stage img")).to_have_attribute("alt", f"The meme. {BRACES}")
    check(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="History").click()
    expect(page.get_by_role("dialog").get_by_role("listitem")).to_have_count(3)
    check(page)


def test_nasty_links_seeds_and_files_stay_text(open_page: OpenPage, server: Server, tmp_path: Path) -> None:
    page = open_page(390)
    for text in (*NASTY, BRACES):
        recipe = {"v": "1", "model": text, "prompt": text, "seed": 1}
        visit(page, f"{server.address}/?{urlencode(recipe)}")
        expect(find_status(page)).to_contain_text(f"drawn by the model {text}")
        check(page)
    visit(page, f"{server.address}/?{urlencode({**recipe, 'seed': NASTY[0]})}")
    expect(find_status(page)).to_contain_text(NASTY[0])
    page.get_by_role("button", name="Settings").click()
    for text in NASTY[:3]:
        page.get_by_label("Seed").fill(text)
        run(page, "a red car")
        expect(find_status(page)).to_contain_text(text[:20])
        check(page)
    page.get_by_role("button", name="Was this made here?").click()
    for text in (*NASTY, BRACES):
        file = FilePayload(name=text.replace("/", "_"), mimeType="image/png", buffer=text.encode())
        page.get_by_label("Drop, paste or choose").set_input_files([file])
        expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text(
            "Use a PNG, JPEG, WebP or GIF picture."
        )
        check(page)
