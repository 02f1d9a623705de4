"""The picture that went around in 2022: a white square, the prompt in plain letters, nine pictures under it."""

from collections.abc import Sequence

from PIL import Image, ImageOps

from dalle_mini.grid import compose_grid
from dalle_mini.lettering import Lettered, Limits, draw, fit, report
from dalle_mini.signature import INK, plain_style, sign

SIDE = 1024

_GRID, _CAPTION, _MARGIN = 816, 120, 48
_LOGO = 26


def draw_classic(images: Sequence[Image.Image], prompt: str) -> Lettered:
    """A square of 1024 pixels with the captioned grid, the project's name and that it is AI-generated."""
    canvas = Image.new("RGB", (SIDE, SIDE), "white")
    lettering = fit(prompt, Limits(SIDE - 2 * _MARGIN, _CAPTION - 36, 40, 15), plain_style(INK))
    draw(canvas, lettering, x=SIDE / 2, top=(_CAPTION - lettering.height) / 2)
    grid = ImageOps.contain(compose_grid(images), (_GRID, _GRID), Image.Resampling.LANCZOS)
    left, upper = (SIDE - grid.width) // 2, _CAPTION + (_GRID - grid.height) // 2
    canvas.paste(grid, (left, upper))
    edge = (SIDE - _GRID) // 2
    room = SIDE - _CAPTION - _GRID
    sign(canvas, left=edge, right=SIDE - edge, top=SIDE - (room + _LOGO) // 2, height=_LOGO)
    return report(canvas, [lettering])
