"""How long is it until a visitor can type, on a computer that is four times as slow?

    python benchmarks/page_load.py [--slower N] [--repeats N]

Serves the page with the bundled model and visits it in Chromium, each time as a stranger, with the processor slowed
down by the browser. Prints one line of JSON: seconds until the box and its button are to be seen, until everything
answers, and bytes as they were sent; medians.
"""

import argparse
import json
import shutil
import statistics
import sys

from playwright.sync_api import Browser, sync_playwright

from dalle_mini.cli.machine import describe_machine
from recipes.page.shots import serve

_PATIENCE = 120_000
_SEEN = """() => {
  const look = () => document.querySelector("#run")?.checkVisibility() && document.querySelector("#prompt textarea")
    ? (window.seen = performance.now()) : requestAnimationFrame(look);
  look();
}"""
_LOADED = "[...document.images].every((image) => image.complete || image.loading === 'lazy')"
_SENT = "() => performance.getEntries().reduce((sum, each) => sum + (each.encodedBodySize || 0), 0)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slower", type=float, default=4, help="how many times as slow the processor is (default: 4)")
    parser.add_argument("--repeats", type=int, default=5, help="visits (default: 5)")
    options = parser.parse_args()
    browser_path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser_path is None:
        sys.exit("there is no Chromium here")
    with serve() as address, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
        visit(browser, address, 1)  # not measured: the server is still busy with its model
        visits = [visit(browser, address, options.slower) for _ in range(options.repeats)]
        browser.close()
    medians = {name: round(statistics.median(each[name] for each in visits), 2) for name in visits[0]}
    result = {"benchmark": "page_load", "slower": options.slower, "repeats": options.repeats, **medians}
    print(json.dumps(result | {"machine": describe_machine()}))


def visit(browser: Browser, address: str, slower: float) -> dict[str, float]:
    """One visit with an empty cache."""
    context = browser.new_context()
    context.set_default_timeout(_PATIENCE)
    page = context.new_page()
    context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": slower})
    page.add_init_script(f"({_SEEN})()")
    page.goto(address)
    page.locator("html[data-ready]").wait_for()
    ready = page.evaluate("performance.now()")
    page.wait_for_function("window.seen")
    seen = page.evaluate("window.seen")
    page.wait_for_function(_LOADED)
    sent = page.evaluate(_SENT)
    context.close()
    return {"seen_seconds": seen / 1000, "ready_seconds": ready / 1000, "kilobytes": sent / 1000}


if __name__ == "__main__":
    main()
