"""Sheets of pictures and the files that hold them."""

import numpy as np
import pytest
from PIL import Image

from dalle_mini.errors import DataError, OutputError
from dalle_mini.grid import GAP, SMALLEST_TILE, compose_grid, read_recipe, save_png


def plain(color: int, size: int = 300) -> Image.Image:
    return Image.new("RGB", (size, size), (color, 0, 0))


def test_nine_pictures_stand_three_by_three_in_order():
    sheet = np.asarray(compose_grid([plain(20 * index) for index in range(9)]))
    side = 3 * 300 + 2 * GAP
    assert sheet.shape == (side, side, 3)
    centers = [sheet[row * (300 + GAP) + 150, column * (300 + GAP) + 150, 0] for row in range(3) for column in range(3)]
    assert centers == [20 * index for index in range(9)]


def test_small_pictures_are_enlarged_by_a_whole_factor():
    assert compose_grid([plain(1, 64)]).size == (SMALLEST_TILE, SMALLEST_TILE)
    assert compose_grid([plain(1, 100)]).size == (200, 200)


def test_a_grid_of_nothing_is_an_error():
    with pytest.raises(DataError):
        compose_grid([])


def test_recipes_survive_with_every_script(tmp_path):
    recipe = {"prompt": "a 🦘 made of 🧀, 日本 «é»\n<b>", "seed": 4294967295, "top_p": 0.9}
    assert read_recipe(save_png(plain(1), tmp_path / "a.png", recipe)) == recipe


def test_a_picture_without_recipe_and_a_file_that_is_none(tmp_path):
    with pytest.raises(DataError, match="no recipe"):
        read_recipe(save_png(plain(1), tmp_path / "a.png"))
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really")
    with pytest.raises(DataError):
        read_recipe(tmp_path / "b.png")
    with pytest.raises(DataError):
        read_recipe(tmp_path / "missing.png")


def test_an_unwritable_place_is_an_error_and_leaves_nothing(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match="file"):
        save_png(plain(1), tmp_path / "file" / "a.png")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError):
        save_png(plain(1), tmp_path / "folder")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
