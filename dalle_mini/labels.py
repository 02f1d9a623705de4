"""Pictures of a grid whose prompts differ, each over a line that tells it from its neighbors."""

from collections.abc import Sequence

from PIL import Image

from dalle_mini.grid import compose_grid, enlarge
from dalle_mini.lettering import Limits, draw, fit
from dalle_mini.signature import INK, plain_style

_HEIGHT, _MARGIN = 44, 6
_LARGEST, _SMALLEST = 18, 10


def compose_labeled(images: Sequence[Image.Image], labels: Sequence[str]) -> Image.Image:
    """The pictures on one sheet, each with its label below."""
    return compose_grid([_label(enlarge(image), label) for image, label in zip(images, labels, strict=True)])


def _label(image: Image.Image, label: str) -> Image.Image:
    tile = Image.new("RGB", (image.width, image.height + _HEIGHT), "white")
    tile.paste(image, mask=image if image.has_transparency_data else None)
    room = Limits(image.width - 2 * _MARGIN, _HEIGHT - 2 * _MARGIN, _LARGEST, _SMALLEST)
    lettering = fit(label, room, plain_style(INK))
    draw(tile, lettering, x=image.width / 2, top=image.height + (_HEIGHT - lettering.height) / 2)
    return tile
