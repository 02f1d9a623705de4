"""Shared pages in a real browser without scripts: on a phone and a desk, by day and by night."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page
from shared import publish
from sites import Site

from dalle_mini.serving.shares import Choices

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
PROMPTS = ["a red car", "Donaudampfschifffahrtsgesellschaft" * 3, "an owl in the woods at night, " * 60, "قطة 🐱 " * 9]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.close()


@pytest.fixture
def page(browser: Browser, site: Site) -> Iterator[Page]:
    complaints: list[str] = []
    with site.listen() as address:
        context = browser.new_context(base_url=address)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if "404" not in message.text else None)
        page.on("request", lambda asked: complaints.extend([asked.url] * (not asked.url.startswith(address))))
        yield page
        context.close()
    assert not complaints


@pytest.mark.parametrize("prompt", [*PROMPTS, None])
def test_a_page_fits_every_width_and_can_be_read_in_light_and_dark(page: Page, site: Site, prompt: str | None) -> None:
    share, _ = publish(site.service.shares, prompt or "a secret", Choices(show_prompt=prompt is not None))
    page.goto(f"/g/{share.id}")
    assert page.locator(".sheet img").evaluate("image => image.complete && image.naturalWidth") == share.width
    page.evaluate("document.querySelectorAll('details').forEach((each) => (each.open = true))")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (360, 768, 1440):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
            small = page.locator("a:not(.sheet), button, summary, label:has(input)").evaluate_all(
                "all => all.filter((each) => each.getBoundingClientRect().height < 24).map((each) => each.outerHTML)"
            )
            assert not small, "targets are large enough to hit (WCAG 2.2, 2.5.8)"
        assert not page.evaluate(CONTRAST)


def test_the_words_to_tell_apart_are_in_the_accessibility_tree(page: Page, site: Site) -> None:
    share, _ = publish(site.service.shares, "a red car")
    page.goto(f"/g/{share.id}")
    assert page.get_by_role("heading", level=1).inner_text() == "a red car"
    assert page.get_by_role("img", name="Nine pictures made by AI: a red car").is_visible()
    for name in ("Remix", "Make your own", "Grid PNG", "DALL·E mini"):
        assert page.get_by_role("link", name=name, exact=True).is_visible()
    page.locator("summary", has_text="Report").click()
    assert page.get_by_role("group", name="What is wrong with it?").is_visible()


def test_reporting_and_deleting_need_no_script(browser: Browser, site: Site) -> None:
    share, token = publish(site.service.shares)
    with site.listen() as address:
        context = browser.new_context(base_url=address, java_script_enabled=False)
        page = context.new_page()
        page.goto(f"/g/{share.id}")
        page.locator("summary", has_text="Report").click()
        page.get_by_label("Something else").check()
        page.locator("button", has_text="Report").click()
        assert page.get_by_role("heading").inner_text() == "Thank you"
        assert site.service.shares.reports.count(share.id) == 1
        page.go_back()
        page.locator("summary", has_text="Delete").click()
        page.get_by_label("Delete token").fill("wrong")
        page.locator("button", has_text="Delete").click()
        assert page.get_by_role("heading").inner_text() == "That won’t do"
        page.get_by_role("link", name="Back to the page").click()
        page.locator("summary", has_text="Delete").click()
        page.get_by_label("Delete token").fill(token)
        page.locator("button", has_text="Delete").click()
        assert page.get_by_role("heading").inner_text() == "Deleted"
        page.goto(f"/g/{share.id}")
        assert page.get_by_role("heading").inner_text() == "No longer here"
        context.close()
