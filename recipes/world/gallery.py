"""The art of a world, prepared once for pictures of one size: drawings at every size of box, places and materials.

The arrays go to `compose.compose`; what a plan must know of them (where a drawing lies, how light it is) stays on the
host. All is a pure function of world and size.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import jax
import numpy as np
from jax import Array
from jaxtyping import UInt8, UInt32
from PIL import Image

from recipes.world import backgrounds
from recipes.world.layout import BOXES, MARGIN, SIDE
from recipes.world.textures import TILE, texture
from recipes.world.world import World

LUMA = np.array([0.299, 0.587, 0.114], np.float32)


class Art(NamedTuple):
    """Everything that is painted with, as arrays where it is painted."""

    drawings: UInt32[Array | np.ndarray, "pixels"]
    """Every drawing at every size, row by row, one after another: red in the lowest byte, alpha in the highest."""
    grounds: UInt8[Array | np.ndarray, "grounds size size 3"]
    tiles: UInt8[Array | np.ndarray, "materials tile tile 3"]


@dataclass(frozen=True)
class Slot:
    """Where a drawing of one size lies among the drawings."""

    offset: int
    width: int
    height: int


@dataclass(frozen=True)
class Tone:
    """How light a drawing is and how it is colored, so that it can be recolored; shares are in 0..1.

    `middle` is the middle luminance; `dark` and `light` tell how far very dark and very light parts are details (eyes,
    teeth) that keep their color; `chroma` is the mean of red and of blue, each less the luminance.
    """

    middle: float
    dark: float
    light: float
    chroma: tuple[float, float]
    mean: float


@dataclass(frozen=True, eq=False)
class Gallery:
    """The art for pictures of `size` pixels a side, and an index of it."""

    size: int
    art: Art
    slots: Mapping[tuple[str, int], Slot]
    tones: Mapping[str, Tone]
    grounds: Mapping[str, tuple[int, ...]]
    """The numbers of a place's pictures; those of "" are soft and plain."""
    brightness: tuple[float, ...]
    """The mean luminance of every ground, in 0..1."""
    materials: Mapping[str, float]
    """The mean luminance of every material, in the order of the tiles."""


@cache
def open_gallery(world: World, size: int) -> Gallery:
    """Prepare the art of a world for pictures of `size` pixels a side, a multiple of 32."""
    if size % 32:
        raise ValueError(f"expected a multiple of 32 pixels, found {size}")
    used = sorted({drawing.name for thing in world.things.values() for drawing in thing.drawings})
    slots, total = {}, 0
    for name in used:
        for box in BOXES:
            slots[name, box] = Slot(total, *footprint(world.sprites[name], box_pixels(box, size)))
            total += slots[name, box].width * slots[name, box].height
    drawings = np.empty(total, np.uint32)
    for (name, box), slot in slots.items():
        pixels = np.array(fit(world.sprites[name], box_pixels(box, size)))
        drawings[slot.offset :][: slot.width * slot.height] = pixels.view("<u4").reshape(-1)
    grounds, pictures = paint_grounds(world, size)
    materials = tuple(world.materials)
    tiles = np.stack([texture(name, size * TILE // SIDE) for name in materials])
    return Gallery(
        size=size,
        art=jax.device_put(Art(drawings, pictures, tiles)),
        slots=slots,
        tones={name: tone(world.sprites[name]) for name in used},
        grounds=grounds,
        brightness=tuple(float(value) for value in (pictures.mean((1, 2)) @ LUMA) / 255),
        materials={name: float(tile.mean((0, 1)) @ LUMA) / 255 for name, tile in zip(materials, tiles, strict=True)},
    )


def box_pixels(box: int, size: int) -> int:
    """How many pixels the longer side of a drawing has in a box of `box` units."""
    return (box - 2 * MARGIN) * size // SIDE


def footprint(picture: Image.Image, longer: int) -> tuple[int, int]:
    """Width and height of a drawing whose longer side has that many pixels."""
    scale = longer / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    return width, height


def fit(picture: Image.Image, longer: int) -> Image.Image:
    """Scale a drawing so that its longer side has that many pixels, its proportions kept."""
    # Premultiplied, so that no dark fringe appears at the edge.
    return picture.convert("RGBa").resize(footprint(picture, longer), Image.Resampling.LANCZOS).convert("RGBA")


def paint_grounds(world: World, size: int) -> tuple[dict[str, tuple[int, ...]], UInt8[np.ndarray, "g s s 3"]]:
    """Every ground in every variant, and where each name's lie."""
    pictures: list[Image.Image] = [backgrounds.plain(color, size) for color in backgrounds.SOFT]
    grounds = {"": tuple(range(len(pictures)))}
    for name, look in world.colors.items():
        grounds[f"plain {name}"] = (len(pictures),)
        pictures.append(backgrounds.plain(backgrounds.softened(tuple(look["rgb"])), size))
    for name in world.backgrounds:
        variants = [backgrounds.place(name, variant, size) for variant in range(backgrounds.VARIANTS)]
        grounds[name] = tuple(range(len(pictures), len(pictures) + len(variants)))
        pictures += variants
    return grounds, np.stack([np.asarray(picture) for picture in pictures])


def tone(picture: Image.Image) -> Tone:
    """Measure a drawing."""
    pixels = np.asarray(fit(picture, 48), np.float32) / 255
    visible = pixels[pixels[..., 3] > 0.5][:, :3]
    if not visible.size:
        visible = np.full((1, 3), 0.5, np.float32)
    light = visible @ LUMA
    chroma = (visible[:, [0, 2]] - light[:, None]).mean(0)
    # Where much of a drawing is dark or light, that is its body and not a detail.
    dark, bright = float((light < 0.25).mean()), float((light > 0.85).mean())
    return Tone(
        middle=min(max(float(np.median(light)), 0.38), 0.9),
        dark=min(max((0.42 - dark) / 0.12, 0.0), 1.0),
        light=min(max((0.32 - bright) / 0.12, 0.0), 1.0),
        chroma=(float(chroma[0]), float(chroma[1])),
        mean=float(light.mean()),
    )
