"""More pictures than are shown: which ones, in which order, what is told of them, and that recipes draw them again."""

import dataclasses
import json
import shutil
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from doubles import make_tiny_clip, make_tiny_model
from PIL import Image

import dalle_mini
from dalle_mini import memory
from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.config import GenerationConfig
from dalle_mini.errors import CheckpointError, ConfigError, PromptError
from dalle_mini.generation import Generation
from dalle_mini.grid import read_recipe
from dalle_mini.pipeline import LANES, DalleMini, image_seeds, preview_places
from dalle_mini.ranking import Clip
from dalle_mini.recipe import Recipe

PROMPT = "a red car at the beach"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_tiny_model(tmp_path_factory.mktemp("ranked") / "tiny")
    make_tiny_clip(folder / "clip")
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> DalleMini:
    return dalle_mini.load(str(folder))


@pytest.fixture(scope="module")
def ranker(model: DalleMini) -> Clip:
    assert model.ranker
    return model.ranker


@pytest.fixture(scope="module")
def drawn(model: DalleMini) -> Generation:
    return model.generate(PROMPT, seed=7, images=4, candidates=12)


def pixels(generation: Generation) -> np.ndarray:
    return np.stack([np.asarray(image) for image in generation.images])


# What is drawn, and what is shown of it.


def test_the_best_of_the_candidates_are_shown_in_order(ranker: Clip, drawn: Generation) -> None:
    candidates = drawn.candidates
    assert candidates.seeds == image_seeds(7, 12) and len(candidates) == 12
    assert candidates.marks is not None
    np.testing.assert_array_equal(candidates.marks, ranker.marks(candidates.pixels, PROMPT))
    assert candidates.shown == candidates.ranked[:4] != (0, 1, 2, 3)
    assert list(drawn.marks) == sorted(candidates.marks.tolist(), reverse=True)[:4]
    assert drawn.seeds == tuple(candidates.seeds[place] for place in candidates.shown)
    np.testing.assert_array_equal(pixels(drawn), candidates.pixels[list(candidates.shown)])
    np.testing.assert_array_equal(drawn.tokens, candidates.tokens[list(candidates.shown)])


def test_candidates_are_the_pictures_that_are_drawn_without_a_ranker(model: DalleMini, drawn: Generation) -> None:
    plain = model.without_ranker().generate(PROMPT, seed=7, images=12)
    np.testing.assert_array_equal(pixels(plain), drawn.candidates.pixels)
    assert plain.marks == (None,) * 12 and plain.candidates.words is None and plain.recipe["ranker"] is None
    assert plain.candidates.shown == plain.candidates.ranked == tuple(range(12)) and not plain.notes


def test_variety_shows_others(model: DalleMini, drawn: Generation) -> None:
    varied = model.generate(PROMPT, seed=7, images=4, candidates=12, variety=1.0)
    np.testing.assert_array_equal(varied.candidates.pixels, drawn.candidates.pixels)
    assert varied.candidates.shown[0] == drawn.candidates.shown[0] and set(varied.seeds) != set(drawn.seeds)


def test_every_word_has_a_weight_for_every_candidate(drawn: Generation) -> None:
    for place in range(12):
        told = drawn.candidates.word_weights(place)
        assert [word for word, _ in told] == PROMPT.split() and all(np.isfinite(weight) for _, weight in told)
    assert drawn.candidates.word_weights(0) != drawn.candidates.word_weights(1)


# Recipes.


def test_a_recipe_draws_the_same_grid(model: DalleMini, folder: Path, drawn: Generation, tmp_path: Path) -> None:
    recipe = read_recipe(drawn.save(tmp_path / "grid.png"))
    assert recipe["ranker"] == {"name": "clip", "digest": model_digest(folder / "clip")}
    assert (recipe["candidates"], recipe["variety"], recipe["images"]) == (12, 0.0, 4)
    asked = {name: recipe[name] for name in ("images", "candidates", "variety", "seed")}
    np.testing.assert_array_equal(pixels(model.generate(PROMPT, **asked)), pixels(drawn))
    assert Recipe.from_dict(recipe) == Recipe(drawn.release, PROMPT, drawn.seed, drawn.settings)


