"""A sheet of pictures with two captions each: the one that a CLIP finds best, and its own."""

import textwrap
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dalle_mini.arrays import UInt8
from dalle_mini.grid import compose_grid, enlarge

_LETTERS, _LINES, _LINE = 40, 2, 15
_RIGHT, _WRONG, _OWN = "#1a7f37", "#b42318", "#57606a"


def compose_caption_sheet(
    pixels: UInt8[np.ndarray, "pictures height width 3"], own: Sequence[str], best: Sequence[str]
) -> Image.Image:
    """A tile a picture; the best caption is green where it is the own one, else red with the own one below in gray."""
    return compose_grid(
        [_label(Image.fromarray(picture), *pair) for picture, *pair in zip(pixels, own, best, strict=True)]
    )


def _label(picture: Image.Image, own: str, best: str) -> Image.Image:
    picture = enlarge(picture)
    tile = Image.new("RGB", (picture.width, picture.height + 2 * _LINES * _LINE), "white")
    tile.paste(picture)
    lines = [(line, _RIGHT if best == own else _WRONG) for line in _wrap(best)]
    if best != own:
        lines += [(line, _OWN) for line in _wrap(own)]
    draw, font = ImageDraw.Draw(tile), ImageFont.load_default(_LINE - 3)
    for number, (line, color) in enumerate(lines):
        draw.text((2, picture.height + number * _LINE), line, fill=color, font=font)
    return tile


def _wrap(caption: str) -> list[str]:
    return textwrap.wrap(caption, _LETTERS, max_lines=_LINES, placeholder=" …")
