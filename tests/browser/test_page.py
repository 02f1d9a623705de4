"""What a visitor does on the page, in a real browser with a real server behind it."""

import io
import re
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from served import PATIENCE, Server
from visiting import download, draw, find_status, run

from dalle_mini.grid import read_recipe
from dalle_mini.provenance import trace_picture
from dalle_mini.web.examples import read_examples

OpenPage = Callable[..., Page]
"""Of tests/browser/conftest.py."""

WATCH = """() => {
  window.seen = [];
  const look = () => {
    const box = document.querySelector(".grid").getBoundingClientRect();
    seen.push({
      previews: document.querySelectorAll(".tile img[src^=data]").length,
      tokens: document.querySelector("progress")?.value,
      status: document.querySelector("#status").innerText,
      box: [box.x, box.y, box.width, box.height].map(Math.round).join(" ")});
    requestAnimationFrame(look);
  };
  look();
}"""
NAMELESS = """() => [...document.querySelectorAll("input, textarea, button, a[href], img")]
  .filter((element) => element.checkVisibility() && !element.ariaLabel && !element.labels?.length
    && !element.innerText?.trim() && !element.alt && !element.querySelector("img[alt]:not([alt=''])"))
  .map((element) => element.outerHTML)"""


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=1000 * PATIENCE)


def set_field(page: Page, label: str, value: str) -> None:
    """Type into a field of the settings, which are unfolded for it."""
    field = page.get_by_label(label)
    if not field.is_visible():
        page.get_by_role("button", name="Settings").click()
    field.fill(value)
    field.blur()


def set_count(page: Page, count: int) -> None:
    set_field(page, "number input for Pictures", str(count))


def choose_model(page: Page, name: str) -> None:
    """`slow` is still drawing when a busy machine's browser comes to look, `ranked` brings a CLIP."""
    if not page.get_by_label("Model").is_visible():
        page.get_by_role("button", name="Settings").click()
    page.get_by_label("Model").click()
    page.get_by_role("option", name=name).click()


