"""The panels of the page in a real browser: history, where a picture is from, what this is; and another language."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Page, expect
from served import PATIENCE, Server
from visiting import download, draw, find_status, visit

OpenPage = Callable[..., Page]
CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
XSS = "<img src=x onerror=alert(1)>\"'</script><script>alert(2)</script>"

GO_ON_WHILE_CLOSING = """() => new Promise((resolve) => {
  const dialog = document.querySelector("dialog[open]");
  dialog.addEventListener("close", resolve);
  dialog.close();
  document.querySelector("#prompt textarea").focus();
})"""


@pytest.fixture(scope="module", autouse=True)
def patience() -> None:
    expect.set_options(timeout=1000 * PATIENCE)


def test_history_is_kept_liked_carried_and_cleared(open_page: OpenPage, server: Server, tmp_path: Path) -> None:
    page = open_page(390)
    for prompt in (XSS, "two dogs"):
        draw(page, prompt)
    page.locator("#grid .open").first.click()
    page.get_by_role("button", name="★ Favorite").click()
    expect(page.get_by_role("button", name="★ Favorite")).to_have_attribute("aria-pressed", "true")
    visit(page, server.address)
    page.get_by_role("button", name="History").click()
    dialog = page.get_by_role("dialog", name="History")
    entries = dialog.get_by_role("listitem")
    expect(entries).to_have_count(3)
    expect(entries.nth(2)).to_contain_text(XSS)
    dialog.get_by_label("Favorites only").check()
    expect(entries).to_have_count(1)
    file = download(page, dialog.get_by_role("button", name="Export"), tmp_path)
    dialog.get_by_label("Favorites only").uncheck()
    dialog.get_by_role("button", name=f"Remove {XSS}").click()
    expect(entries).to_have_count(2)
    dialog.get_by_role("button", name="Clear").click()
    dialog.get_by_role("button", name="Really forget all drawings?").click()
    expect(entries).to_have_text("Nothing yet.")

    dialog.locator("input[type=file]").set_input_files(file)
    expect(entries).to_have_count(3)
    kept = json.loads(file.read_text())
    assert [entry["favorite"] for entry in kept["history"]].count(True) == 1
    forged = {**kept["history"][0], "recipe": "v=1&javascript:alert(1)", "picture": "x onerror=alert(1)"}
    share = {"id": "x", "url": "javascript:alert(1)", "text": "x", "delete_token": "x", "expires": 9e9}
    (tmp_path / "forged.json").write_text(json.dumps({"history": [forged], "shares": [share]}))
    dialog.locator("input[type=file]").set_input_files(tmp_path / "forged.json")
    expect(entries).to_have_count(3)
    (tmp_path / "other.json").write_text("[1")
    dialog.locator("input[type=file]").set_input_files(tmp_path / "other.json")
    expect(dialog.get_by_role("status")).to_have_text("That is no file that was exported here.")
    assert not page.evaluate(CONTRAST)
    entries.nth(2).get_by_role("link").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(XSS)


def test_a_picture_tells_where_it_is_from(open_page: OpenPage, tmp_path: Path) -> None:
    page = open_page(390)
    draw(page, XSS)
    page.locator("#result summary").click()
    ours = download(page, page.get_by_role("link", name="Grid, PNG"), tmp_path)
    named = ours.rename(tmp_path / "<img src=x onerror=alert(3)>.png")
    page.get_by_role("button", name="Was this made here?").click()
    dialog = page.get_by_role("dialog")
    chooser, line = dialog.get_by_label("Drop, paste or choose"), dialog.get_by_role("status")
    chooser.set_input_files(named)
    expect(line).to_have_text("Yes: it bears the mark.")
    expect(dialog).to_contain_text(f"“{XSS}” by tiny")
    noise = tmp_path / "noise.jpg"
    Image.effect_noise((300, 300), 40).convert("RGB").save(noise)
    chooser.set_input_files(noise)
    expect(line).to_have_text("No mark was found.")
    expect(dialog).to_contain_text("The file holds no recipe")
    assert not page.evaluate(CONTRAST)
    chooser.set_input_files(named)
    dialog.get_by_role("link", name="Use this recipe").click()
    expect(page.get_by_label("Prompt", exact=True)).to_have_value(XSS)


def test_this_is_told_in_plain_words_with_the_models_own_figures(open_page: OpenPage) -> None:
    page = open_page(390)
    page.get_by_role("button", name="What is this?").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("the model tiny draws pictures")
    expect(dialog).to_contain_text("A picture is 256 squares, and each square is one of 64 pieces")
    expect(dialog).to_contain_text("No audit of tiny is kept with it")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        expect(page.locator("body.dark")).to_have_count(int(scheme == "dark"))
        assert not page.evaluate(CONTRAST)
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="What is this?")).to_be_focused()
    # Whoever goes on while the dialog is still closing isn't called back.
    page.keyboard.press("Enter")
    page.evaluate(GO_ON_WHILE_CLOSING)
    expect(page.locator("#prompt textarea")).to_be_focused()


def test_whoever_looks_elsewhere_is_told(open_page: OpenPage) -> None:
    page = open_page(390, permissions=["notifications"])
    page.evaluate(LOOK_ELSEWHERE)
    page.get_by_role("button", name="Settings").click()
    page.get_by_label("Tell me by a notification").check()
    draw(page, "a red car")
    expect(page).to_have_title("✓ Your pictures are ready")
    assert page.evaluate("told") == [["✓ Your pictures are ready", "a red car"]]
    page.evaluate("hiding = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(page).to_have_title("DALL·E mini")
    page.get_by_label("Tell me by a notification").uncheck()
    page.evaluate("hiding = true")
    draw(page, "a blue car")
    expect(page).to_have_title("✓ Your pictures are ready")
    assert len(page.evaluate("told")) == 1


LOOK_ELSEWHERE = """() => {
  window.hiding = true;
  window.told = [];
  Object.defineProperty(document, "hidden", {get: () => hiding});
  window.Notification = class {
    static permission = "granted";
    static async requestPermission() { return "granted"; }
    constructor(title, options) { told.push([title, options.body]); }
  };
}"""
"""A tab in the background, and a system that shows notifications."""


def test_another_language_is_spoken_everywhere(open_page: OpenPage) -> None:
    page = open_page(390, locale="es-MX")
    expect(page.get_by_role("button", name="¿Qué es esto?")).to_be_visible()
    expect(page.locator("html")).to_have_attribute("lang", "es")
    page.get_by_role("button", name="Ajustes").click()
    expect(page.get_by_label("Modelo")).to_be_visible()
    page.get_by_label("Frase").fill("a red car")
    page.get_by_role("button", name="Dibujar").click()
    expect(find_status(page)).to_contain_text("Dibujado en")
    page.get_by_role("button", name="Compartir").click()
    expect(page.get_by_role("dialog")).to_contain_text("Mostrar la frase")
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
