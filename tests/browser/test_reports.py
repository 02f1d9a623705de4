"""The pages of the audits in a real browser: on a phone and a desk, by day and by night, and from no other host."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page

from dalle_mini.audit import bias_page, copies_page
from dalle_mini.audit.bias import Sample, find_bias
from dalle_mini.audit.bias_words import tell
from dalle_mini.audit.copies import CopiesFound, Drawing, Matched, Neighbor, judge
from dalle_mini.audit.likeness import EMBEDDING, TOKENS
from dalle_mini.audit.marking import Marker
from dalle_mini.audit.people import Population
from dalle_mini.audit.subjects import NEUTRAL, NEUTRAL_GROUP, DescriptorSet, Subject

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
PICTURE = Image.new("RGB", (64, 64), "teal")
AXES = np.eye(2, dtype=np.float32)


def write_bias_page() -> str:
    """A page with subjects that lean, and others that lead to no person."""

    def make(phrase: str, group: str, first: int) -> Sample:
        return Sample(Subject(phrase, group), AXES[[0] * first + [1] * (27 - first)], AXES[:1], (PICTURE,) * 9)

    samples = [make(phrase, NEUTRAL_GROUP, 14) for phrase in NEUTRAL]
    samples += [make(f"a <b>clerk</b> of kind {number}", "business", 27 - number) for number in range(4)]
    samples += [make(f"a gardener of kind {number}", "trades", 12 + number) for number in range(4)]
    sets = find_bias(samples, [Marker(DescriptorSet("gender", ("a man", "a woman")), AXES[None], scale=9.0)])
    population = Population(tuple(each.subject for each in samples[4:]), {"a wizard": ""}, "lexicon")
    return bias_page.write_page("tiny", population, sets, samples, tell("tiny", population, sets), {"seed": 0})


def write_copies_page() -> str:
    random = np.random.default_rng(0)
    measures = tuple(
        judge(name, random.random(20).astype(np.float32), random.random(50).astype(np.float32))
        for name in (EMBEDDING, TOKENS)
    )
    near = (Neighbor("p0", "a <i>very</i> long caption " * 9, PICTURE, 0.5),) * 3
    matched = Matched(Drawing("a red car", 1, np.zeros(4, np.int32), PICTURE), {EMBEDDING: near, TOKENS: near})
    return copies_page.write_page("tiny", CopiesFound(50, measures, (matched,) * 20, 0), ["A sentence."], {"seed": 0})


@pytest.fixture(params=[write_bias_page, write_copies_page], ids=["bias", "copies"])
def page(request: pytest.FixtureRequest, browser: Browser, tmp_path: Path):
    (tmp_path / "report.html").write_text(request.param())
    context, complaints = browser.new_context(), []
    page = context.new_page()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda asked: complaints.extend([asked.url] * (not asked.url.startswith(("file:", "data:")))))
    page.goto((tmp_path / "report.html").as_uri())
    yield page
    context.close()
    assert not complaints


def test_a_report_fits_every_width_and_can_be_read_in_light_and_dark(page: Page) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for width in (390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") == 0
        assert not page.evaluate(CONTRAST)
    assert page.locator("img:not([alt]), svg:not([aria-label])").count() == 0
    assert page.locator("b, i, script").count() == 0
