"""Pictures on one sheet, and files that carry their recipe.

A PNG holds its recipe as JSON under the text key `dalle-mini`, so that a picture tells what regenerates it.
"""

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DataError

RECIPE_KEY = "dalle-mini"
SMALLEST_TILE = 256
GAP = 8

_HINT = "use a PNG as it was downloaded"


def compose_grid(images: Sequence[Image.Image], *, columns: int | None = None) -> Image.Image:
    """The pictures in rows on white, a small gap between them; small pictures are enlarged to 256 pixels a tile.

    Without `columns` the grid is as square as it can be: three columns for nine pictures.
    """
    if not images:
        raise DataError("a grid needs at least one picture")
    columns = columns or math.ceil(math.sqrt(len(images)))
    tiles = [enlarge(image) for image in images]
    width, height = tiles[0].size
    rows = math.ceil(len(tiles) / columns)
    sheet = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "white")
    for index, tile in enumerate(tiles):
        row, column = divmod(index, columns)
        sheet.paste(tile, (column * (width + GAP), row * (height + GAP)))
    return sheet


def enlarge(image: Image.Image) -> Image.Image:
    """A picture smaller than a tile, brought to its size by a whole factor; larger ones as they are."""
    factor = max(1, SMALLEST_TILE // max(image.size))
    return (
        image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC) if factor > 1 else image
    )


def encode_png(image: Image.Image, recipe: Mapping[str, Any] | None = None) -> bytes:
    """The PNG file of a picture, its recipe inside."""
    text = PngImagePlugin.PngInfo()
    if recipe is not None:
        text.add_itxt(RECIPE_KEY, json.dumps(recipe))
    buffer = io.BytesIO()
    image.save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def save_png(image: Image.Image, path: str | Path, recipe: Mapping[str, Any] | None = None) -> Path:
    """Write a PNG whole or not at all; OutputError if it can't be."""
    path = Path(path)
    write_whole(path, encode_png(image, recipe))
    return path


def read_recipe(path: str | Path) -> dict[str, Any]:
    """The recipe inside a PNG; DataError if the file is no picture or holds none."""
    try:
        with Image.open(path) as image:
            image.load()
            return extract_recipe(image)
    except DataError as error:
        raise DataError(f"{path}: {error}", hint=error.hint) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"{path}: can't read a recipe: {error}", hint=_HINT) from error


def extract_recipe(image: Image.Image) -> dict[str, Any]:
    """The recipe of a PNG that was loaded; DataError if it holds none."""
    if RECIPE_KEY not in image.info:
        raise DataError("this picture holds no recipe", hint=_HINT)
    try:
        recipe = json.loads(image.info[RECIPE_KEY])
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"can't read a recipe: {error}", hint=_HINT) from error
    if not isinstance(recipe, dict):
        raise DataError("the recipe is not an object", hint=_HINT)
    return recipe
