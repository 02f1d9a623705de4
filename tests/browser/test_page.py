"""What a visitor does on the page, in a real browser with a real server behind it."""

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import PATIENCE, ROOT
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from dalle_mini.grid import read_recipe
from dalle_mini.web.examples import read_examples

OpenPage = Callable[..., Page]
"""Of tests/browser/conftest.py."""


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=1000 * PATIENCE)


def run(page: Page, prompt: str) -> None:
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_label("Prompt").press("Enter")


def set_field(page: Page, label: str, value: str) -> None:
    """Type into a field of the settings, which are unfolded for it."""
    field = page.get_by_label(label)
    if not field.is_visible():
        page.get_by_role("button", name="Settings").click()
    field.fill(value)
    field.blur()


def find_status(page: Page) -> Locator:
    return page.locator("#status [role=status]")


def finish(page: Page) -> Locator:
    """Wait for a drawing to end; its tiles."""
    expect(find_status(page)).to_contain_text("Drawn in")
    expect(page.get_by_role("link", name="Download grid")).to_be_visible()
    return page.locator(".tile img")


def test_enter_fills_the_grid_from_real_tokens(page: Page) -> None:
    page.evaluate(
        """() => {
          window.seen = [];
          const look = () => seen.push([
            document.querySelectorAll(".tile img[src^=data]").length,
            document.querySelector("progress")?.value ?? 0,
            document.querySelector("#status").innerText]);
          new MutationObserver(look).observe(
            document.body, {subtree: true, childList: true, attributes: true, characterData: true});
        }"""
    )
    run(page, "a red car at the beach")
    tiles = finish(page)
    expect(tiles).to_have_count(9)
    seen = page.evaluate("seen")
    assert max(count for count, _, _ in seen) == 9, "no preview was shown"
    tokens = [done for _, done, _ in seen if done]
    assert len(set(tokens)) >= 3 and tokens == sorted(tokens)
    assert any(re.search(r"Drawing\s+\d+ of 256 tokens, about .* left", text) for _, _, text in seen)
    assert tiles.nth(2).get_attribute("alt") == "a red car at the beach, picture 3 of 9"
    assert re.fullmatch(r"\d+", page.locator(".seed b").inner_text())


def test_a_kept_seed_draws_the_same_pictures(page: Page) -> None:
    run(page, "two dogs in the snow")
    finish(page)
    seed, first = page.locator(".seed b").inner_text(), fetch_grid(page)
    page.get_by_role("button", name="Keep seed").click()
    expect(page.get_by_label("Seed")).to_have_value(seed)
    set_field(page, "number input for Pictures", "4")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".tile img[src^=pictures]")).to_have_count(4)
    finish(page)
    assert page.locator(".seed b").inner_text() == seed
    again = fetch_grid(page)
    tile = again.width // 2
    assert again.crop((0, 0, tile - 8, tile - 8)) == first.crop((0, 0, tile - 8, tile - 8))


def fetch_grid(page: Page) -> Image.Image:
    address = page.get_by_role("link", name="Download grid").get_attribute("href")
    response = page.request.get(f"{page.url}{address}")
    return Image.open(io.BytesIO(response.body())).convert("RGB")


