"""Captioned pictures on one sheet, to look at."""

import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw

COLUMNS = 8
WIDTH, HEIGHT = 136, 170

_PICTURE, _MARGIN = 128, 4
_LINE_LENGTH, _LINES = 22, 3


def contact_sheet(captioned: Sequence[tuple[str, Image.Image]]) -> Image.Image:
    """Square pictures at 128 pixels, and what fits of their captions below."""
    rows = -(-len(captioned) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, rows * HEIGHT), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (caption, picture) in enumerate(captioned):
        x, y = place % COLUMNS * WIDTH + _MARGIN, place // COLUMNS * HEIGHT + _MARGIN
        sheet.paste(picture.resize((_PICTURE, _PICTURE), Image.Resampling.BICUBIC), (x, y))
        lines = textwrap.wrap(caption, _LINE_LENGTH, max_lines=_LINES, placeholder=" …")
        pen.multiline_text((x, y + _PICTURE + 2), "\n".join(lines), fill="black")
    return sheet