def find_overflow(page: Page) -> int:
    """Pixels that stick out sideways."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def test_enter_fills_the_grid_from_real_tokens_and_nothing_jumps(page: Page) -> None:
    page.evaluate(WATCH)
    tiles = draw(page, "a red car at the beach")
    expect(tiles).to_have_count(9)
    seen = page.evaluate("seen")
    assert max(moment["previews"] for moment in seen) == 9, "no preview was shown"
    tokens = [moment["tokens"] for moment in seen if moment.get("tokens")]
    assert len(set(tokens)) >= 3 and tokens == sorted(tokens)
    told = re.compile(r"Drawing\s+\d+ of 256 tokens, about .* left")
    assert any(told.search(moment["status"]) for moment in seen)
    assert len({moment["box"] for moment in seen}) == 1
    assert tiles.nth(2).get_attribute("alt") == "a red car at the beach, picture 3 of 9"


def test_a_kept_seed_draws_the_same_pictures(page: Page) -> None:
    draw(page, "two dogs in the snow")
    seed, one_of_nine = page.locator(".seed b").inner_text(), fetch_first(page)
    page.get_by_role("button", name="Keep seed").click()
    expect(page.get_by_label("Seed")).to_have_value(seed)
    set_count(page, 1)
    expect(draw(page, "two dogs in the snow")).to_have_count(1)
    assert page.locator(".seed b").inner_text() == seed
    assert fetch_first(page) == one_of_nine


def fetch_first(page: Page) -> bytes:
    """The pixels of the first tile."""
    address = page.locator("#grid img").first.get_attribute("src")
    with Image.open(io.BytesIO(page.request.get(f"{page.url}{address}").body())) as picture:
        return picture.tobytes()


def test_stop_frees_the_device(page: Page, server: Server) -> None:
    start = len(server.log)
    choose_model(page, "slow")
    set_count(page, 36)
    run(page, "an owl in the woods")
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(find_status(page)).to_contain_text("Stopped")
    server.wait_for("a drawing was stopped", start)
    assert "drew 36" not in server.log[start:]
    set_count(page, 1)
    expect(draw(page, "an owl in the woods")).to_have_count(1)


def test_leaving_the_page_frees_the_device(open_page: OpenPage, server: Server) -> None:
    start = len(server.log)
    page, other = open_page(), open_page()
    choose_model(page, "slow")
    set_count(page, 36)
    run(page, "an owl in the woods")
    expect(page.get_by_role("progressbar")).to_be_visible()
    run(other, "a red car")
    expect(find_status(other)).to_contain_text("Next in line")
    page.close()
    server.wait_for("a drawing was stopped", start)
    assert "drew 36" not in server.log[start:]
    expect(find_status(other)).to_contain_text("Drawn in")


def test_the_best_of_more_are_shown_and_the_page_says_why(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(390)
    candidates = page.get_by_label("number input for Candidates")
    expect(candidates).to_be_hidden()
    choose_model(page, "ranked")
    expect(candidates).to_be_visible()
    set_field(page, "number input for Candidates", "18")
    page.evaluate(WATCH)
    expect(draw(page, "a red car")).to_have_count(9)
    seen = [moment["status"] for moment in page.evaluate("seen")]
    assert any("Drawing 18, showing the best 9" in status for status in seen)
    expect(find_status(page)).to_contain_text("The best 9 of 18.")
    marks = page.locator("#grid .mark").all_inner_texts()
    numbers = [float(mark.split()[-1].replace("−", "-")) for mark in marks]
    assert len(numbers) == 9 and numbers == sorted(numbers, reverse=True)

    page.get_by_text("Why these nine?").focus()
    page.keyboard.press("Enter")
    pictures = page.locator("#why").get_by_role("button")
    expect(pictures).to_have_count(18)
    expect(page.locator("#why .left-out")).to_have_count(9)
    for _ in range(12):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(pictures.nth(11)).to_have_attribute("aria-pressed", "true")
    expect(pictures.nth(11)).to_be_focused()
    chosen = page.locator("#why .chosen")
    expect(chosen).to_contain_text("Picture 12 of 18")
    expect(page.locator("#why").get_by_role("rowheader")).to_have_text(["a", "red", "car"])
    contrast = (Path(__file__).parent / "contrast.js").read_text()
    assert not page.evaluate(NAMELESS)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("body.dark")).to_have_count(int(scheme == "dark"))
        assert not page.evaluate(contrast)
        assert find_overflow(page) == 0
    recipe = read_recipe(download(page, chosen.get_by_role("link", name="Download"), tmp_path))
    assert recipe["candidates"] == 1 and f"seed {recipe['seed']}" in chosen.inner_text()
    choose_model(page, "tiny")
    expect(candidates).to_be_hidden()
    draw(page, "a red car")
    expect(page.locator("#why details")).to_have_count(0)


def test_more_than_can_be_chosen_from_is_told_in_words(page: Page) -> None:
    choose_model(page, "ranked")
    expect(page.get_by_label("number input for Candidates")).to_be_visible()
    set_field(page, "number input for Candidates", "4")
    run(page, "a red car")
    expect(find_status(page)).to_contain_text("Candidates=4 must be from 9, as many as are shown, to 512.")


PROMPTS = {
    "🐱🚀": "Emoji were spelled out.",
    "<img src=x onerror=alert(1)><script>alert(2)</script><b>a fox</b>": "Read as",
    "a fox ${alert(1)} {{constructor}} `x` \"'&lt;": "a fox ${alert(1)} {{constructor}}",
    "a red car " * 190: "There was no room for",
    "abcdefghij" * 190: "There was no room for",
    "красная машина на пляже": "Read as",
    "a red\x07 car\x00": "a red",
}
"""Prompts, and what stands on the page after they were drawn."""


def test_any_prompt_is_drawn_and_shown_as_text(open_page: OpenPage) -> None:
    page = open_page(390)
    for prompt, told in PROMPTS.items():
        expect(draw(page, prompt)).to_have_count(9)
        alt = page.locator(".tile img").first.get_attribute("alt") or ""
        assert told in page.locator("#result").inner_text() + alt
        ours = page.locator("#status, #grid, #result")
        assert ours.locator("script, [onerror], img[src=x]").count() == 0
        assert find_overflow(page) == 0


REFUSALS = {
    "": "The prompt is empty. Describe a picture in words, such as 'a red car at the beach'.",
    "\u200b\x07": "can be read. Describe a picture in words",
    "x" * 15_000: "The prompt has 15,000 characters. Use at most 2,000.",
}
SEEDS = ("abc", "-1", "1.5", "4294967296", "<b>7</b>", "9" * 5000)


def test_what_cannot_be_drawn_is_told_in_words(open_page: OpenPage) -> None:
    page = open_page(390)
    for prompt, told in REFUSALS.items():
        run(page, prompt)
        expect(find_status(page)).to_contain_text(told)
        expect(page.locator(".error")).to_be_visible()
        expect(page.get_by_role("button", name="Run")).to_be_visible()
    for seed in SEEDS:
        set_field(page, "Seed", seed)
        run(page, "a red car")
        expect(find_status(page)).to_contain_text(f"'{seed[:20]}")
        expect(find_status(page)).to_contain_text("A seed is a whole number from 0 to 4294967295")
        assert find_overflow(page) == 0


def test_a_refused_prompt_leaves_the_pictures_of_before(page: Page) -> None:
    tiles = draw(page, "a red car")
    before = [tile.get_attribute("src") for tile in tiles.all()]
    run(page, "a beheaded zebra")
    expect(page.locator("#status .error")).to_contain_text("if this is a mistake")
    assert [tile.get_attribute("src") for tile in tiles.all()] == before
    expect(page.get_by_role("button", name="Share")).to_be_visible()


def test_a_model_that_is_not_here_is_told_in_words(page: Page) -> None:
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Model").click()
    page.get_by_role("option", name="mini (2.1 GB, to be downloaded first)").click()
    expect(page.get_by_label("number input for Guidance")).to_have_value("10")
    run(page, "a red car")
    expect(find_status(page)).to_contain_text("The model 'mini' is not on this machine yet.")


ENDS = ("grid-seed-7.png", "grid-seed-7.webp", "classic-seed-7.png", "all-seed-7.zip")


def test_downloads_carry_their_recipe(page: Page, tmp_path: Path) -> None:
    set_field(page, "Seed", "7")
    draw(page, "A red car, at the beach")
    files = []
    for name in ("Grid, PNG", "Grid, WebP", "Captioned square", "Everything"):
        page.locator("#result summary").click()
        files.append(download(page, page.get_by_role("link", name=name), tmp_path))
        expect(page.locator("#result details[open]")).to_have_count(0)
    assert [file.name for file in files] == [f"a-red-car-at-the-beach-{end}" for end in ENDS]
    for file in files[:3]:
        assert trace_picture(file.read_bytes()).made_here
    for file in (files[0], files[2]):
        recipe = read_recipe(file)
        assert (recipe["prompt"], recipe["seed"], recipe["images"]) == ("A red car, at the beach", 7, 9)
    page.locator("#grid .open").nth(4).click()
    tile = download(page, page.get_by_role("link", name="Download PNG"), tmp_path)
    recipe = read_recipe(tile)
    assert (recipe["prompt"], recipe["images"]) == ("A red car, at the beach", 1)
    assert tile.name == f"a-red-car-at-the-beach-seed-{recipe['seed']}.png"
    with Image.open(tile) as picture:
        assert picture.size == (256, 256)


def test_examples_are_there_at_once(page: Page) -> None:
    examples = read_examples()
    cards = page.locator("#examples button")
    expect(cards).to_have_count(len(examples))
    assert 6 <= len(examples) <= 8
    expect(page.locator(".tile")).to_have_count(9)
    last = examples[-1]
    cards.last.click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(last.prompt)
    expect(page.locator(".seed b")).to_have_text(str(last.seed))
    expect(cards.last).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("img", name=f"{last.prompt}, picture 1 of 9")).to_be_visible()
    for address in page.locator("#examples img").evaluate_all("all => all.map((image) => image.src)"):
        assert page.request.get(address).headers["content-type"] == "image/webp"


def test_every_width_in_light_and_dark(page: Page) -> None:
    contrast = (Path(__file__).parent / "contrast.js").read_text()
    assert find_overflow(page) == 0
    page.get_by_role("button", name="Settings").click()
    run(page, "")
    expect(page.locator(".error")).to_be_visible()
    assert not page.evaluate(NAMELESS)
    for scheme, shade in (("light", range(230, 256)), ("dark", range(40))):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("body.dark")).to_have_count(int(scheme == "dark"))
        for width in (360, 390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert find_overflow(page) == 0
        assert not page.evaluate(contrast)
        background = page.locator(".gradio-container").evaluate("element => getComputedStyle(element).backgroundColor")
        assert all(int(channel) in shade for channel in re.findall(r"\d+", background))


def test_only_our_pages_are_served(server: Server) -> None:
    def ask(path: str) -> int:
        try:
            with urllib.request.urlopen(f"{server.address}/{path}", timeout=PATIENCE) as response:
                return response.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    assert ask("") == 200
    hidden = ("docs", "redoc", "openapi.json", "monitoring", "monitoring/summary")
    lost = ("pictures/none/grid.png", "pictures/none/0.png", "examples/../app.py", "examples/%2e%2e/%2e%2e/app.py")
    for path in hidden + lost:
        assert ask(path) in (401, 403, 404), path


def test_a_press_while_the_last_drawing_closes_is_not_lost(page: Page) -> None:
    """Gradio's usual trigger mode drops it."""
    page.evaluate(PRESS_AT_ONCE)
    draw(page, "a red car")
    expect(page.locator("#grid .grid[aria-label='two dogs'][data-drawing]")).to_be_visible()


PRESS_AT_ONCE = """() => {
  const watcher = new MutationObserver(() => {
    if (!document.querySelector("#grid [data-drawing]") || !document.querySelector("#run")?.checkVisibility()) return;
    watcher.disconnect();
    const field = document.querySelector("#prompt textarea");
    field.value = "two dogs";
    field.dispatchEvent(new Event("input", {bubbles: true}));
    setTimeout(() => document.querySelector("#run").click(), 0);
  });
  watcher.observe(document.body, {subtree: true, childList: true, attributes: true});
}"""
"""Runs another prompt as soon as the first drawing is there."""
