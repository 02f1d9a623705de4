"""What holds for any text that is shared: it is drawn or reported, links return it, templates are read or refused."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import DalleMiniError, PromptError
from dalle_mini.lettering import MEME, Limits, Style, fit
from dalle_mini.lettering.bidi import base_level, embedding_levels, visual_order
from dalle_mini.lettering.clusters import split_clusters
from dalle_mini.meme import Caption, draw_meme
from dalle_mini.recipe import Recipe
from dalle_mini.templates import expand_template

ANY_CHARACTER = st.characters(exclude_categories=())  # lone surrogates too
SCRIPTS = st.sampled_from("aZ 1,.-()\n\tאבשׁعم١क्षทী한漢かー🦘👍🏽🇫🇷👨\u200d👩❤\ufe0f\u20e3\u202e\u2066\u0301\x00\x7f")
TEXTS = st.text(SCRIPTS | ANY_CHARACTER, max_size=60)
FRACTIONS = st.floats(0, 1)
TILE = Image.new("RGB", (64, 64), "#456")


@settings(deadline=None, max_examples=60)
@given(TEXTS, FRACTIONS, FRACTIONS, FRACTIONS)
def test_any_caption_is_drawn(text: str, x: float, y: float, anchor: float) -> None:
    meme = draw_meme([TILE], [Caption(text, x=x, y=y, anchor=anchor, width=0.6)])
    assert meme.image.size == (1024, 1024)


@settings(deadline=None, max_examples=100)
@given(TEXTS, st.integers(20, 900), st.integers(10, 400))
def test_text_is_on_the_lines_or_reported(text: str, width: int, height: int) -> None:
    lettering = fit(text, Limits(width, height, 80, 8), Style(MEME, "white", pitch=1.1))
    written = {character for line in lettering.lines for run in line for character in run.text}
    if not lettering.cut:
        reported = set("".join(lettering.missing))
        assert {each for each in text if each.isalnum() and each.isascii()} <= written | reported
        assert all(lettering.width_of(line) <= width * 1.01 for line in lettering.lines)
        assert lettering.height <= height


@settings(deadline=None)
@given(st.text(SCRIPTS))
def test_any_order_is_a_permutation(text: str) -> None:
    levels = embedding_levels(list(text), base_level(text))
    order = visual_order(range(len(text)), lambda index: levels[index])
    assert sorted(order) == list(range(len(text)))


@settings(deadline=None)
@given(TEXTS)
def test_clusters_lose_nothing_but_what_is_invisible(text: str) -> None:
    kept = "".join(split_clusters(text))
    assert [each for each in text if each.isprintable()] == [each for each in kept if each.isprintable()]


PROMPTS = st.text(min_size=1, max_size=300).filter(str.strip)
SETTINGS = st.builds(
    GenerationConfig,
    images=st.integers(1, 64),
    guidance_scale=st.floats(0, 100),
    temperature=st.floats(0.01, 100),
    top_k=st.integers(0, 2**31 - 1),
    top_p=st.floats(0, 1, exclude_min=True),
)
RECIPES = st.builds(Recipe, st.text(min_size=1, max_size=50), PROMPTS, st.integers(0, 2**32 - 1), SETTINGS)


@settings(deadline=None)
@given(RECIPES)
def test_links_bring_back_the_recipe(recipe: Recipe) -> None:
    query = recipe.to_query()
    assert query.isascii() and not set(query) & set(" #\"'<>\\\n")
    assert Recipe.from_query(query) == recipe
    assert Recipe.from_dict(recipe.to_dict()) == recipe


@settings(deadline=None)
@given(st.text() | st.text("v=1&model=nanopromptseed%0+;").map(lambda text: "v=1&" + text))
def test_any_query_is_a_recipe_or_an_error_with_words(query: str) -> None:
    try:
        recipe = Recipe.from_query(query)
    except DalleMiniError as error:
        assert str(error)
    else:
        assert Recipe.from_query(recipe.to_query()) == recipe


@settings(deadline=None)
@given(st.text(st.sampled_from("{|}\\ ab") | ANY_CHARACTER))
def test_any_template_is_read_or_refused(template: str) -> None:
    try:
        variants = expand_template(template)
    except PromptError as error:
        assert error.hint
    else:
        assert len({variant.label for variant in variants}) >= 1


@settings(deadline=None)
@given(st.lists(st.text(st.characters(exclude_characters=" ")), min_size=2, max_size=9))
def test_escaped_choices_come_out_as_they_went_in(choices: list[str]) -> None:
    def escape(text: str) -> str:
        return "".join("\\" + each if each in "{|}\\" else each for each in text)

    template = "{" + "|".join(map(escape, choices)) + "}"
    assert [variant.prompt for variant in expand_template(template)] == choices


def test_the_worst_texts_take_no_time() -> None:
    for text in ("x" * 500, "- " * 250, "\u0301" * 500, "🏽" * 500, "שa" * 250, "\n" * 500):
        draw_meme([TILE], [Caption(text)])


@pytest.mark.parametrize("character", ["\u0600", "\U000e0001", "\ufdfd", "\ufffe", "\U0010ffff"])
def test_odd_characters_alone(character: str) -> None:
    draw_meme([TILE], [Caption(character)])
