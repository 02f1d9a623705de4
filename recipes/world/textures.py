"""The surfaces that things can be made of: tiles of 16 units that repeat without a seam.

The tiles line up with the 8-pixel cells of the tokenizer, so the same patches come back.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageDraw

TILE = 16  # units of 1/64 of the picture
FINE = 8  # supersampling
COPIES = [(dx, dy) for dx in (-TILE, 0, TILE) for dy in (-TILE, 0, TILE)]
Color = tuple[int, int, int]


class Tile:
    """A seamless drawing surface in 1/16 of the tile; what leaves one side enters opposite."""

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


def silver() -> Tile:
    tile = Tile((176, 182, 194))
    tile.polygon([(0, 8), (8, 0), (12, 0), (0, 12)], (244, 247, 252))
    tile.polygon([(16, 8), (16, 12), (12, 16), (8, 16)], (244, 247, 252))
    tile.polygon([(0, 13.5), (13.5, 0), (16, 0), (0, 16)], (124, 130, 146))
    return tile


def candy() -> Tile:
    tile = Tile((252, 250, 250))
    for start in (-16, 0):
        tile.polygon([(start, 16), (start + 16, 0), (start + 24, 0), (start + 8, 16)], (236, 44, 72))
        tile.polygon([(start + 5, 16), (start + 21, 0), (start + 24, 0), (start + 8, 16)], (206, 24, 56))
        tile.polygon([(start + 13, 16), (start + 29, 0), (start + 32, 0), (start + 16, 16)], (226, 222, 232))
    return tile


def bricks() -> Tile:
    tile = Tile((224, 208, 190))
    shades = ((186, 76, 54), (202, 92, 66), (172, 66, 48), (194, 84, 58))
    for row in range(4):
        for column in range(2):
            x, y = column * 8 + row % 2 * 4, row * 4
            color = shades[(row + 2 * column) % 4]
            tile.polygon([(x + 0.4, y + 0.4), (x + 7.6, y + 0.4), (x + 7.6, y + 3.6), (x + 0.4, y + 3.6)], color)
    return tile


def flowers() -> Tile:
    tile = Tile((78, 150, 72))
    petals = ((4, 4, (250, 120, 170)), (12, 12, (255, 206, 70)), (12, 4, (246, 246, 250)), (4, 12, (176, 110, 226)))
    for x, y, color in petals:
        for dx, dy in ((0, -2), (1.9, -0.6), (1.2, 1.6), (-1.2, 1.6), (-1.9, -0.6)):
            tile.disc(x + dx, y + dy, 1.7, color)
        tile.disc(x, y, 1.3, (240, 150, 40) if color != (255, 206, 70) else (150, 84, 40))
    return tile


def slime() -> Tile:
    tile = Tile((104, 206, 48))
    tile.disc(4, 5, 4.2, (134, 230, 70), 3.4)
    tile.disc(12, 12, 4.4, (82, 182, 36), 3.6)
    for x, y, r in ((12, 4, 1.9), (4, 12.5, 1.5), (8, 9, 1.1)):
        tile.disc(x, y, r, (68, 160, 30))
        tile.disc(x, y, r * 0.74, (158, 242, 92))
        tile.disc(x - r * 0.25, y - r * 0.3, r * 0.3, (238, 255, 214))
    return tile


def wool() -> Tile:
    tile = Tile((196, 128, 96))
    for column in range(4):
        for row in range(4):
            x, y = column * 4 + 2, row * 4
            for side in (-1, 1):
                tile.line([(x + side * 1.9, y), (x + side * 0.5, y + 3.4)], (240, 186, 150), 1.7)
                tile.line([(x + side * 1.9, y - 0.4), (x + side * 0.7, y + 2.6)], (252, 212, 182), 0.6)
    return tile


TILES: dict[str, Callable[[], Tile]] = {
    "cheese": cheese, "gold": gold, "ice": ice, "wood": wood, "stone": stone, "chocolate": chocolate, "lava": lava,
    "leaves": leaves, "silver": silver, "candy": candy, "bricks": bricks, "flowers": flowers, "slime": slime,
    "wool": wool,
}  # fmt: skip


@cache
def texture(material: str, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """A material's tile, `size` pixels a side."""
    return np.asarray(TILES[material]().image.resize((size, size), Image.Resampling.BOX))
