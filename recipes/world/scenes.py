"""Composes one captioned scene from a seed and an index.

Sprites come in few sizes and their boxes stand on an 8-pixel grid, the cells of the tokenizer, so
that the same patches return and a small codebook can hold them.
"""

from dataclasses import dataclass
from functools import cache
from random import Random

import numpy as np
from PIL import Image

from recipes.world import backgrounds, captions
from recipes.world.facts import Facts, draw_facts, is_held_out
from recipes.world.paint import STYLES, dressed
from recipes.world.world import Drawing, Thing, World

SIZE = 64
CELL = 8
MARGIN = 1  # pixels around a thing in its box


@dataclass(frozen=True, eq=False)
class Scene:
    """A caption, a picture (uint8 [64, 64, 3]) and what both show."""

    caption: str
    pixels: np.ndarray
    facts: Facts


@dataclass(frozen=True)
class Spot:
    """A thing's square box in the picture, in pixels."""

    x: int
    y: int
    size: int


# The boxes that a single thing may take: on the floor, or about the middle.
LOW = (Spot(8, 8, 48), Spot(8, 16, 48), Spot(0, 8, 56), Spot(8, 8, 56))
HIGH = (Spot(8, 8, 48), Spot(8, 8, 48), Spot(0, 0, 56), Spot(8, 8, 56))


def draw_scene(world: World, seed: int, index: int, held_out: bool = False) -> Scene:
    """Draw scene `index` of the endless list `seed`.

    With `held_out`, every scene has a combination that training never sees; without it, none has.
    """
    random = Random(f"{seed}/{index}/{'held out' if held_out else 'training'}")
    facts = draw_facts(world, random)
    while is_held_out(world, facts) != held_out:
        facts = draw_facts(world, random)
    pixels = compose(world, facts, random)
    return Scene(captions.write(world, facts, random), pixels, facts)


def compose(world: World, facts: Facts, random: Random) -> np.ndarray:
    """Paint the scene that the facts describe; `random` settles what they leave open."""
    canvas = ground(world, facts.background, random).copy()
    things = [world.things[name] for name in facts.things]
    drawings = [random.choice(suitable(thing, facts.relation, place)) for place, thing in enumerate(things)]
    spots = arrange(world, facts, drawings, random)
    looks = [(facts.color, facts.material)] + [("", "")] * (len(things) - 1)
    copies = facts.count if len(things) == 1 else 1
    layers = list(zip(things * copies, drawings * copies, spots, looks * copies, strict=True))
    # The second thing lies below the first, except for what is worn.
    for thing, drawing, spot, look in layers if facts.relation == "wearing" else layers[::-1]:
        sprite = picture(world, drawing.name, spot.size, *look)
        canvas.paste(sprite, corner(thing, *sprite.size, spot), sprite)
    return np.asarray(STYLES[facts.style](canvas) if facts.style else canvas)


def suitable(thing: Thing, relation: str, place: int) -> list[Drawing]:
    """The drawings that show where a hat sits or a rider touches, if the thing's place in the relation needs it."""
    if relation == "wearing" and place == 0:
        return [drawing for drawing in thing.drawings if drawing.head]
    if relation in ("riding", "on top of") and place == 1:
        return [drawing for drawing in thing.drawings if drawing.seat]
    return list(thing.drawings)


def ground(world: World, background: str, random: Random) -> Image.Image:
    """The picture before anything stands in it; soft and plain where none is named."""
    if not background:
        return backgrounds.plain(random.choice(backgrounds.SOFT), SIZE)
    if background.startswith("plain "):
        rgb = world.colors[background.removeprefix("plain ")]["rgb"]
        return backgrounds.plain(backgrounds.softened(tuple(rgb)), SIZE)
    return backgrounds.place(background, random.random() < 0.5, SIZE)


def arrange(world: World, facts: Facts, drawings: list[Drawing], random: Random) -> list[Spot]:
    """Boxes for the scene's things: one each in a relation, else one for every copy."""
    things = [world.things[name] for name in facts.things]
    floor = has_floor(world, facts.background)
    match facts.relation:
        case "next to":
            y = random.choice((24, 32)) if floor else 16
            left, right = Spot(0, y, 32), Spot(32, y, 32)
            return random.choice(([left, right], [right, left]))
        case "in front of":
            left, y = random.random() < 0.5, random.choice((0, 8))
            return [Spot(0 if left else 32, 32, 32), Spot(16 if left else 0, y, 48)]
        case "riding" | "on top of":
            below = Spot(8, 16, 48)
            return [on_seat(world, things[1], drawings[1], below), below]
        case "wearing":
            wearer = Spot(8, 16, 48)
            return [wearer, on_head(world, things[0], drawings, wearer)]
    if facts.count == 2:
        y = random.choice((24, 32)) if floor else 16
        return [Spot(0, y, 32), Spot(32, y, 32)]
    if facts.count == 3:
        return [Spot(16, 0, 32), Spot(0, 32, 32), Spot(32, 32, 32)]
    return [random.choice(LOW if floor and not things[0].floats else HIGH)]


def has_floor(world: World, background: str) -> bool:
    """Whether the place has something to stand on."""
    return background in world.backgrounds and world.backgrounds[background].get("floor", True)


def on_seat(world: World, thing: Thing, drawing: Drawing, spot: Spot) -> Spot:
    """The box whose lower edge meets the seat of what stands at `spot`."""
    if drawing.seat is None:
        raise ValueError(f"{drawing.name!r} has no seat")
    x, y = at(world, thing, drawing, spot, drawing.seat)
    column, row = snapped(x - 16, CELL), snapped(y - 32 + 5, CELL)
    return Spot(min(max(column, 0), 32), max(row, 0), 32)


def on_head(world: World, thing: Thing, drawings: list[Drawing], spot: Spot) -> Spot:
    """The box of a hat, the second drawing, whose brim meets the head of the first, which stands at `spot`."""
    drawing, hat = drawings
    if drawing.head is None:
        raise ValueError(f"{drawing.name!r} has no head")
    across, down, wide = drawing.head
    x, y = at(world, thing, drawing, spot, (across, down))
    size = 24 if wide < 0.6 else 32
    y += (1 - hat.brim) * picture(world, hat.name, size, "", "").height
    return Spot(max(snapped(x - size // 2, 4), 0), max(snapped(y - size + 4, 4), 0), size)


def at(world: World, thing: Thing, drawing: Drawing, spot: Spot, point: tuple[float, float]) -> tuple[float, float]:
    """Where a point of the drawing, given in fractions of it, lies in the picture."""
    width, height = picture(world, drawing.name, spot.size, "", "").size
    left, top = corner(thing, width, height, spot)
    return left + point[0] * width, top + point[1] * height


def snapped(value: float, step: int) -> int:
    """The nearest multiple of `step`."""
    return round(value / step) * step


def corner(thing: Thing, width: int, height: int, spot: Spot) -> tuple[int, int]:
    """The upper left corner of a drawing in its box: centered, and standing unless it floats."""
    room = spot.size - height
    down = room // 2 if thing.floats else room - MARGIN
    return spot.x + (spot.size - width) // 2, spot.y + down


@cache
def picture(world: World, sprite: str, size: int, color: str, material: str) -> Image.Image:
    """A drawing as it will be pasted, kept for the next scene."""
    return dressed(world, sprite, size - 2 * MARGIN, color, material)
