"""The places behind the things, by name: drawn in Pillow, low in detail so that a small codebook can hold them.

Every place comes in three arrangements, each also mirrored, and leaves room on its floor.
"""

from collections.abc import Callable
from functools import cache
from random import Random

from PIL import Image

from recipes.world import landscapes, places
from recipes.world.canvas import Canvas, Color

ARRANGEMENTS = 3
VARIANTS = 2 * ARRANGEMENTS
SOFT: tuple[Color, ...] = ((212, 226, 244), (250, 236, 208), (212, 234, 218), (244, 222, 230))

PAINTERS: dict[str, Callable[[int, Random], Canvas]] = {
    "space": landscapes.paint_space, "beach": landscapes.paint_beach, "night": landscapes.paint_night,
    "snow": landscapes.paint_snow, "forest": landscapes.paint_forest, "desert": landscapes.paint_desert,
    "city": places.paint_city, "underwater": landscapes.paint_underwater, "sunset": landscapes.paint_sunset,
    "field": landscapes.paint_field, "sky": landscapes.paint_sky, "mountains": landscapes.paint_mountains,
    "jungle": landscapes.paint_jungle, "moon": landscapes.paint_moon, "volcano": landscapes.paint_volcano,
    "rain": landscapes.paint_rain, "rainbow": landscapes.paint_rainbow, "kitchen": places.paint_kitchen,
    "living room": places.paint_living_room, "road": places.paint_road, "lake": landscapes.paint_lake,
    "garden": places.paint_garden, "farm": places.paint_farm, "cave": landscapes.paint_cave,
    "stage": places.paint_stage, "graveyard": places.paint_graveyard, "library": places.paint_library,
}  # fmt: skip


def softened(rgb: Color) -> Color:
    """A lighter, calmer tone of a color, for a plain ground behind bright things."""
    red, green, blue = (round(channel * 0.55 + 255 * 0.42) for channel in rgb)
    return red, green, blue


@cache
def place(name: str, variant: int, size: int) -> Image.Image:
    """One of the `VARIANTS` pictures of a named place; every other one is mirrored."""
    arrangement, mirrored = divmod(variant, 2)
    picture = PAINTERS[name](arrangement, Random(f"{name}/{arrangement}")).image
    if mirrored:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return picture.resize((size, size), Image.Resampling.BOX)


@cache
def plain(color: Color, size: int) -> Image.Image:
    """One flat color."""
    return Image.new("RGB", (size, size), color)
