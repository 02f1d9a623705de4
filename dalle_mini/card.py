"""The card that other sites show beside a link: 1200 × 630, pictures to the right, words to the left."""

import math
from collections.abc import Sequence

from PIL import Image, ImageOps

from dalle_mini.errors import DataError
from dalle_mini.lettering import Lettered, Limits, draw, fit, report
from dalle_mini.signature import INK, NAME, plain_style, sign

SIZE = (1200, 630)

_GROUND = "#fcfcfa"
_GAP, _MARGIN, _LOGO = 4, 48, 30
_MOST = 9


def draw_card(images: Sequence[Image.Image], prompt: str | None = None) -> Lettered:
    """The card of a grid; `prompt` is None where its author keeps it, and the project's name stands in its place.

    Pictures are cropped to squares around their centers; of more than nine, the first nine are shown.
    """
    if not images:
        raise DataError("a card needs at least one picture")
    width, height = SIZE
    canvas = Image.new("RGB", SIZE, _GROUND)
    _paste_pictures(canvas, images[:_MOST], left=width - height)
    room = Limits(width - height - 2 * _MARGIN, height - 3 * _MARGIN - _LOGO, 76, 20)
    lettering = fit(f"“{prompt.strip()}”" if prompt else NAME, room, plain_style(INK))
    x = _MARGIN + room.width * lettering.base
    draw(canvas, lettering, x=x, top=_MARGIN + (room.height - lettering.height) / 2, anchor=lettering.base)
    sign(canvas, left=_MARGIN, right=width - height - _MARGIN, top=height - _MARGIN - _LOGO, height=_LOGO)
    return report(canvas, [lettering])


def _paste_pictures(canvas: Image.Image, images: Sequence[Image.Image], *, left: int) -> None:
    """Fill the square right of `left` with rows of pictures; where the last row is short, its pictures are wider."""
    side = canvas.height
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    for row in range(rows):
        shown = images[row * columns : (row + 1) * columns]
        y, bottom = _edges(row, rows, side)
        for column, image in enumerate(shown):
            x, right = _edges(column, len(shown), side)
            cropped = ImageOps.fit(image.convert("RGB"), (right - x, bottom - y), Image.Resampling.BICUBIC)
            canvas.paste(cropped, (left + x, y))


def _edges(index: int, count: int, side: int) -> tuple[int, int]:
    """Where cell `index` of a row begins and ends, gaps between cells left out."""
    return round(index * (side + _GAP) / count), round((index + 1) * (side + _GAP) / count) - _GAP
