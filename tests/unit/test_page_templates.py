"""Templates on the page: several prompts in one grid, each picture the one that its prompt and seed alone would be."""

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
from doubles import make_tiny_model

from dalle_mini.errors import PromptError
from dalle_mini.generation import Generation
from dalle_mini.serving.engine import Engine
from dalle_mini.serving.order import Order
from dalle_mini.serving.painter import Painter
from dalle_mini.web import downloads, tiles
from dalle_mini.web.order import read_order
from dalle_mini.web.studio import Finished, Studio
from dalle_mini.web.words import read_words

TEMPLATE = "{a cat|a <b>dog</b>} in the {snow|woods}"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    model = str(make_tiny_model(tmp_path_factory.mktemp("templates") / "tiny"))
    engine = Engine(Painter(model))
    engine.start()
    with contextlib.closing(engine):
        yield Studio(engine, model)


def order(prompt: str, *, model: str = "nano", images: int = 9, seed: str = "5") -> Order:
    return read_order(prompt, model, images, 3.0, 1.0, 32, 1.0, 0, 0.0, seed, "", "")


def draw(studio: Studio, wanted: Order) -> Generation:
    *_, last = studio.draw(wanted)
    assert isinstance(last, Finished)
    return last.generation


def test_pictures_are_those_of_their_own_prompts(studio: Studio) -> None:
    drawn = draw(studio, order(TEMPLATE, model=studio.model))
    assert drawn.reading.prompt == TEMPLATE and len(drawn.images) == 9
    for index in (0, 2, 8):
        recipe = drawn.tile_recipe(index)
        alone = order(recipe["prompt"], model=studio.model, images=1, seed=str(recipe["seed"]))
        assert np.array_equal(draw(studio, alone).candidates.pixels[0], drawn.candidates.pixels[index])
    assert len(set(drawn.prompts)) == 4
    assert drawn.prompts[0] == "a cat in the snow" and drawn.prompts[-1] == "a <b>dog</b> in the woods"

    page = tiles.render_finished(read_words()["en"], "name", drawn)
    assert page.count("figcaption") == 2 * 9 and "a &lt;b&gt;dog&lt;/b&gt; · woods</figcaption>" in page
    assert "<b>" not in page
    assert downloads.encode_zip(drawn)


@pytest.mark.parametrize("prompt", ["a red car", "{a cat}", "{{x}} ${y}", "a } b { c", r"\{a|b\}", "one | two"])
def test_other_braces_are_ordinary(prompt: str) -> None:
    assert not order(prompt).way.template and order(prompt).texts[0] == prompt


@pytest.mark.parametrize("prompt", ["{a|b} {", "{a|b|c|d} {1|2|3}", "{a|b}} c"])
def test_templates_that_make_no_sense_are_told(studio: Studio, prompt: str) -> None:
    with pytest.raises(PromptError) as refused:
        draw(studio, order(prompt, model=studio.model))
    assert refused.value.hint
