"""Recipes in links and PNGs: what is written, what is refused."""

import dataclasses
import json
from urllib.parse import parse_qs

import pytest

from dalle_mini.config import PLAIN, UNKNOWN, GenerationConfig, KeptTokens, Way
from dalle_mini.errors import ConfigError, DalleMiniError, DataError, PromptError
from dalle_mini.recipe import LINK_DEFAULTS, MAX_PROMPT, Recipe

RED = Recipe("nano", "a red car", 7)


def test_a_link_is_short_and_plain() -> None:
    assert RED.to_query() == "v=1&model=nano&prompt=a+red+car&seed=7"


def test_a_link_says_every_setting_that_is_not_usual() -> None:
    settings = GenerationConfig(4, guidance_scale=1.0, temperature=0.1, top_k=0, top_p=0.95, candidates=12, variety=0.5)
    query = dataclasses.replace(RED, settings=settings).to_query()
    said = {name: float(value) for name, (value,) in parse_qs(query).items() if name in settings.to_dict()}
    assert {**said, "not_this": ""} == settings.to_dict()
    assert Recipe.from_query(query).settings == settings


def test_a_link_says_what_not_to_draw_and_how_tiles_differ() -> None:
    for settings, way in (
        (GenerationConfig(not_this="snow & ice"), PLAIN),
        (LINK_DEFAULTS, Way(template=True)),
        (LINK_DEFAULTS, Way(morph_to="a blue cat")),
        (LINK_DEFAULTS, Way(morph_to="a blue cat", morph_share=0.375)),
    ):
        recipe = dataclasses.replace(RED, settings=settings, way=way)
        assert Recipe.from_query(recipe.to_query()) == recipe
    assert dataclasses.replace(RED, way=Way(template=True)).to_query() == RED.to_query() + "&template=yes"


def test_links_and_pngs_hold_the_tokens_that_were_kept() -> None:
    recipe = dataclasses.replace(RED, way=Way(kept=KeptTokens((1, UNKNOWN, 3, 4))))
    assert Recipe.from_query(recipe.to_query()) == recipe
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe


def test_what_links_leave_out_never_changes() -> None:
    """Links that were shared would draw something else."""
    defaults = {"images": 9, "guidance_scale": 10.0, "temperature": 1.0, "top_k": 50, "top_p": 1.0}
    assert LINK_DEFAULTS.to_dict().items() >= defaults.items()


def test_what_other_sites_add_is_ignored() -> None:
    assert Recipe.from_query("?utm_source=x&" + RED.to_query() + "&fbclid=y&fbclid=z") == RED


@pytest.mark.parametrize(
    ("query", "error", "message"),
    [
        ("", DataError, "version None"),
        ("v=2&model=nano&prompt=a&seed=1", DataError, "version '2'"),
        ("v=1&prompt=a&seed=1", DataError, "its model"),
        ("v=1&model=nano&seed=1", DataError, "its prompt"),
        ("v=1&model=nano&prompt=a", DataError, "its seed"),
        ("v=1&model=nano&prompt=+&seed=1", PromptError, "no prompt"),
        ("v=1&model=&prompt=a&seed=1", DataError, "release=''"),
        ("v=1&model=nano&prompt=a&seed=x", ConfigError, "seed='x'"),
        ("v=1&model=nano&prompt=a&seed=1_0", ConfigError, "seed='1_0'"),
        ("v=1&model=nano&prompt=a&seed=-1", ConfigError, "seed=-1"),
        ("v=1&model=nano&prompt=a&seed=4294967296", ConfigError, "not a seed"),
        ("v=1&model=nano&prompt=a&seed=" + "9" * 5000, ConfigError, "not a number"),
        ("v=1&model=nano&prompt=a&seed=1&images=65", ConfigError, "images=65"),
        ("v=1&model=nano&prompt=a&seed=1&top_p=nan", ConfigError, "top_p"),
        ("v=1&model=nano&prompt=a&seed=1&images=2.5", ConfigError, "images='2.5'"),
        ("v=1&model=nano&prompt=a&seed=1&seed=2", DataError, "twice"),
        ("v=1&model=nano&prompt=%ff&seed=1", DataError, "can't be read"),
        ("v=1&model=nano&prompt=a&seed=1&template=true", ConfigError, "template='true'"),
        ("v=1&model=nano&prompt=a&seed=1&template=yes&morph_to=b", ConfigError, "morph_to"),
        ("v=1&model=nano&prompt=a&seed=1&morph_share=0.5", ConfigError, "needs morph_to"),
        ("v=1&model=nano&prompt=a&seed=1&kept=AAAAAf__", ConfigError, "3 tokens are no square"),
        ("v=1&model=nano&prompt=a&seed=1&kept=A", ConfigError, "can't be read"),
        ("v=1&model=nano&prompt=a&seed=1&not_this=+", ConfigError, "not_this=' '"),
        ("v=1&model=nano&prompt=a&seed=1&not_this=b&guidance_scale=1", ConfigError, "without guidance"),
        ("&".join("a=b" for _ in range(200)), DataError, "can't be read"),
        ("v=1&prompt=" + "a" * 70_000, DataError, "characters"),
    ],
)
def test_links_that_say_no_recipe(query: str, error: type[DalleMiniError], message: str) -> None:
    with pytest.raises(error, match=message):
        Recipe.from_query(query)


def test_a_prompt_that_no_link_can_hold() -> None:
    with pytest.raises(DataError, match="link with this prompt"):
        Recipe("nano", "🦘" * MAX_PROMPT, 0).to_query()
    with pytest.raises(PromptError, match="20,001"):
        Recipe("nano", "a" * (MAX_PROMPT + 1), 0)
    with pytest.raises(DataError, match="surrogate"):
        Recipe("nano", "a\ud800", 0)


def test_a_png_recipe_must_be_understood_whole() -> None:
    written = {"version": "0.1.0", **RED.to_dict()}
    assert Recipe.from_dict(written) == RED
    with pytest.raises(ConfigError, match="unknown setting 'temprature'"):
        Recipe.from_dict(written | {"temprature": 2.0})
    with pytest.raises(DataError, match="its seed"):
        Recipe.from_dict({"release": "nano", "prompt": "a"})
    for wrong in ({"seed": True}, {"seed": 1.0}, {"prompt": 7}, {"release": None}, {"images": "9"}):
        with pytest.raises(DalleMiniError):
            Recipe.from_dict(written | wrong)
