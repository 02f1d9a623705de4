"""What every visitor of the page does."""

from pathlib import Path

from playwright.sync_api import Locator, Page, expect


def run(page: Page, prompt: str) -> None:
    """Type a prompt and press Enter."""
    field = page.get_by_label("Prompt", exact=True)
    field.fill(prompt)
    field.press("Enter")


def visit(page: Page, address: str) -> None:
    """Go there, and wait until everything answers."""
    page.goto(address)
    page.locator("#run").wait_for()
    page.locator("html[data-ready]").wait_for()


def find_status(page: Page) -> Locator:
    return page.locator("#status [role=status]")


def draw(page: Page, prompt: str) -> Locator:
    """Run, and wait for the finished drawing; its tiles."""
    before = page.locator("#grid .grid").get_attribute("data-drawing") or ""
    run(page, prompt)
    expect(page.locator(f"#grid .grid[data-drawing]:not([data-drawing='{before}'])")).to_be_visible()
    expect(find_status(page)).to_contain_text("Drawn in")
    return page.locator(".tile img")


def download(page: Page, link: Locator, folder: Path) -> Path:
    with page.expect_download() as waiting:
        link.click()
    path = folder / waiting.value.suggested_filename
    waiting.value.save_as(path)
    return path
