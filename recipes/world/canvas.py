"""A drawing surface for the places behind the things, in units of 1/64 of the picture's side.

It is eight times finer than the smallest picture, and reduced when it is done.
"""

from collections.abc import Callable
from random import Random

import numpy as np
from PIL import Image, ImageDraw

FINE = 8
SIDE = 64 * FINE
Color = tuple[int, int, int]
Points = list[tuple[float, float]]


def between(first: Color, second: Color, share: float) -> Color:
    """A color on the way from the first to the second."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


class Canvas:
    """A square painted from top to bottom; later strokes cover earlier ones."""

    def __init__(self, *sky: Color) -> None:
        self.image = Image.new("RGB", (SIDE, SIDE))
        self.pen = ImageDraw.Draw(self.image)
        for number, (top, bottom) in enumerate(zip(sky, sky[1:], strict=False)):
            height = 64 / (len(sky) - 1)
            self.band(number * height, (number + 1) * height, top, bottom)

    def band(self, y0: float, y1: float, top: Color, bottom: Color) -> None:
        """A horizontal gradient from y0 to y1."""
        for row in range(round(y0 * FINE), round(y1 * FINE)):
            color = between(top, bottom, (row / FINE - y0) / (y1 - y0))
            self.pen.line((0, row, SIDE, row), fill=color)

    def polygon(self, points: Points, color: Color) -> None:
        self.pen.polygon([(x * FINE, y * FINE) for x, y in points], fill=color)

    def line(self, points: Points, color: Color, width: float) -> None:
        self.pen.line([(x * FINE, y * FINE) for x, y in points], color, round(width * FINE), joint="curve")

    def disc(self, x: float, y: float, rx: float, color: Color, ry: float | None = None) -> None:
        """An ellipse around (x, y); a circle when `ry` is left out."""
        ry = rx if ry is None else ry
        box = ((x - rx) * FINE, (y - ry) * FINE, (x + rx) * FINE, (y + ry) * FINE)
        self.pen.ellipse(box, fill=color)

    def box(self, x0: float, y0: float, x1: float, y1: float, color: Color, corner: float = 0) -> None:
        """A rectangle, its corners rounded by a radius."""
        box = (x0 * FINE, y0 * FINE, x1 * FINE - 1, y1 * FINE - 1)
        self.pen.rounded_rectangle(box, corner * FINE, fill=color)

    def land(self, height: Callable[[np.ndarray], np.ndarray], top: Color, bottom: Color) -> None:
        """Everything below a curve over x, as a gradient from the curve's highest point to the picture's edge."""
        x = np.arange(SIDE) / FINE
        line = np.broadcast_to(height(x), x.shape)
        y = np.arange(SIDE)[:, None] / FINE
        share = np.clip((y - line.min()) / max(64 - line.min(), 1), 0, 1)[..., None]
        shades = np.array(top) + (np.array(bottom) - np.array(top)) * share
        pixels = np.where((y >= line)[..., None], np.broadcast_to(shades, (SIDE, SIDE, 3)), np.asarray(self.image))
        self.replace(pixels)

    def glow(self, x: float, y: float, radius: float, color: Color, strength: float) -> None:
        """A soft light around (x, y) that fades over the radius."""
        down, across = np.mgrid[:SIDE, :SIDE] / FINE
        near = np.exp(-((across - x) ** 2 + (down - y) ** 2) / (radius * radius)) * strength
        pixels = np.asarray(self.image, np.float32)
        self.replace(pixels + (np.array(color) - pixels) * near[..., None])

    def replace(self, pixels: np.ndarray) -> None:
        """Put other pixels in the place of all."""
        self.image.paste(Image.fromarray(np.round(pixels).astype(np.uint8)))

    def dots(self, random: Random, count: int, box: tuple[float, float, float, float], r: float, color: Color) -> None:
        """Small discs at random places inside the box."""
        for _ in range(count):
            self.disc(random.uniform(box[0], box[2]), random.uniform(box[1], box[3]), r, color)

    def cloud(self, x: float, y: float, r: float, color: Color) -> None:
        """A flat-bottomed cloud, about four radii wide."""
        for dx, dy, size in ((-1.0, 0.1, 0.7), (0, -0.4, 1.0), (1.0, 0.0, 0.8)):
            self.disc(x + dx * r, y + dy * r, size * r, color)
        self.box(x - 1.7 * r, y, x + 1.8 * r, y + 0.8 * r, color, 0.4 * r)

    def tree(self, x: float, base: float, height: float, dark: Color, light: Color) -> None:
        """A round tree with a trunk."""
        self.box(x - height * 0.06, base - height * 0.45, x + height * 0.06, base, (120, 82, 54))
        self.disc(x, base - height * 0.66, height * 0.32, dark, height * 0.36)
        self.disc(x - height * 0.07, base - height * 0.72, height * 0.2, light, height * 0.22)

    def fir(self, x: float, base: float, height: float, color: Color) -> None:
        """A fir of three tiers."""
        self.box(x - height * 0.04, base - height * 0.15, x + height * 0.04, base, (104, 74, 52))
        for tier, (low, high, wide) in enumerate(((0.1, 0.55, 0.3), (0.35, 0.78, 0.24), (0.6, 1.0, 0.17))):
            shade = between(color, (255, 255, 255), 0.06 * tier)
            tip = [
                (x - height * wide, base - height * low),
                (x, base - height * high),
                (x + height * wide, base - height * low),
            ]
            self.polygon(tip, shade)


def wave(base: float, swing: float, length: float, phase: float) -> Callable[[np.ndarray], np.ndarray]:
    """A curve for `Canvas.land`: a sine about `base`; lengths in units, the phase in waves."""
    return lambda x: base + swing * np.sin(2 * np.pi * (x / length + phase))
