"""What every visitor of the page does."""

import contextlib

from playwright.sync_api import Page, TimeoutError


def run(page: Page, prompt: str) -> None:
    """Type a prompt and press Enter, again if no news follow: Gradio drops a press while the last event closes."""
    field, status = page.get_by_label("Prompt"), page.locator("#status")
    field.fill(prompt)
    before = status.inner_html()
    for _ in range(5):
        field.press("Enter")
        with contextlib.suppress(TimeoutError):
            page.wait_for_function(
                "before => document.querySelector('#status').innerHTML !== before", arg=before, timeout=4000
            )
            return
