"""The places behind the things: gradients, a horizon and a few shapes, drawn in Pillow.

All are painted on a 64-unit square, four times finer than needed, and reduced. They are kept low
in detail so that a small codebook can hold them.
"""

from collections.abc import Callable
from functools import cache
from random import Random

import numpy as np
from PIL import Image, ImageDraw

FINE = 4  # supersampling
VARIANTS = 2
CANVAS = 64 * FINE
Color = tuple[int, int, int]
Painter = Callable[["Canvas"], None]

SOFT: tuple[Color, ...] = ((212, 226, 244), (250, 236, 208), (212, 234, 218), (244, 222, 230))


class Canvas:
    """A drawing surface in units of 1/64 of the picture."""

    def __init__(self, top: Color, bottom: Color) -> None:
        steps = np.linspace(0, 1, CANVAS)[:, None]
        column = np.array(top) * (1 - steps) + np.array(bottom) * steps
        pixels = np.repeat(column[:, None, :], CANVAS, axis=1)
        self.image = Image.fromarray(np.round(pixels).astype(np.uint8))
        self.pen = ImageDraw.Draw(self.image)

    def band(self, y0: float, y1: float, top: Color, bottom: Color) -> None:
        """A horizontal gradient band from y0 to y1."""
        for row in range(round(y0 * FINE), round(y1 * FINE)):
            t = (row / FINE - y0) / (y1 - y0)
            color = tuple(round(a + (b - a) * t) for a, b in zip(top, bottom, strict=True))
            self.pen.line((0, row, CANVAS, row), fill=color)

    def polygon(self, points: list[tuple[float, float]], color: Color) -> None:
        self.pen.polygon([(x * FINE, y * FINE) for x, y in points], fill=color)

    def disc(self, x: float, y: float, rx: float, color: Color, ry: float | None = None) -> None:
        """An ellipse around (x, y); a circle when `ry` is left out."""
        ry = rx if ry is None else ry
        box = ((x - rx) * FINE, (y - ry) * FINE, (x + rx) * FINE, (y + ry) * FINE)
        self.pen.ellipse(box, fill=color)

    def box(self, x0: float, y0: float, x1: float, y1: float, color: Color) -> None:
        self.pen.rectangle((x0 * FINE, y0 * FINE, x1 * FINE - 1, y1 * FINE - 1), fill=color)

    def dots(self, seed: int, count: int, box: tuple[int, int, int, int], r: float, color: Color) -> None:
        """Small discs at fixed random places inside the box."""
        random = Random(seed)
        for _ in range(count):
            self.disc(random.uniform(box[0], box[2]), random.uniform(box[1], box[3]), r, color)


def paint_space() -> Canvas:
    canvas = Canvas((24, 16, 62), (66, 36, 112))
    canvas.dots(3, 26, (1, 1, 63, 63), 0.6, (225, 225, 255))
    canvas.dots(8, 7, (2, 2, 62, 62), 1.0, (255, 244, 200))
    return canvas


def paint_beach() -> Canvas:
    canvas = Canvas((110, 200, 250), (200, 238, 255))
    canvas.band(28, 42, (20, 150, 190), (90, 215, 215))
    canvas.band(42, 64, (250, 228, 165), (236, 200, 125))
    canvas.polygon(
        [(0, 41), (16, 43), (32, 41), (48, 43), (64, 41), (64, 43), (48, 45), (32, 43)] + [(16, 45), (0, 43)],
        (255, 255, 255),
    )
    return canvas


def paint_night() -> Canvas:
    canvas = Canvas((8, 16, 58), (40, 66, 128))
    canvas.disc(53, 10, 6, (255, 246, 196))
    canvas.dots(5, 12, (2, 2, 62, 34), 0.7, (255, 250, 220))
    canvas.disc(14, 66, 34, (14, 34, 52), 18)
    canvas.disc(52, 66, 30, (10, 26, 42), 15)
    canvas.box(0, 58, 64, 64, (10, 26, 42))
    return canvas


def paint_snow() -> Canvas:
    canvas = Canvas((150, 186, 222), (206, 226, 242))
    canvas.disc(14, 62, 36, (226, 238, 248), 22)
    canvas.disc(52, 66, 34, (246, 250, 255), 22)
    canvas.band(54, 64, (246, 250, 255), (236, 244, 252))
    canvas.dots(11, 26, (1, 1, 63, 40), 1.0, (255, 255, 255))
    return canvas


def paint_forest() -> Canvas:
    canvas = Canvas((176, 222, 170), (214, 238, 190))
    for x, y, color in (
        (4, 4, (64, 130, 84)),
        (28, 8, (64, 130, 84)),
        (52, 2, (64, 130, 84)),
        (16, 14, (36, 98, 62)),
        (41, 14, (36, 98, 62)),
        (64, 14, (36, 98, 62)),
    ):
        canvas.polygon([(x - 13, 48), (x, y), (x + 13, 48)], color)
    canvas.band(46, 64, (74, 140, 66), (48, 106, 48))
    return canvas


