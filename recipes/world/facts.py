"""What a scene shows, how often, and which combinations training never sees."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from recipes.world.world import KINDS, Thing, World

SYMMETRIC = ("next to",)
SIZES = ("tiny", "giant")
LIVING = ("animal", "character")


@dataclass(frozen=True)
class Facts:
    """A scene in words of the world; "" means that the caption leaves it open.

    `color` and `material` belong to the first of `things`, never both; `background` is a named place or
    "plain <color>"; `size` is that of a single thing; `relation` reads "<first thing> <relation> <second thing>".
    """

    things: tuple[str, ...]
    color: str = ""
    material: str = ""
    size: str = ""
    background: str = ""
    style: str = ""
    count: int = 1
    relation: str = ""


def labels(facts: Facts) -> dict[str, str]:
    """What there is to see in the scene, field by field; fields that it leaves open are absent."""
    attribute = facts.color or (f"of {facts.material}" if facts.material else "")
    named = {
        "thing": facts.things[0],
        "second": facts.things[1] if facts.relation else "",
        "relation": facts.relation,
        "attribute": attribute,
        "count": "" if facts.relation else str(facts.count),
        "background": facts.background,
        "style": facts.style,
        "size": facts.size,
    }
    return {field: value for field, value in named.items() if value}


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
    (kind,) = random.choices(KINDS, [mix[name] for name in KINDS])
    if kind == "pair":
        return draw_pair(world, random)
    thing = draw_thing(world, random)
    if kind == "plain":
        return Facts((thing,))
    count = random.choice((2, 3)) if kind == "count" else 1
    color, material = draw_attribute(world, random, mix["color"], mix["material"])
    size = random.choice(SIZES) if count == 1 and random.random() < mix["size"] else ""
    style = pick(random, world.styles) if random.random() < mix["style"] else ""
    background = draw_background(world, random) if random.random() < mix["background"] else ""
    facts = Facts((thing,), color, material, size, background, style, count)
    return without_hidden(world, facts)


def without_hidden(world: World, facts: Facts) -> Facts:
    """The scene without what its style would not show: a sketch has no colors."""
    traits = world.styles[facts.style] if facts.style else {}
    color, material, background = facts.color, facts.material, facts.background
    if traits.get("bare"):
        background = ""
    if traits.get("colorless"):
        color = material = ""
        background = "" if background.startswith("plain") else background
    return Facts(facts.things, color, material, facts.size, background, facts.style, facts.count, facts.relation)


def draw_background(world: World, random: Random) -> str:
    """A named place, or now and then a plain colored ground."""
    if random.random() < 0.10:
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


def draw_pair(world: World, random: Random) -> Facts:
    """Two different things in a relation that suits both."""
    mix, relations = world.mix, world.relations
    (relation,) = random.choices(list(relations), list(relations.values()))
    if relation in SYMMETRIC:
        first = draw_thing(world, random)
        second = draw_thing(world, random)
        while second == first:
            second = draw_thing(world, random)
    else:
        firsts, seconds = suited(world, relation)
        first = random.choice(firsts)
        second = random.choice([name for name in seconds if name != first])
    color, material = draw_attribute(world, random, mix["pair_color"], mix["pair_material"])
    background = draw_background(world, random) if random.random() < mix["pair_background"] else ""
    style = pick(random, world.styles) if random.random() < mix["pair_style"] else ""
    return without_hidden(
        world, Facts((first, second), color, material, background=background, style=style, relation=relation)
    )


def vary(world: World, facts: Facts, random: Random) -> Facts:
    """The scene with another thing in the place of one of its things, held out or not."""
    place = random.randrange(len(facts.things))
    may_be = suited(world, facts.relation)[place] if facts.relation not in ("", *SYMMETRIC) else tuple(world.things)
    other = random.choice([name for name in may_be if name not in facts.things])
    return replace(facts, things=(*facts.things[:place], other, *facts.things[place + 1 :]))


def draw_thing(world: World, random: Random) -> str:
    """A thing where any will do: the more often, the less it turns up in relations."""
    shares = free_shares(world)
    return random.choices(list(shares), list(shares.values()))[0]


@cache
def free_shares(world: World) -> Mapping[str, float]:
    """How often each thing stands where any may, so that all turn up about equally often.

    A relation such as "wearing" needs the same few hats all the time, and they are drawn less for it elsewhere.
    """
    pairs = world.mix["pair"] / sum(world.mix[kind] for kind in KINDS)
    whole = sum(world.relations.values())
    bound = dict.fromkeys(world.things, 0.0)
    for relation, weight in world.relations.items():
        if relation not in SYMMETRIC:
            for names in suited(world, relation):
                for name in names:
                    bound[name] += pairs * weight / whole / len(names)
    even = (1 + pairs) / len(bound)
    return {name: max(even - often, even / 4) for name, often in bound.items()}


@cache
def suited(world: World, relation: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The things that may come first in a relation, and those that may come second."""
    things = world.things.values()
    firsts = tuple(thing.name for thing in things if can_be_first(thing, relation))
    seconds = tuple(thing.name for thing in things if can_be_second(thing, relation))
    return firsts, seconds


def can_be_first(thing: Thing, relation: str) -> bool:
    """Whether the thing may ride, wear, eat, lie on top of or stand before another."""
    match relation:
        case "riding":
            return thing.kind in LIVING
        case "wearing":
            return any(drawing.head for drawing in thing.drawings)
        case "eating":
            return thing.kind in LIVING and any(drawing.mouth for drawing in thing.drawings)
        case "on top of" | "in front of":
            return thing.kind not in ("sky", "place") and not thing.big
    return True


def can_be_second(thing: Thing, relation: str) -> bool:
    """Whether the thing may be ridden, worn, eaten, lain upon or stood before."""
    match relation:
        case "riding":
            return thing.rideable and any(drawing.seat for drawing in thing.drawings)
        case "wearing":
            return thing.worn
        case "eating":
            return thing.kind == "food"
        case "on top of":
            return any(drawing.seat for drawing in thing.drawings)
        case "in front of":
            return thing.big
    return True


def pick(random: Random, names: Iterable[str]) -> str:
    """One key of a mapping, each as likely."""
    return random.choice(list(names))
