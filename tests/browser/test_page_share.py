"""Sharing from the page in a real browser: links, the share sheet, the large picture, keys."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect
from served import PATIENCE, Server
from visiting import draw, find_status, visit

OpenPage = Callable[..., Page]
CLIPBOARD = "navigator.clipboard.readText()"
SHEET = """() => {
  window.shared = [];
  navigator.canShare = (data) => Boolean(data.files?.length);
  navigator.share = async (data) => shared.push({...data, files: data.files.map((file) => [file.name, file.type])});
}"""


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=1000 * PATIENCE)


@pytest.fixture
def page(open_page: OpenPage) -> Page:
    return open_page(390, permissions=["clipboard-read", "clipboard-write"])


def test_one_button_makes_a_page_and_copies_its_link(page: Page, server: Server) -> None:
    draw(page, "a red <b>car</b>")
    page.get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog", name="Share")
    expect(dialog.get_by_label("Ask search engines")).to_be_checked()
    expect(dialog.get_by_label("Ask search engines")).to_have_css("appearance", "auto")  # the mark is to be seen
    dialog.get_by_role("button", name="Make a page").click()
    address = dialog.get_by_label("Address of the page")
    expect(address).to_have_value(page.url + "g/" + address.input_value().rpartition("/")[2])
    expect(dialog.get_by_role("status")).to_have_text("The link is copied.")
    link = page.evaluate(CLIPBOARD)
    assert link == address.input_value()
    shared = page.request.get(link)
    assert shared.ok and "a red &lt;b&gt;car&lt;/b&gt;" in shared.text() and "noindex" in shared.headers["x-robots-tag"]
    expect(dialog.get_by_role("link", name="Reddit")).to_have_attribute("rel", "noopener noreferrer")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0

    visit(page, server.address)
    page.get_by_role("button", name="History").click()
    entry = page.get_by_role("dialog").get_by_role("listitem").filter(has_text="drawn by DALL·E mini")
    expect(entry.get_by_role("link")).to_have_attribute("href", link)
    entry.get_by_role("button", name="Delete the page").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("The page is deleted.")
    expect(entry).to_have_count(0)
    assert page.request.get(link).status == 410


def test_a_secret_prompt_is_in_nothing_that_is_sent(page: Page) -> None:
    page.evaluate(SHEET)
    draw(page, "an owl in the woods")
    page.keyboard.press("Escape")
    page.locator("#grid .open").nth(2).click()
    page.get_by_role("dialog").get_by_role("button", name="Share").click()
    dialog = page.get_by_role("dialog", name="Share")
    dialog.get_by_label("Tell the prompt").uncheck()
    dialog.get_by_role("button", name="Make a page").click()
    expect(dialog.get_by_role("status")).to_have_text("Shared.")
    (sent,) = page.evaluate("shared")
    assert sent["text"] == "Drawn by DALL·E mini" and sent["files"][0][1] == "image/png"
    link = dialog.get_by_label("Address of the page").input_value()
    text = page.request.get(link).text()
    assert "owl" not in text and "One picture" in text


def test_a_recipe_link_fills_the_page_in(page: Page, server: Server) -> None:
    draw(page, "two dogs & {a cat} in the snow")
    seed, tile = page.locator(".seed b").inner_text(), page.locator("#grid img").nth(3)
    first = page.request.get(f"{server.address}/{tile.get_attribute('src')}").body()
    page.get_by_role("button", name="Share").click()
    page.get_by_role("button", name="Copy recipe link").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_contain_text("The recipe link is copied.")
    link = page.evaluate(CLIPBOARD)
    visit(page, link)
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("two dogs & {a cat} in the snow")
    expect(page.get_by_label("Seed")).to_have_value(seed)
    expect(find_status(page)).to_contain_text("Press Run.")
    before = page.locator("#grid .grid").get_attribute("data-drawing")
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#grid .grid[data-drawing]")).to_be_visible()
    again = page.request.get(f"{server.address}/{page.locator('#grid img').nth(3).get_attribute('src')}").body()
    assert before is None and again == first

    visit(page, link.replace("model=tiny", "model=mega").replace("top_k=32", "top_k=999"))
    expect(find_status(page)).to_contain_text("drawn by the model mega, which is not here")
    expect(find_status(page)).to_contain_text("out of this page’s reach")
    visit(page, f"{server.address}/?v=2&prompt=x")
    expect(page.locator("#status .error")).to_contain_text("version '2'")
    visit(page, f"{server.address}/?utm_source=x")
    expect(page.locator("#status .error")).to_have_count(0)


def test_a_link_typed_by_hand_fills_the_prompt_in(page: Page, server: Server) -> None:
    visit(page, f"{server.address}/?utm_source=x&prompt=a+b%C3%A4r+%26+%7Bb%7D&seed=x")
    expect(page.get_by_label("Prompt", exact=True)).to_have_value("a bär & {b}")
    expect(page.locator("#status .error")).to_have_count(0)
    page.get_by_role("button", name="Run").click()
    expect(page.locator("#grid .grid[data-drawing]")).to_be_visible()


def test_a_tile_opens_large_and_gives_the_focus_back(page: Page) -> None:
    draw(page, "a red car")
    tile = page.locator("#grid .open").nth(4)
    tile.focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Picture 5 of 9")
    expect(dialog.get_by_role("img")).to_have_attribute("alt", "a red car, picture 5 of 9")
    seeds = {dialog.locator(".facts").inner_text()}
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_role("dialog", name="Picture 4 of 9")).to_be_visible()
    seeds.add(page.locator("dialog .facts").inner_text())
    page.get_by_role("button", name="Next picture").click()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("dialog", name="Picture 6 of 9")).to_be_visible()
    assert len(seeds) == 2 and all(seed.startswith("Seed ") for seed in seeds)
    page.get_by_role("button", name="Copy picture").click()
    expect(page.get_by_role("dialog").get_by_role("status")).to_have_text("The picture is copied.")
    assert page.evaluate("navigator.clipboard.read().then((items) => items[0].types)") == ["image/png"]
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(tile).to_be_focused()


def test_keys_choose_share_and_draw_again_but_not_while_somebody_types(page: Page) -> None:
    draw(page, "a red car")
    field = page.get_by_label("Prompt", exact=True)
    field.press("End")
    page.keyboard.type(" s7r")
    expect(field).to_have_value("a red car s7r")
    expect(page.get_by_role("dialog")).to_have_count(0)
    field.blur()
    page.keyboard.press("7")
    expect(page.get_by_role("dialog", name="Picture 7 of 9")).to_be_visible()
    page.keyboard.press("s")
    expect(page.get_by_role("dialog")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("s")
    expect(page.get_by_role("dialog", name="Share")).to_be_visible()
    page.keyboard.press("Escape")
    page.locator("#grid .open").first.focus()
    before = page.locator("#grid .grid").get_attribute("data-drawing")
    page.keyboard.press("r")
    expect(page.locator(f"#grid .grid[data-drawing]:not([data-drawing='{before}'])")).to_be_visible()