def paint_desert() -> Canvas:
    canvas = Canvas((255, 196, 120), (255, 232, 180))
    canvas.disc(50, 12, 6, (255, 246, 214))
    canvas.disc(12, 66, 44, (226, 158, 88), 30)
    canvas.disc(58, 68, 40, (208, 134, 66), 24)
    canvas.band(58, 64, (208, 134, 66), (196, 122, 58))
    return canvas


def paint_city() -> Canvas:
    canvas = Canvas((176, 210, 236), (232, 236, 236))
    for x, y, width, color in (
        (0, 18, 12, (112, 126, 152)),
        (12, 28, 10, (140, 152, 176)),
        (22, 10, 12, (96, 110, 140)),
        (34, 24, 10, (128, 142, 168)),
        (44, 14, 11, (112, 126, 152)),
        (55, 26, 9, (140, 152, 176)),
    ):
        canvas.box(x, y, x + width, 52, color)
        for row in range(y + 3, 48, 5):
            for column in range(x + 2, x + width - 2, 4):
                canvas.box(column, row, column + 2, row + 2.5, (250, 232, 160))
    canvas.band(50, 64, (92, 94, 102), (72, 74, 82))
    for x in (4, 20, 36, 52):
        canvas.box(x, 57, x + 8, 58.5, (240, 240, 230))
    return canvas


def paint_underwater() -> Canvas:
    canvas = Canvas((40, 170, 214), (6, 70, 140))
    canvas.polygon([(8, 0), (18, 0), (8, 50), (-6, 50)], (66, 176, 220))
    canvas.polygon([(36, 0), (48, 0), (50, 50), (34, 50)], (60, 166, 214))
    canvas.disc(20, 68, 40, (190, 170, 120), 12)
    canvas.disc(56, 68, 24, (170, 150, 106), 11)
    for x in (4, 9, 58):
        canvas.disc(x, 52, 1.6, (26, 130, 90), 10)
    for x, y, r in ((54, 10, 2.4), (58, 18, 1.6), (6, 14, 2.0), (10, 24, 1.4), (50, 28, 1.3)):
        canvas.disc(x, y, r, (196, 236, 250))
    return canvas


def paint_sunset() -> Canvas:
    canvas = Canvas((98, 52, 140), (255, 190, 90))
    canvas.band(0, 22, (98, 52, 140), (226, 88, 110))
    canvas.band(22, 44, (226, 88, 110), (255, 190, 84))
    canvas.disc(32, 44, 13, (255, 236, 150))
    canvas.band(44, 64, (150, 66, 104), (72, 36, 92))
    for y, half in ((47, 10), (51, 7), (55, 4)):
        canvas.box(32 - half, y, 32 + half, y + 1.5, (255, 196, 116))
    return canvas


def paint_field() -> Canvas:
    canvas = Canvas((116, 196, 250), (214, 240, 255))
    canvas.disc(12, 62, 40, (140, 206, 84), 26)
    canvas.disc(54, 64, 40, (112, 190, 66), 24)
    canvas.band(52, 64, (112, 190, 66), (84, 160, 50))
    canvas.dots(2, 9, (2, 48, 62, 63), 1.1, (255, 250, 210))
    return canvas


def paint_sky() -> Canvas:
    canvas = Canvas((70, 160, 240), (172, 220, 255))
    for x, y in ((10, 12), (54, 24), (12, 48), (52, 56)):
        for dx, dy, r in ((-6, 1, 4), (0, -2, 5.5), (6, 1, 4.5)):
            canvas.disc(x + dx, y + dy, r, (255, 255, 255))
        canvas.disc(x, y + 3, 10, (255, 255, 255), 3)
    return canvas


def paint_mountains() -> Canvas:
    canvas = Canvas((150, 206, 244), (226, 242, 250))
    for x, y, color in (
        (14, 10, (112, 128, 158)),
        (50, 6, (96, 112, 146)),
        (32, 20, (124, 140, 168)),
    ):
        canvas.polygon([(x - 24, 50), (x, y), (x + 24, 50)], color)
        canvas.polygon(
            [(x - 5.4, y + 9), (x, y), (x + 5.4, y + 9), (x + 2, y + 7), (x, y + 10)] + [(x - 2, y + 7)],
            (250, 252, 255),
        )
    canvas.band(48, 64, (122, 168, 92), (92, 140, 70))
    return canvas


PAINTERS: dict[str, Callable[[], Canvas]] = {
    "space": paint_space, "beach": paint_beach, "night": paint_night, "snow": paint_snow,
    "forest": paint_forest, "desert": paint_desert, "city": paint_city, "sky": paint_sky,
    "underwater": paint_underwater, "sunset": paint_sunset, "field": paint_field,
    "mountains": paint_mountains,
}  # fmt: skip


def softened(rgb: Color) -> Color:
    """A lighter, calmer tone of a color, for a plain ground behind bright things."""
    red, green, blue = (round(channel * 0.55 + 255 * 0.42) for channel in rgb)
    return red, green, blue


@cache
def place(name: str, variant: int, size: int) -> Image.Image:
    """One of the `VARIANTS` pictures of a named place; every other one is mirrored."""
    picture = PAINTERS[name]().image
    if variant % 2:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture.resize((size, size), Image.Resampling.BOX)


@cache
def plain(color: Color, size: int) -> Image.Image:
    """One flat color."""
    return Image.new("RGB", (size, size), color)
