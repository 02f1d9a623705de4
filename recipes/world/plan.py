"""A scene as a few numbers: which drawings stand where, how they look. The host draws plans, `compose` paints them."""

from random import Random
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int32

from recipes.world.facts import Facts
from recipes.world.gallery import Gallery
from recipes.world.layout import IN_FRONT, MARGIN, SIDE, Actor, Spot, arrange, has_floor
from recipes.world.world import World

LAYERS = 3
OWN, COLORED, MADE = range(3)
"""How a layer's drawing looks: as drawn, in one color, or made of a material."""


class Plan(NamedTuple):
    """Everything that `compose` must know of a scene. Layers are painted in order; one of width 0 is none."""

    ground: Int32[np.ndarray, ""]
    style: Int32[np.ndarray, ""]
    """0, or one more than the number of the style."""
    light: Float32[np.ndarray, "3"]
    """What the place's light does to red, green and blue of the things."""
    offset: Int32[np.ndarray, "layers"]
    box: Int32[np.ndarray, "layers 4"]
    """left, top, width and height in pixels"""
    mirrored: Int32[np.ndarray, "layers"]
    look: Int32[np.ndarray, "layers"]
    material: Int32[np.ndarray, "layers"]
    color: Float32[np.ndarray, "layers 3"]
    """The color to wear, in 0..1."""
    tone: Float32[np.ndarray, "layers 5"]
    """middle, dark, light and chroma of the drawing: see `gallery.Tone`"""
    shadow: Float32[np.ndarray, "layers"]
    """How dark the shadow is on the floor below, in 0..1."""
    halo: Float32[np.ndarray, "layers"]
    """How much lighter (above 0) or darker (below 0) the ground is close around the drawing."""


def draw_plan(world: World, gallery: Gallery, facts: Facts, actors: list[Actor], random: Random) -> Plan:
    """Plan a scene that the facts describe with these actors; `random` settles what they leave open."""
    ground = random.choice(gallery.grounds[facts.background])
    spots = arrange(world, facts, actors, random)
    order = list(range(len(actors)))
    if facts.relation not in IN_FRONT:
        order.reverse()  # the second thing lies below the first
    place = world.backgrounds.get(facts.background, {})
    plan = blank(ground, style_number(world, facts.style), place.get("light", (1, 1, 1)))
    grounded = standing(facts, has_floor(world, facts.background) or facts.background not in world.backgrounds)
    drawn = world.styles.get(facts.style, {}).get("bare")  # such a style has its own ground, and lines for edges
    for layer, number in enumerate(order):
        actor, spot = actors[number], spots[number]
        set_drawing(plan, layer, gallery, actor, spot)
        if number == 0 or len(facts.things) == 1:
            set_look(plan, layer, world, gallery, facts)
        if drawn:
            continue
        if grounded[number if facts.relation else 0] and not actor.thing.floats:
            plan.shadow[layer] = 0.42
        plan.halo[layer] = halo(plan, layer, gallery, actor)
    return plan


def blank(ground: int, style: int, light: tuple[float, float, float]) -> Plan:
    """A plan with nothing on its ground."""
    return Plan(
        ground=np.array(ground, np.int32),
        style=np.array(style, np.int32),
        light=np.array(light, np.float32),
        offset=np.zeros(LAYERS, np.int32),
        box=np.zeros((LAYERS, 4), np.int32),
        mirrored=np.zeros(LAYERS, np.int32),
        look=np.zeros(LAYERS, np.int32),
        material=np.zeros(LAYERS, np.int32),
        color=np.zeros((LAYERS, 3), np.float32),
        tone=np.full((LAYERS, 5), 0.5, np.float32),
        shadow=np.zeros(LAYERS, np.float32),
        halo=np.zeros(LAYERS, np.float32),
    )


def style_number(world: World, style: str) -> int:
    """The number of a style in a plan."""
    return list(world.styles).index(style) + 1 if style else 0


def standing(facts: Facts, floor: bool) -> tuple[bool, bool]:
    """Whether the first and the second thing touch the floor."""
    match facts.relation:
        case "riding" | "on top of":
            return False, floor
        case "wearing" | "eating":
            return floor, False
    return floor, floor


def set_drawing(plan: Plan, layer: int, gallery: Gallery, actor: Actor, spot: Spot) -> None:
    """Put a drawing into its box: centered, and standing unless it floats."""
    slot, tone = gallery.slots[actor.drawing.name, spot.size], gallery.tones[actor.drawing.name]
    scale = gallery.size / SIDE
    box, margin = round(spot.size * scale), round(MARGIN * scale)
    room = box - slot.height
    left = round(spot.x * scale) + (box - slot.width) // 2
    top = round(spot.y * scale) + (room // 2 if actor.thing.floats else room - margin)
    plan.offset[layer] = slot.offset
    plan.box[layer] = left, top, slot.width, slot.height
    plan.mirrored[layer] = actor.mirrored
    plan.tone[layer] = tone.middle, tone.dark, tone.light, *tone.chroma


def set_look(plan: Plan, layer: int, world: World, gallery: Gallery, facts: Facts) -> None:
    """Give a layer the color or the material that the facts name."""
    if facts.material:
        plan.look[layer], plan.material[layer] = MADE, list(gallery.materials).index(facts.material)
    elif facts.color:
        plan.look[layer], plan.color[layer] = COLORED, np.array(world.colors[facts.color]["rgb"]) / 255


def halo(plan: Plan, layer: int, gallery: Gallery, actor: Actor) -> float:
    """How the ground must change around a drawing of nearly its own lightness."""
    behind = gallery.brightness[plan.ground]
    own = gallery.tones[actor.drawing.name].mean
    if plan.look[layer] == COLORED:
        own = float(plan.color[layer] @ (0.299, 0.587, 0.114))
    elif plan.look[layer] == MADE:
        own = list(gallery.materials.values())[plan.material[layer]]
    near = max(0.0, 1 - abs(own - behind) / 0.4)
    return 0.45 * near if own < 0.5 else -0.28 * near


def stacked(plans: list[Plan]) -> Plan:
    """Many plans as one, every array with a leading axis of scenes."""
    return Plan(*(np.stack(field) for field in zip(*plans, strict=True)))