@pytest.mark.parametrize("ranked", [True, False])
def test_a_tiles_recipe_draws_it_alone(model: DalleMini, drawn: Generation, ranked: bool) -> None:
    recipe = drawn.tile_recipe(2)
    assert recipe["ranker"] is None and recipe["seed"] == drawn.seeds[2]
    names = [field.name for field in dataclasses.fields(GenerationConfig)]
    settings = GenerationConfig.from_dict({name: recipe[name] for name in names})
    *_, last = (model if ranked else model.without_ranker()).draw(recipe["prompt"], settings, seed=recipe["seed"])
    assert last.result
    np.testing.assert_array_equal(pixels(last.result)[0], pixels(drawn)[2])


# How many.


def test_as_many_are_drawn_as_are_shown_unless_something_says(
    model: DalleMini, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count(model: DalleMini, **settings: int) -> int | None:
        return model.complete(model.settings(**settings)).candidates

    usual = dataclasses.replace(model, defaults=dataclasses.replace(model.defaults, candidates=18))
    assert count(model) == count(model.without_ranker()) == 9
    assert [count(usual, images=images) for images in (1, 9, 36)] == [18, 18, 36]
    assert count(usual, images=4, candidates=5) == 5 and count(usual.without_ranker()) == 9
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    assert count(model) == 36 and count(model, images=64) == 256 and count(model.without_ranker()) == 9
    assert count(usual) == 18


def test_drawing_defaults_of_a_release_hold_without_its_ranker(folder: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    (copy / "generation.json").write_text(json.dumps({"images": 2, "candidates": 4, "variety": 0.5}))
    assert len(dalle_mini.load(str(copy)).generate(PROMPT, seed=1).candidates) == 4
    shutil.rmtree(copy / "clip")
    assert len(dalle_mini.load(str(copy)).generate(PROMPT, seed=1).candidates) == 2


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"candidates": 0}, "candidates=0 must be from 9, as many as are shown, to 512"),
        ({"candidates": 8}, "candidates=8 must be from 9"),
        ({"candidates": 513}, "candidates=513 must be"),
        ({"images": 4, "candidates": 3}, "candidates=3 must be from 4"),
        ({"candidates": 9.5}, "candidates=9.5 is not a whole number"),
        ({"variety": -0.1}, "variety=-0.1 must be from 0"),
        ({"variety": 1.1}, "variety=1.1 must be from 0"),
        ({"variety": float("nan")}, "variety=nan is not a number"),
    ],
)
def test_settings_out_of_range_are_refused(model: DalleMini, settings: dict, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        model.generate(PROMPT, **settings)
    assert told in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"candidates": 10}, "candidates=10 of which 9 are shown: tiny has no ranker"),
        ({"variety": 0.5}, "variety=0.5: tiny has no ranker"),
    ],
)
def test_without_a_ranker_there_is_nothing_to_choose_by(model: DalleMini, settings: dict, told: str) -> None:
    plain = model.without_ranker()
    with pytest.raises(ConfigError) as refused:
        plain.draw(PROMPT, plain.settings(**settings))
    assert told in str(refused.value) and "openai/clip-vit-base-patch32" in refused.value.hint


def test_what_finds_no_room_is_told_before_drawing(model: DalleMini, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "find_free", lambda: memory.Free(10**8, 10**6, is_shared=False))
    with pytest.raises(ConfigError, match=r"candidates=512 need about .* MB, and 1.0 MB are free"):
        model.draw(PROMPT, model.settings(candidates=512))


# Rankers.


def test_another_ranker_is_told_as_such(folder: Path, ranker: Clip, tmp_path: Path, drawn: Generation) -> None:
    other = make_tiny_clip(tmp_path / "other", seed=1)
    ranked = dalle_mini.load(str(folder), ranker=str(other)).generate(PROMPT, seed=7, images=4, candidates=12)
    assert ranked.notes == ("ranked by other, which was not made for tiny",) and not drawn.notes
    assert ranked.recipe["ranker"]["name"] == "other" and ranked.marks != drawn.marks
    own = dalle_mini.load(str(folder), ranker=str(folder / "clip")).ranker
    assert own and own.id == ranker.id


@pytest.mark.parametrize("spoilt", ["absent", "a transformer", "another size"])
def test_a_ranker_that_is_none_is_refused(folder: Path, tmp_path: Path, spoilt: str) -> None:
    place = folder if spoilt == "a transformer" else tmp_path / "ranker"
    if spoilt == "another size":
        config = json.loads((make_tiny_clip(place) / "config.json").read_text())
        (place / "config.json").write_text(json.dumps(config | {"projection_dim": 9}))
    with pytest.raises(CheckpointError) as refused:
        dalle_mini.load(str(folder), ranker=str(place))
    assert refused.value.hint


