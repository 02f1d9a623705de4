"""Where the things of a scene stand, in units of 1/64 of the picture's side.

Boxes come in few sizes and stand on a grid of 8 units, the cells of the tokenizer, so that the same patches return and
a small codebook can hold them. Nothing here depends on the size of the picture in pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from recipes.world.facts import Facts
from recipes.world.world import Drawing, Thing, World

T = TypeVar("T")

SIDE = 64
CELL = 8
HALF_CELL = 4  # hats and food stand on a finer grid
MARGIN = 1  # around a thing in its box
BOXES = (24, 32, 48, 56, 64)
"""The sides that a box may have, in units."""


@dataclass(frozen=True)
class Spot:
    """A thing's square box in the picture, in units."""

    x: int
    y: int
    size: int


@dataclass(frozen=True)
class Actor:
    """One thing as one of its drawings, perhaps seen from the other side.

    `width` and `height` are the drawing's, the longer one being 1.
    """

    thing: Thing
    drawing: Drawing
    width: float
    height: float
    mirrored: bool

    def placed(self, point: tuple[float, float], spot: Spot) -> tuple[float, float]:
        """Where a point of the drawing, in fractions of it, lies in the picture."""
        room = spot.size - 2 * MARGIN
        across = 1 - point[0] if self.mirrored else point[0]
        left = spot.x + (spot.size - self.width * room) / 2
        hanging = (spot.size - self.height * room) / 2
        top = spot.y + (hanging if self.thing.floats else spot.size - MARGIN - self.height * room)
        return left + across * self.width * room, top + point[1] * self.height * room


# The boxes that a single thing may take: on the floor, or about the middle.
LOW = (Spot(8, 8, 48), Spot(8, 16, 48), Spot(0, 8, 56), Spot(8, 8, 56))
HIGH = (Spot(8, 8, 48), Spot(8, 8, 48), Spot(0, 0, 56), Spot(8, 8, 56))
TINY_LOW = (Spot(16, 32, 24), Spot(24, 32, 24), Spot(16, 40, 24), Spot(24, 40, 24))
TINY_HIGH = (Spot(16, 16, 24), Spot(24, 16, 24), Spot(16, 24, 24), Spot(24, 24, 24))
GIANT = (Spot(0, 0, 64),)

# What a drawing must tell for the first and the second thing of a relation.
NEEDS: dict[str, tuple[str, str]] = {
    "riding": ("", "seat"),
    "on top of": ("", "seat"),
    "wearing": ("head", ""),
    "eating": ("mouth", ""),
}
IN_FRONT = ("wearing", "eating")
"""Relations whose second thing is painted over the first; in the others the first is painted over the second."""


def cast(world: World, facts: Facts, random: Random) -> list[Actor]:
    """Choose drawings that can do what the relation asks: one actor for each thing, or for each copy."""
    needs = NEEDS.get(facts.relation, ("", ""))
    actors = []
    for name, need in zip(facts.things, needs, strict=False):
        thing = world.things[name]
        fitting = [drawing for drawing in thing.drawings if not need or getattr(drawing, need) is not None]
        if not fitting:
            raise ValueError(f"no drawing of {name!r} has a {need}")
        drawing = random.choice(fitting)
        width, height = world.sprites[drawing.name].size
        longer = max(width, height)
        copies = facts.count if len(facts.things) == 1 else 1
        actors += [Actor(thing, drawing, width / longer, height / longer, random.random() < 0.5) for _ in range(copies)]
    return actors


def arrange(world: World, facts: Facts, actors: list[Actor], random: Random) -> list[Spot]:
    """A box for every actor."""
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
            return [on_seat(actors[1], below), below]
        case "wearing":
            wearer = Spot(8, 16, 48)
            return [wearer, on_head(actors[0], actors[1], wearer)]
        case "eating":
            eater = Spot(8, random.choice((8, 16)), 48)
            return [eater, at_mouth(actors[0], eater)]
    if facts.count == 2:
        y = random.choice((24, 32)) if floor else 16
        return [Spot(0, y, 32), Spot(32, y, 32)]
    if facts.count == 3:
        return [Spot(32, 32, 32), Spot(0, 32, 32), Spot(16, random.choice((0, 8)) if floor else 0, 32)]
    return [random.choice(alone(facts.size, floor and not actors[0].thing.floats))]


def alone(size: str, standing: bool) -> tuple[Spot, ...]:
    """The boxes that a single thing of a size may take."""
    if size == "giant":
        return GIANT
    if size == "tiny":
        return TINY_LOW if standing else TINY_HIGH
    return LOW if standing else HIGH


def has_floor(world: World, background: str) -> bool:
    """Whether the place has something to stand on."""
    return background in world.backgrounds and world.backgrounds[background].get("floor", True)


def on_seat(below: Actor, spot: Spot) -> Spot:
    """The box whose lower edge meets the seat of what stands at `spot`."""
    x, y = below.placed(anchor(below, lambda drawing: drawing.seat), spot)
    column, row = snapped(x - 16, CELL), snapped(y - 32 + 5, CELL)
    return Spot(between(column, 32), between(row, 32), 32)


def on_head(wearer: Actor, hat: Actor, spot: Spot) -> Spot:
    """The box of a hat whose lower edge meets the head of what stands at `spot`."""
    across, down, wide = anchor(wearer, lambda drawing: drawing.head)
    x, y = wearer.placed((across, down), spot)
    size = 24 if wide * wearer.width < 0.6 else 32
    y += (1 - hat.drawing.brim) * hat.height * size
    column, row = snapped(x - size // 2, HALF_CELL), snapped(y - size + 4, HALF_CELL)
    return Spot(between(column, SIDE - size), between(row, SIDE - size), size)


def at_mouth(eater: Actor, spot: Spot) -> Spot:
    """The box of the food before the mouth of what stands at `spot`: below the eyes, and ahead of a face in profile."""
    mouth = anchor(eater, lambda drawing: drawing.mouth)
    x, y = eater.placed(mouth, spot)
    middle, _ = eater.placed((0.5, 0.5), spot)
    ahead = between(abs(x - middle) - 3, 6) * (1 if x > middle else -1)
    column, row = snapped(x - 12 + ahead, HALF_CELL), snapped(y - 5, HALF_CELL)
    return Spot(between(column, SIDE - 24), between(row, SIDE - 24), 24)


def anchor(actor: Actor, choose: Callable[[Drawing], T | None]) -> T:
    """A place of the drawing; ValueError where it has none."""
    point = choose(actor.drawing)
    if point is None:
        raise ValueError(f"drawing {actor.drawing.name!r} lacks the place that the relation needs")
    return point


def between(value: float, most: int) -> int:
    """The whole number nearest to the value from 0 to `most`."""
    return round(min(max(value, 0), most))


def snapped(value: float, step: int) -> int:
    """The nearest multiple of `step`."""
    return round(value / step) * step
