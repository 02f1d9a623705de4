"""Draws captioned scenes from a seed and their numbers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random

import numpy as np
from jaxtyping import UInt8

from recipes.world import captions
from recipes.world.compose import paint
from recipes.world.facts import Facts, draw_facts, is_held_out, vary
from recipes.world.gallery import Gallery, open_gallery
from recipes.world.layout import cast
from recipes.world.plan import Plan, draw_plan, stacked
from recipes.world.world import World

SIZE = 64
SIZES = (64, 96, 128)
BATCH = 32  # scenes painted in one call


@dataclass(frozen=True, eq=False)
class Scene:
    """A caption, a picture, what both show, and the names of the drawings in it."""

    caption: str
    pixels: UInt8[np.ndarray, "size size 3"]
    facts: Facts
    drawings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Outline:
    """A scene before it is painted; `drawings` names what it is made of."""

    caption: str
    facts: Facts
    drawings: tuple[str, ...]
    plan: Plan


def draw_scene(world: World, seed: int, index: int, held_out: bool = False, size: int = SIZE) -> Scene:
    """Draw scene `index` of the endless list `seed`: see `draw_scenes`."""
    (scene,) = draw_scenes(world, seed, [index], held_out, size)
    return scene


def draw_scenes(
    world: World, seed: int, indices: Iterable[int], held_out: bool = False, size: int = SIZE, kin: int = 1
) -> Iterator[Scene]:
    """Draw scenes of the endless list `seed`, each a pure function of world, seed, index and size.

    With `held_out`, every scene has a combination that training never sees; without it, none has. With `kin`, so many
    scenes in a row are alike but for one thing, which is another in each.
    """
    gallery = open_gallery(world, size)
    outlines = (outline(world, gallery, seed, index, held_out, kin) for index in indices)
    while batch := list(islice(outlines, BATCH)):
        pictures = paint_plans(world, gallery, [each.plan for each in batch])
        for each, pixels in zip(batch, pictures, strict=True):
            yield Scene(each.caption, pixels, each.facts, each.drawings)


def outline(world: World, gallery: Gallery, seed: int, index: int, held_out: bool, kin: int = 1) -> Outline:
    """What scene `index` shows, says and where."""
    of = "held out" if held_out else "training"
    random = Random(f"{seed}/{index}/{of}")
    if kin == 1:
        facts = draw_until(world, held_out, lambda: draw_facts(world, random))
    else:
        shared = Random(f"{seed}/{index // kin}/{of}/kin of {kin}")
        first = draw_until(world, held_out, lambda: draw_facts(world, shared))
        facts = draw_until(world, held_out, lambda: vary(world, first, random)) if index % kin else first
    plan, drawings = draw_staged(world, gallery, facts, random)
    return Outline(captions.write(world, facts, random), facts, drawings, plan)


def draw_until(world: World, held_out: bool, draw: Callable[[], Facts]) -> Facts:
    """The first scene drawn that is held out, or that is not."""
    facts = draw()
    while is_held_out(world, facts) != held_out:
        facts = draw()
    return facts


def draw_staged(world: World, gallery: Gallery, facts: Facts, random: Random) -> tuple[Plan, tuple[str, ...]]:
    """A plan, and the names of the drawings in it."""
    actors = cast(world, facts, random)
    plan = draw_plan(world, gallery, facts, actors, random)
    return plan, tuple(dict.fromkeys(actor.drawing.name for actor in actors))


def draw_as(world: World, facts: Facts, random: Random, size: int = SIZE) -> UInt8[np.ndarray, "size size 3"]:
    """Paint the scene that the facts describe; `random` settles what they leave open."""
    gallery = open_gallery(world, size)
    return paint_plans(world, gallery, [draw_staged(world, gallery, facts, random)[0]])[0]


def paint_plans(world: World, gallery: Gallery, plans: list[Plan]) -> UInt8[np.ndarray, "scenes size size 3"]:
    """Paint at most `BATCH` plans, always as many at once so that only one program is compiled."""
    filled = stacked(plans + plans[-1:] * (BATCH - len(plans)))
    return np.asarray(paint(gallery.art, filled, len(plans), tuple(world.styles)))