def test_pictures_that_cannot_be_marked_come_last_and_are_counted(
    model: DalleMini, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed = Clip.embed_images

    def embed_all_but_the_first(self: Clip, images: np.ndarray) -> np.ndarray:
        rows = embed(self, images).copy()
        rows[0] = np.nan
        return rows

    monkeypatch.setattr(Clip, "embed_images", embed_all_but_the_first)
    found = model.generate(PROMPT, seed=7, images=9, candidates=10)
    assert found.candidates.ranked[-2:] == (0, 9) and 9 not in found.candidates.shown
    assert found.marks[-1] is None and found.candidates.word_weights(0) == []
    assert found.notes == ("2 of 10 pictures could not be marked, and come last",)


def test_a_ranker_that_marks_nothing_loses_no_picture(model: DalleMini, ranker: Clip) -> None:
    params = jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), ranker.params)
    broken = dataclasses.replace(model, ranker=dataclasses.replace(ranker, params=params))
    found = broken.generate(PROMPT, seed=7, images=4, candidates=12)
    assert found.candidates.shown == (0, 1, 2, 3) and found.marks == (None,) * 4
    assert "no picture could be marked" in found.notes[0]


def test_variety_without_a_choice_is_pointed_out(model: DalleMini) -> None:
    (note,) = model.generate(PROMPT, seed=7, images=2, variety=0.5).notes
    assert "variety changes nothing" in note


def test_a_prompt_that_the_ranker_cannot_read_is_refused_before_drawing(model: DalleMini) -> None:
    reads_all = dataclasses.replace(model, tokenizer=dataclasses.replace(model.tokenizer, normalize=False))
    with pytest.raises(PromptError):
        reads_all.draw("__")


# While it is drawn.


@pytest.mark.parametrize(
    ("shown", "count", "first"),
    [(9, 18, [0, 9]), (9, 12, [0, 3]), (4, 36, [0, 9, 18, 27]), (36, 36, [0] * 4), (12, 36, [0, 0, 12, 24])],
)
def test_previews_show_the_batch_that_is_drawn(shown: int, count: int, first: list[int]) -> None:
    found = [preview_places(start, shown, count) for start in range(0, count, LANES)]
    assert [places.start for places in found] == first and {len(places) for places in found} == {shown}


def test_previews_of_later_batches_are_what_is_finished_and_drawn(model: DalleMini, drawn: Generation) -> None:
    steps = list(model.draw(PROMPT, model.settings(images=4, candidates=12), seed=7))
    done = [step.done for step in steps]
    assert done == sorted(done) and done[-1] == steps[-1].total and {step.settings.candidates for step in steps} == {12}
    first_batch, second_batch = steps[7].preview(), steps[11].preview()
    for place, picture in enumerate(first_batch):
        np.testing.assert_array_equal(np.asarray(picture), drawn.candidates.pixels[place])
    finished, *drawing = second_batch
    np.testing.assert_array_equal(np.asarray(finished), drawn.candidates.pixels[8])
    for picture in drawing:
        alpha = np.asarray(picture)[..., 3]
        assert (alpha[:16] == 255).all() and (alpha[16:] == 0).all()


def test_a_drawing_can_be_stopped_between_batches(model: DalleMini) -> None:
    drawing = model.draw(PROMPT, model.settings(images=4, candidates=36))
    for _ in range(9):
        next(drawing)
    drawing.close()
    assert list(drawing) == []


# The sheet.


def test_the_sheet_shows_all_in_order_and_grays_what_is_left_out(drawn: Generation, tmp_path: Path) -> None:
    path = drawn.save_sheet(tmp_path / "sheet.png")
    assert read_recipe(path) == drawn.recipe
    with Image.open(path) as sheet:
        array = np.asarray(sheet.convert("RGB")).astype(int)
    columns, width, height = 4, 256, 256 + 28
    assert array.shape[:2] == (3 * (height + 8) - 8, columns * (width + 8) - 8)
    for place in range(12):
        top, left = place // columns * (height + 8), place % columns * (width + 8)
        tile = array[top : top + 256, left : left + width]
        assert bool((tile[..., 0] == tile[..., 2]).all()) == (place >= 4), "gray where it is left out"
        assert (array[top + 256 : top + height, left : left + width] < 128).any(), "a mark is written"
