"""WCAG 2.2 AA in every state of the page, by axe-core; large targets; no sideways scroll; reduced motion; weight.

axe finds what a program can find. Names, order and words are looked at in the other tests, and by people.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from served import PATIENCE
from visiting import draw

OpenPage = Callable[..., Page]
AXE = (Path(__file__).parent / "axe" / "axe.min.js").read_text(encoding="utf-8")
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN_AXE = """async (tags) => (await axe.run(document, {runOnly: tags})).violations.map(
  (found) => [found.id, ...found.nodes.map((node) => node.html.slice(0, 200))])"""
SMALL = """() => [...document.querySelectorAll("a[href], button, summary, label, select, textarea")]
  .filter((each) => each.checkVisibility() && !each.closest("#settings [data-testid], footer, .picks"))
  .filter((each) => !document.querySelector("dialog[open]") || each.closest("dialog[open]"))
  .map((each) => [each.getBoundingClientRect(), each.outerHTML.slice(0, 120)])
  .filter(([box]) => box.width < 43.5 || box.height < 43.5)
  .map(([box, html]) => `${box.width} x ${box.height}: ${html}`)"""
WEIGHTS = """() => performance.getEntries().filter((each) => each.encodedBodySize)
  .map((each) => [each.name, each.encodedBodySize])"""
MOST_BYTES = 600_000


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=1000 * PATIENCE)


def check(page: Page) -> None:
    assert page.evaluate(RUN_AXE, TAGS) == []
    assert page.evaluate(SMALL) == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
    assert page.evaluate("(document.querySelector('dialog[open]')?.scrollWidth ?? 0) <= window.innerWidth")


def open_dialog(page: Page, name: str, **options: Any) -> None:
    page.get_by_role("button", name=name, **options).first.click()
    expect(page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("width, scheme", [(360, "light"), (1440, "dark")])
def test_every_state_can_be_used_by_everybody(open_page: OpenPage, width: int, scheme: str) -> None:
    page = open_page(width, color_scheme=scheme, reduced_motion="reduce")
    page.add_script_tag(content=AXE)
    check(page)
    moving = "() => document.getAnimations().filter((each) => each.playState === 'running').length"
    assert page.evaluate(moving) == 0
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("Seed")).to_be_visible()
    check(page)
    draw(page, "a red car")
    page.locator("#result summary").click()
    check(page)
    page.keyboard.press("Escape")
    page.locator("#grid .open").first.click()
    check(page)
    page.keyboard.press("Escape")
    open_dialog(page, "Share")
    page.get_by_role("button", name="Make a page").click()
    expect(page.get_by_label("Address of the page")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    open_dialog(page, "Meme")
    page.keyboard.type("hello")
    expect(page.get_by_role("dialog").get_by_role("link", name="Download")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Watch it think").click()
    expect(page.get_by_role("slider", name="Squares drawn")).to_have_value("256")
    expect(page.get_by_role("img", name="The pictures after 256 of 256 squares")).to_be_visible()
    check(page)
    page.keyboard.press("Escape")
    open_dialog(page, "How does it actually work?")
    for number in (1, 2, 3, 4):
        expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text(f"Step {number} of 4")
        check(page)
        page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_have_count(0)
    for panel, content in (("History", ".entries b"), ("Was this made here?", ".zone"), ("What is this?", "dt, h3")):
        open_dialog(page, panel)
        expect(page.get_by_role("dialog").locator(content).first).to_be_visible()
        check(page)
        page.keyboard.press("Escape")


def test_a_flaw_would_be_found(open_page: OpenPage) -> None:
    page = open_page(390)
    page.add_script_tag(content=AXE)
    page.evaluate(
        "document.querySelector('header').insertAdjacentHTML('beforeend', '<button></button><img src=\"data:,\">')"
    )
    assert {found[0] for found in page.evaluate(RUN_AXE, TAGS)} >= {"button-name", "image-alt"}
    assert len(page.evaluate(SMALL)) == 1


def test_the_page_is_light(open_page: OpenPage) -> None:
    """A first visit, as it is sent; `open_page` sees to it that nothing comes from another host."""
    page = open_page()
    # Not until the network rests: the page keeps a line open while it is visited.
    page.wait_for_function("[...document.images].every((image) => image.complete || image.loading === 'lazy')")
    weights = page.evaluate(WEIGHTS)
    assert len(weights) > 15 and sum(size for _, size in weights) < MOST_BYTES
