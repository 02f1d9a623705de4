"""Remakes the icons of the installed page from the colors of the small one: `python -m recipes.page.icons`."""

import io

import numpy as np
from PIL import Image, ImageDraw

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.web.app import ASSETS

SMOOTH = 4
GROUND = "#fcfcfa"
ICONS = {"192.png": (192, 1.0), "512.png": (512, 1.0), "maskable.png": (512, 0.62)}
"""Their sizes, and what share of a side the nine squares take. Systems cut off the edges of a maskable one."""


def read_colors() -> list[str]:
    """Of the nine squares, row by row."""
    with Image.open(ASSETS / "favicon.png") as small:
        squares = np.asarray(small.convert("RGB").resize((3, 3), Image.Resampling.NEAREST))
    return [f"#{bytes(color).hex()}" for color in squares.reshape(9, 3)]


def draw(size: int, share: float) -> Image.Image:
    """Nine squares with round corners; on a ground where they don't fill the icon."""
    full = size * SMOOTH
    icon = Image.new("RGBA", (full, full), GROUND if share < 1 else (0, 0, 0, 0))
    pen = ImageDraw.Draw(icon)
    edge, gap = full * (1 - share) / 2, full * share * 0.075
    side = (full * share - 2 * gap) / 3
    for index, color in enumerate(read_colors()):
        row, column = divmod(index, 3)
        x, y = edge + column * (side + gap), edge + row * (side + gap)
        pen.rounded_rectangle((x, y, x + side, y + side), radius=0.22 * side, fill=color)
    return icon.resize((size, size), Image.Resampling.LANCZOS)


def main() -> None:
    for name, (size, share) in ICONS.items():
        buffer = io.BytesIO()
        draw(size, share).quantize(128, method=Image.Quantize.FASTOCTREE).save(buffer, "PNG", optimize=True)
        write_whole(ASSETS / "icons" / name, buffer.getvalue())


if __name__ == "__main__":
    main()