def test_stop_frees_the_device(page: Page, server) -> None:
    start = len(server.log)
    set_field(page, "number input for Pictures", "36")
    run(page, "an owl in the woods")
    expect(page.get_by_role("progressbar")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(find_status(page)).to_contain_text("Stopped")
    server.wait_for("a drawing was stopped", start)
    assert "drew 36" not in server.log[start:]
    set_field(page, "number input for Pictures", "1")
    page.get_by_role("button", name="Run").click()
    finish(page)
    expect(page.locator(".tile")).to_have_count(1)


def test_leaving_the_page_frees_the_device(open_page: OpenPage, server) -> None:
    start = len(server.log)
    page, other = open_page(), open_page()
    set_field(page, "number input for Pictures", "36")
    run(page, "an owl in the woods")
    expect(page.get_by_role("progressbar")).to_be_visible()
    run(other, "a red car")
    expect(find_status(other)).to_contain_text("1 drawing is ahead of yours")
    page.close()
    server.wait_for("a drawing was stopped", start)
    assert "drew 36" not in server.log[start:]
    finish(other)


@pytest.mark.parametrize("prompt", ["", " \t ", "\u200b\x07"])
def test_nothing_to_draw_is_told_in_words(page: Page, prompt: str) -> None:
    run(page, prompt)
    status = find_status(page)
    expect(status).to_contain_text("Describe a picture in words, such as 'a red car at the beach'.")
    expect(page.locator(".error")).to_be_visible()
    expect(page.get_by_role("button", name="Run")).to_be_visible()


@pytest.mark.parametrize(
    "prompt, told",
    [
        ("🐱🚀", "Emoji were spelled out."),
        ("<img src=x onerror=alert(1)><script>alert(2)</script><b>a fox</b>", "Read as"),
        ("a fox ${alert(1)} {{constructor}} `x` \"'&lt;", "a fox"),
        ("a red car " * 1000, "There was no room for"),
        ("x" * 10_000, "There was no room for"),
        ("красная машина на пляже", "Read as"),
        ("a red\x07 car\x00", "a red car"),
    ],
    ids=["emoji", "html", "template", "long", "one word", "script", "control"],
)
def test_any_prompt_is_drawn_and_shown_as_text(page: Page, prompt: str, told: str) -> None:
    run(page, prompt)
    expect(finish(page)).to_have_count(9)
    expect(page.locator("#result, .tile img").filter(has_text=told).or_(page.locator(f"[alt*='{told}']")).first).to_be_attached()
    assert page.locator("#status, #grid, #result").locator("script, b:not(.seed b), [onerror], img[src=x]").count() == 0
    assert find_overflow(page) == 0


def test_a_prompt_without_end_is_told_in_words(page: Page) -> None:
    run(page, "x" * 30_000)
    expect(find_status(page)).to_contain_text("The prompt has 30,000 characters.")


@pytest.mark.parametrize("seed", ["abc", "-1", "1.5", "4294967296", "<b>7</b>", "9" * 5000])
def test_a_bad_seed_is_told_in_words(page: Page, seed: str) -> None:
    set_field(page, "Seed", seed)
    run(page, "a red car")
    expect(find_status(page)).to_contain_text("A seed is a whole number from 0 to 4294967295")
    expect(find_status(page)).to_contain_text(seed[:20])
    assert find_overflow(page) == 0


def test_a_model_that_is_not_here_is_told_in_words(page: Page) -> None:
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Model").click()
    page.get_by_role("option", name="mini (2.1 GB, to be downloaded first)").click()
    expect(page.get_by_label("number input for Guidance")).to_have_value("10")
    run(page, "a red car")
    expect(find_status(page)).to_contain_text("The model 'mini' is not on this machine yet.")


def test_downloads_carry_their_recipe(page: Page, tmp_path: Path) -> None:
    set_field(page, "Seed", "7")
    run(page, "A red car, at the beach")
    finish(page)
    grid = download(page, page.get_by_role("link", name="Download grid"), tmp_path)
    assert grid.name == "a-red-car-at-the-beach-grid-seed-7.png"
    recipe = read_recipe(grid)
    assert (recipe["prompt"], recipe["seed"], recipe["images"]) == ("A red car, at the beach", 7, 9)
    page.locator(".tile").nth(4).hover()
    tile = download(page, page.get_by_role("link", name="Download picture 5 of 9"), tmp_path)
    recipe = read_recipe(tile)
    assert (recipe["prompt"], recipe["images"]) == ("A red car, at the beach", 1)
    assert tile.name == f"a-red-car-at-the-beach-seed-{recipe['seed']}.png"
    with Image.open(tile) as picture:
        assert picture.size == (256, 256)


def download(page: Page, link: Locator, folder: Path) -> Path:
    with page.expect_download() as waiting:
        link.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path


def test_examples_are_there_at_once(page: Page) -> None:
    examples = read_examples()
    cards = page.locator("#examples button")
    expect(cards).to_have_count(len(examples))
    assert 6 <= len(examples) <= 8
    expect(page.locator(".tile")).to_have_count(9)
    last = examples[-1]
    cards.last.click()
    expect(page.get_by_label("Prompt")).to_have_value(last.prompt)
    expect(page.locator(".seed b")).to_have_text(str(last.seed))
    expect(cards.last).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("img", name=f"{last.prompt}, picture 1 of 9")).to_be_visible()
    for address in page.locator("#examples img").evaluate_all("all => all.map((image) => image.src)"):
        assert page.request.get(address).headers["content-type"] == "image/webp"


def test_nothing_jumps_while_it_is_drawn(page: Page) -> None:
    page.evaluate(
        """() => {
          window.boxes = new Set();
          const look = () => {
            const box = document.querySelector(".grid").getBoundingClientRect();
            boxes.add([box.x, box.y, box.width, box.height].map(Math.round).join(" "));
            requestAnimationFrame(look);
          };
          look();
        }"""
    )
    run(page, "a red car")
    finish(page)
    assert len(page.evaluate("[...boxes]")) == 1


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 390, 1440])
def test_every_width_and_scheme(open_page: OpenPage, width: int, scheme: str) -> None:
    page = open_page(width, color_scheme=scheme)
    assert find_overflow(page) == 0
    page.get_by_role("button", name="Settings").click()
    expect(page.get_by_label("Seed")).to_be_visible()
    assert find_overflow(page) == 0
    run(page, "")
    expect(page.locator(".error")).to_be_visible()
    faint = page.evaluate((Path(__file__).parent / "contrast.js").read_text())
    assert not faint
    background = page.evaluate("getComputedStyle(document.querySelector('.gradio-container')).backgroundColor")
    red = int(re.findall(r"\d+", background)[0])
    assert red > 230 if scheme == "light" else red < 40


def find_overflow(page: Page) -> int:
    """Pixels that stick out sideways."""
    return page.evaluate("document.documentElement.scrollWidth - window.innerWidth")


def test_every_field_has_a_name(page: Page) -> None:
    page.get_by_role("button", name="Settings").click()
    nameless = page.evaluate(
        """() => [...document.querySelectorAll("input, textarea, button, a[href], img")].filter((element) =>
          element.checkVisibility() && !element.ariaLabel && !element.labels?.length
          && !element.innerText?.trim() && element.alt === undefined).map((element) => element.outerHTML)"""
    )
    assert not nameless


def test_only_our_pages_are_served(page: Page) -> None:
    for path in ("docs", "redoc", "openapi.json", "monitoring", "pictures/none/grid.png", "pictures/none/0.png"):
        assert page.request.get(f"{page.url}{path}").status in (403, 404), path
    assert page.request.get(f"{page.url}pictures/none/x.png").status == 422
    assert ROOT.name not in page.request.get(f"{page.url}pictures/..%2f..%2fapp.py").text()
