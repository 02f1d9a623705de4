"""Templates on the page: several prompts in one grid, each picture the one that its prompt and seed alone would be."""

import contextlib
from collections.abc import Iterator

import numpy as np
import pytest
from doubles import make_tiny_model

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import PromptError
from dalle_mini.grid import compose_grid
from dalle_mini.serving.engine import Engine
from dalle_mini.serving.order import Order
from dalle_mini.serving.painter import Painter
from dalle_mini.web import downloads, series, tiles
from dalle_mini.web.studio import Drawing, Finished, Studio
from dalle_mini.web.words import read_words

TEMPLATE = "{a cat|a <b>dog</b>} in the {snow|woods}"


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    model = str(make_tiny_model(tmp_path_factory.mktemp("series") / "tiny"))
    engine = Engine(Painter(model))
    engine.start()
    with contextlib.closing(engine):
        yield Studio(engine, model)


def order(studio: Studio, prompt: str, *, images: int = 9, seed: int | None = 5) -> Order:
    return Order(studio.model, prompt, GenerationConfig(images=images, top_k=32), seed)


def test_pictures_are_those_of_their_own_prompts_and_the_news_is_of_all(studio: Studio) -> None:
    *updates, last = series.draw(studio, order(studio, TEMPLATE))
    assert isinstance(last, Finished)
    drawn = last.generation
    assert isinstance(drawn, series.Series) and drawn.reading.prompt == TEMPLATE and len(drawn.images) == 9
    for index in (0, 2, 8):
        recipe = drawn.tile_recipe(index)
        alone = order(studio, recipe["prompt"], images=1, seed=recipe["seed"])
        *_, one = series.draw(studio, alone)
        assert isinstance(one, Finished)
        assert np.array_equal(one.generation.candidates.pixels[0], drawn.candidates.pixels[index])
    prompts = [variant.prompt for variant in drawn.variants]
    assert len(set(prompts)) == 4 and prompts[0] == "a cat in the snow" and prompts[-1] == "a <b>dog</b> in the woods"

    progress = [update for update in updates if isinstance(update, Drawing)]
    assert [update.done for update in progress] == sorted({update.done for update in progress})
    assert {update.total for update in progress} == {4 * 16}
    left = [update.seconds_left for update in progress]
    assert left == sorted(left, reverse=True)
    assert {len(update.pictures) for update in progress} <= {0, 9}

    page = tiles.render_finished(read_words()["en"], "name", drawn)
    assert page.count("figcaption") == 2 * 9 and "a &lt;b&gt;dog&lt;/b&gt; · woods</figcaption>" in page
    assert "<b>" not in page
    assert downloads.encode_zip(drawn) and compose_grid(drawn.unblurred().images)


@pytest.mark.parametrize("prompt", ["a red car", "{a cat}", "{{x}} ${y}", "a } b { c", r"\{a|b\}", "one | two"])
def test_other_braces_are_ordinary(studio: Studio, prompt: str) -> None:
    *_, last = series.draw(studio, order(studio, prompt, images=1))
    assert isinstance(last, Finished) and not isinstance(last.generation, series.Series)
    assert last.generation.reading.prompt == prompt
    assert series.find_variant(last.generation, 0).prompt == prompt


@pytest.mark.parametrize("prompt", ["{a|b} {", "{a|b|c|d} {1|2|3}", "{a|b}} c"])
def test_templates_that_make_no_sense_are_told(studio: Studio, prompt: str) -> None:
    with pytest.raises(PromptError) as refused:
        list(series.draw(studio, order(studio, prompt)))
    assert refused.value.hint


def test_without_a_seed_all_have_the_same_one(studio: Studio) -> None:
    *_, last = series.draw(studio, order(studio, "{a cat|a dog}", images=2, seed=None))
    assert isinstance(last, Finished)
    assert len(set(last.generation.seeds)) == 1 and last.generation.seed == last.generation.seeds[0]
