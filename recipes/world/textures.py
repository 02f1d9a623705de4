"""The surfaces that things can be made of: tiles of 16 pixels that repeat without a seam.

The tiles line up with the 8-pixel cells of the tokenizer, so the same patches come back.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

TILE = 16
FINE = 8  # supersampling
COPIES = [(dx, dy) for dx in (-TILE, 0, TILE) for dy in (-TILE, 0, TILE)]
Color = tuple[int, int, int]


class Tile:
    """A seamless drawing surface in pixels of the tile; what leaves one side enters opposite."""

    def __init__(self, color: Color) -> None:
        self.image = Image.new("RGB", (TILE * FINE, TILE * FINE), color)
        self.pen = ImageDraw.Draw(self.image)

    def polygon(self, points: list[tuple[float, float]], color: Color) -> None:
        for dx, dy in COPIES:
            self.pen.polygon([((x + dx) * FINE, (y + dy) * FINE) for x, y in points], fill=color)

    def disc(self, x: float, y: float, rx: float, color: Color, ry: float | None = None) -> None:
        ry = rx if ry is None else ry
        for dx, dy in COPIES:
            box = (x + dx - rx, y + dy - ry, x + dx + rx, y + dy + ry)
            self.pen.ellipse([side * FINE for side in box], fill=color)

    def line(self, points: list[tuple[float, float]], color: Color, width: float) -> None:
        for dx, dy in COPIES:
            moved = [((x + dx) * FINE, (y + dy) * FINE) for x, y in points]
            self.pen.line(moved, fill=color, width=round(width * FINE), joint="curve")


def cheese() -> Tile:
    tile = Tile((255, 205, 64))
    for x, y, r in ((4, 4, 2.9), (12, 11.5, 2.5), (12.5, 3.5, 1.4), (4.5, 12, 1.5)):
        tile.disc(x, y, r, (206, 136, 22))
        tile.disc(x + 0.3, y + 0.7, r * 0.72, (232, 166, 36))
    return tile


def gold() -> Tile:
    tile = Tile((232, 178, 40))
    tile.polygon([(0, 8), (8, 0), (12, 0), (0, 12)], (255, 232, 130))
    tile.polygon([(16, 8), (16, 12), (12, 16), (8, 16)], (255, 232, 130))
    tile.polygon([(0, 13.5), (13.5, 0), (16, 0), (0, 16)], (196, 136, 18))
    return tile


def ice() -> Tile:
    tile = Tile((150, 214, 246))
    tile.polygon([(0, 0), (9, 0), (3, 8)], (206, 240, 255))
    tile.polygon([(9, 0), (16, 6), (10, 12), (3, 8)], (122, 196, 238))
    tile.polygon([(3, 8), (10, 12), (6, 16), (0, 16)], (176, 228, 252))
    tile.line([(9, 0), (3, 8), (10, 12), (16, 6)], (244, 252, 255), 0.9)
    tile.line([(3, 8), (0, 16)], (244, 252, 255), 0.7)
    return tile


def wood() -> Tile:
    tile = Tile((178, 118, 62))
    for y in (1, 5, 9, 13):
        tile.line([(0, y), (4, y + 0.8), (8, y), (12, y - 0.8), (16, y)], (128, 78, 34), 1.0)
    tile.disc(9, 7, 2.6, (146, 92, 44), 1.7)
    tile.disc(9, 7, 1.3, (104, 60, 26), 0.8)
    return tile


def stone() -> Tile:
    tile = Tile((150, 152, 156))
    tile.disc(4, 4, 4.4, (176, 178, 182), 3.4)
    tile.disc(12, 12, 4.6, (168, 170, 174), 3.4)
    tile.line([(0, 8), (5, 9), (8, 6), (9, 0)], (92, 94, 100), 0.9)
    tile.line([(8, 6), (13, 7), (16, 8)], (92, 94, 100), 0.9)
    tile.line([(5, 9), (6, 13), (9, 16)], (92, 94, 100), 0.9)
    return tile


def chocolate() -> Tile:
    tile = Tile((112, 62, 32))
    for x in (0, 8):
        for y in (0, 8):
            tile.polygon([(x, y), (x + 8, y), (x + 6.6, y + 1.4), (x + 1.4, y + 1.4)], (164, 104, 62))
            tile.polygon([(x, y), (x + 1.4, y + 1.4), (x + 1.4, y + 6.6), (x, y + 8)], (140, 84, 48))
            tile.polygon([(x, y + 8), (x + 1.4, y + 6.6), (x + 6.6, y + 6.6), (x + 8, y + 8)], (62, 30, 14))
            tile.polygon([(x + 8, y), (x + 8, y + 8), (x + 6.6, y + 6.6), (x + 6.6, y + 1.4)], (80, 42, 20))
    return tile


def lava() -> Tile:
    tile = Tile((74, 30, 28))
    cracks = (
        [(0, 3), (4, 5), (7, 2), (11, 4), (16, 3)],
        [(4, 5), (5, 10), (3, 16)],
        [(3, 0), (7, 2)],
        [(11, 4), (12, 10), (5, 10)],
        [(12, 10), (16, 12)],
        [(0, 12), (5, 10)],
    )
    for points in cracks:
        tile.line(list(points), (226, 66, 16), 2.4)
    for points in cracks:
        tile.line(list(points), (255, 196, 60), 1.1)
    return tile


def leaves() -> Tile:
    tile = Tile((44, 108, 46))
    for x, y, color in (
        (4, 4, (104, 182, 70)),
        (12, 12, (86, 166, 62)),
        (12, 4, (70, 146, 56)),
        (4, 12, (122, 196, 84)),
    ):
        tile.polygon([(x - 3.8, y + 2.6), (x - 2, y - 2), (x + 3.8, y - 2.8), (x + 2, y + 2)], color)
        tile.line([(x - 3.4, y + 2.3), (x + 3, y - 2.2)], (50, 118, 50), 0.6)
    return tile


TILES: dict[str, Callable[[], Tile]] = {
    "cheese": cheese, "gold": gold, "ice": ice, "wood": wood, "stone": stone,
    "chocolate": chocolate, "lava": lava, "leaves": leaves,
}  # fmt: skip


@cache
def texture(material: str, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """A material's tile, `size` pixels a side."""
    return np.asarray(TILES[material]().image.resize((size, size), Image.Resampling.BOX))
