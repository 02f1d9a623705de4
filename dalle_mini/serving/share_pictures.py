"""The pictures of a shared page: the grid, the card that other sites show, the classic square; all of them marked."""

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from dalle_mini.card import draw_card
from dalle_mini.classic import draw_classic
from dalle_mini.grid import compose_grid, encode_png
from dalle_mini.serving.desk import encode_webp

CARD, CLASSIC, GRID, SMALL_GRID = "card.png", "classic.png", "grid.png", "grid.webp"


def draw_files(
    images: Sequence[Image.Image], description: Mapping[str, Any], *, show_prompt: bool
) -> tuple[dict[str, bytes], dict[str, Any]]:
    """Files of a page by their names, and `description` with the grid's size and the count of pictures.

    Where the prompt is not shown, no picture shows it and no PNG holds the recipe, and there is no classic square.
    """
    prompt = description["prompt"] if show_prompt else None
    recipe = description["recipe"] if show_prompt else None
    grid = _mark(compose_grid(images))
    files = {
        GRID: encode_png(grid, recipe),
        SMALL_GRID: encode_webp(grid),
        CARD: encode_png(_mark(draw_card(images, prompt).image), recipe),
    }
    if prompt is not None:
        files[CLASSIC] = encode_png(_mark(draw_classic(images, prompt).image), recipe)
    return files, {**description, "width": grid.width, "height": grid.height, "pictures": len(images)}


def _mark(image: Image.Image) -> Image.Image:
    """With the watermark, once: it may have come with the pictures."""
    # Here, for it brings JAX along, and a server is to answer before that is imported.
    from dalle_mini.watermark import find_mark, mark_picture

    return image if find_mark(image).found else mark_picture(image)
