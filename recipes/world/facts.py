"""What a scene shows, how often, and which combinations training never sees."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from recipes.world.world import Thing, World

SYMMETRIC = ("next to",)


@dataclass(frozen=True)
class Facts:
    """A scene in words of the world; "" means that the caption leaves it open.

    `color` and `material` belong to the first of `things`; `background` is a named place or
    "plain <color>"; `relation` reads "<first thing> <relation> <second thing>".
    """

    things: tuple[str, ...]
    color: str = ""
    material: str = ""
    background: str = ""
    style: str = ""
    count: int = 1
    relation: str = ""


def hash_share(*words: str) -> float:
    """A number in [0, 1) that depends on the words alone, the same for ever."""
    digest = hashlib.blake2b("|".join(words).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def combinations(facts: Facts) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The combinations in a scene that may be held out, as (kind, words)."""
    if facts.color or facts.material:
        yield "attribute", (facts.things[0], facts.color or f"of {facts.material}")
    if facts.background:
        for thing in facts.things:
            yield "background", (thing, facts.background)
    if facts.relation:
        ordered = sorted(facts.things) if facts.relation in SYMMETRIC else list(facts.things)
        yield "relation", (facts.relation, *ordered)


def is_held_out(world: World, facts: Facts) -> bool:
    """Whether any combination of the scene is kept away from training."""
    return any(hash_share(kind, *words) < world.held_out[kind] for kind, words in combinations(facts))


def draw_facts(world: World, random: Random) -> Facts:
    """Draw a scene's facts, held out or not, by the shares of `[mix]`."""
    mix = world.mix
    kinds = ("single", "plain", "count", "pair")
    (kind,) = random.choices(kinds, [mix[name] for name in kinds])
    if kind == "plain":
        return Facts(things=(pick(random, world.things),))
    background = draw_background(world, random) if random.random() < mix["background"] else ""
    if kind == "pair":
        return draw_pair(world, random, background)
    count = random.choice((2, 3)) if kind == "count" else 1
    color, material = draw_attribute(world, random, mix["color"], mix["material"])
    style = pick(random, world.styles) if random.random() < mix["style"] else ""
    if kind == "count":
        material, style = "", ""
    traits = world.styles[style] if style else {}
    if traits.get("bare"):
        background = ""
    if traits.get("colorless"):
        color, material = "", ""
        background = "" if background.startswith("plain") else background
    thing = pick(random, world.things)
    return Facts((thing,), color, material, background, style, count)


def draw_background(world: World, random: Random) -> str:
    """A named place, or now and then a plain colored ground."""
    if random.random() < 0.12:
        return f"plain {pick(random, world.colors)}"
    return pick(random, world.backgrounds)


def draw_attribute(world: World, random: Random, color: float, material: float) -> tuple[str, str]:
    """A color, a material or neither, as (color, material)."""
    draw = random.random()
    if draw < color:
        return pick(random, world.colors), ""
    if draw < color + material:
        return "", pick(random, world.materials)
    return "", ""


def draw_pair(world: World, random: Random, background: str) -> Facts:
    """Two different things in a relation that suits both."""
    (relation,) = random.choices(list(world.relations), list(world.relations.values()))
    things = world.things.values()
    first = random.choice([thing for thing in things if can_be_first(thing, relation)])
    second = random.choice([thing for thing in things if thing is not first and can_be_second(thing, relation)])
    mix = world.mix
    color, material = draw_attribute(world, random, mix["pair_color"], mix["pair_material"])
    return Facts((first.name, second.name), color, material, background, relation=relation)


def can_be_first(thing: Thing, relation: str) -> bool:
    """Whether the thing may ride, wear, lie on top of or stand before another."""
    match relation:
        case "riding":
            return thing.kind in ("animal", "character")
        case "wearing":
            return any(drawing.head for drawing in thing.drawings)
        case "on top of":
            return thing.kind != "sky" and not thing.big
        case "in front of":
            return not thing.big and thing.kind != "sky"
    return True


def can_be_second(thing: Thing, relation: str) -> bool:
    """Whether the thing may be ridden, worn, lain upon or stood before."""
    match relation:
        case "riding":
            return thing.rideable and any(drawing.seat for drawing in thing.drawings)
        case "wearing":
            return thing.worn
        case "on top of":
            return any(drawing.seat for drawing in thing.drawings)
        case "in front of":
            return thing.big
    return True


def pick(random: Random, names: Iterable[str]) -> str:
    """One key of a mapping, each as likely."""
    return random.choice(list(names))
