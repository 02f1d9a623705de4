"""From a prompt to pictures, with a tiny model of random weights."""

import numpy as np
import pytest
from doubles import IMAGE_LENGTH, make_tiny_model

import dalle_mini
from dalle_mini.errors import CheckpointError, ConfigError, PromptError
from dalle_mini.grid import read_recipe
from dalle_mini.pipeline import DalleMini, image_seeds
from dalle_mini.together import chunk_length

PROMPT = "a red car at the beach"


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> DalleMini:
    return dalle_mini.load(str(make_tiny_model(tmp_path_factory.mktemp("tiny"))))


@pytest.fixture(scope="module")
def grid(model):
    return model.generate(PROMPT, seed=7)


def pixels(generation) -> list[np.ndarray]:
    return [np.asarray(image) for image in generation.images]


def test_a_seed_draws_the_same_pixels_again(model, grid):
    assert all((a == b).all() for a, b in zip(pixels(grid), pixels(model.generate(PROMPT, seed=7)), strict=True))


@pytest.mark.parametrize("images", [1, 4, 12])
def test_a_picture_does_not_depend_on_how_many_are_drawn(model, grid, images):
    other = pixels(model.generate(PROMPT, seed=7, images=images))
    assert all((a == b).all() for a, b in zip(pixels(grid), other, strict=False))


def test_every_tile_can_be_drawn_alone_by_its_recipe(model, grid, tmp_path):
    recipe = read_recipe(grid.save_tile(5, tmp_path / "tile.png"))
    assert recipe["release"] == model.name
    again = model.generate(recipe["prompt"], seed=recipe["seed"], images=recipe["images"])
    assert (pixels(again)[0] == pixels(grid)[5]).all()


def test_settings_change_the_drawing_and_are_recorded(model, grid):
    other = model.generate(PROMPT, seed=7, temperature=2.0, top_k=0, guidance_scale=1.0)
    assert (other.tokens != grid.tokens).any()
    assert other.recipe["temperature"] == 2.0 and other.recipe["top_k"] == 0
    assert grid.recipe["guidance_scale"] == model.defaults.guidance_scale == 3.0


def test_a_saved_grid_carries_its_recipe(grid, tmp_path):
    assert read_recipe(grid.save(tmp_path / "new" / "grid.png")) == grid.recipe


def test_recipes_do_not_tell_where_a_model_lies(grid):
    assert "/" not in grid.recipe["release"]


def test_progress_ends_in_the_result_and_previews_grow(model, grid):
    steps = list(model.draw(PROMPT, seed=7))
    assert [step.done for step in steps] == list(range(2, IMAGE_LENGTH + 1, 2))
    assert steps[-1].result is not None and all(step.result is None for step in steps[:-1])
    half = [np.asarray(image) for image in steps[3].preview()]
    assert all((preview[16:] == 0).all() and (preview[:16, :, 3] == 255).all() for preview in half)
    assert all(len(np.unique(preview[:16])) > 2 for preview in half)
    assert (np.asarray(steps[-1].preview()[2]) == pixels(grid)[2]).all()


def test_closing_a_drawing_stops_it(model):
    drawing = model.draw(PROMPT)
    next(drawing)
    drawing.close()
    assert list(drawing) == []


def test_bad_prompts_and_settings_are_errors_before_drawing(model):
    with pytest.raises(PromptError):
        model.draw("   ")
    with pytest.raises(ConfigError, match="temperature=0"):
        model.generate(PROMPT, temperature=0)
    with pytest.raises(ConfigError, match="seed=-1"):
        model.draw(PROMPT, seed=-1)
    with pytest.raises(ConfigError, match="images=0"):
        model.generate(PROMPT, images=0)


def test_bad_drawing_defaults_of_a_release_are_a_clear_error(tmp_path):
    folder = make_tiny_model(tmp_path)
    (folder / "generation.json").write_text('{"guidance_scal": 3}')
    with pytest.raises(ConfigError, match="guidance_scal") as caught:
        dalle_mini.load(str(folder))
    assert "guidance_scale" in caught.value.hint
    (folder / "generation.json").write_text("{")
    with pytest.raises(CheckpointError, match="not JSON"):
        dalle_mini.load(str(folder))


def test_seeds_of_a_grid_are_its_own_and_distinct():
    seeds = image_seeds(7, 64)
    assert seeds[0] == 7 and len(set(seeds)) == 64
    assert not set(seeds[1:]) & set(image_seeds(8, 64))


@pytest.mark.parametrize(("length", "steps"), [(256, 32), (64, 8), (16, 2), (49, 1), (9, 1), (1, 1)])
def test_chunks_divide_the_picture(length, steps):
    assert chunk_length(length) == steps
