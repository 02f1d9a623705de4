"""Pictures on one sheet, and files that carry their recipe.

A PNG holds its recipe as JSON under the text key `dalle-mini`, so that a picture tells what regenerates it.
"""

import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, PngImagePlugin

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DataError

RECIPE_KEY = "dalle-mini"
SMALLEST_TILE = 256
GAP = 8
_LABEL = 28

_HINT = "use a PNG as it was downloaded"


def compose_grid(images: Sequence[Image.Image], *, columns: int | None = None) -> Image.Image:
    """The pictures in rows on white, a small gap between them; small pictures are enlarged to 256 pixels a tile.

    White shows, too, where a picture is transparent.

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
        mask = tile if tile.has_transparency_data else None
        sheet.paste(tile, (column * (width + GAP), row * (height + GAP)), mask)
    return sheet


def compose_ranked(ranked: Sequence[tuple[Image.Image, float | None]], shown: Sequence[bool]) -> Image.Image:
    """Pictures with their marks below; those that are not `shown` are faded and gray."""
    tiles = []
    for (image, mark), is_shown in zip(ranked, shown, strict=True):
        picture = enlarge(image.convert("RGB"))
        if not is_shown:
            picture = Image.blend(picture.convert("L").convert("RGB"), Image.new("RGB", picture.size, "white"), 0.5)
        tile = Image.new("RGB", (picture.width, picture.height + _LABEL), "white")
        tile.paste(picture)
        text = "no mark" if mark is None else f"{mark:.3f}"
        color = "black" if is_shown else "#6b6b6b"
        ImageDraw.Draw(tile).text((4, picture.height + 2), text, fill=color, font_size=_LABEL - 8)
        tiles.append(tile)
    return compose_grid(tiles)


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
