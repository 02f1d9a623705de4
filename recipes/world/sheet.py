"""Contact sheets of scenes, to look at.

python -m recipes.world.sheet OUT.png                      the first scenes of a seed, with captions
python -m recipes.world.sheet OUT.png --every background   one of each: background, style, material, color, relation
"""

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from random import Random

from PIL import Image

from dalle_mini.data.sheet import contact_sheet
from dalle_mini.grid import save_png
from recipes import refusal
from recipes.world.facts import Facts
from recipes.world.layout import NEEDS
from recipes.world.scenes import SIZE, SIZES, draw_as, draw_scenes
from recipes.world.world import Thing, World, load_world

EVERY = ("background", "style", "material", "color", "relation")


def examples(world: World, every: str, seed: int, copies: int) -> Iterator[tuple[str, Facts]]:
    """Facts that differ in one field, each several times with other things."""
    table = {
        "background": [*world.backgrounds, *(f"plain {color}" for color in world.colors)],
        "style": list(world.styles),
        "material": list(world.materials),
        "color": list(world.colors),
        "relation": list(world.relations),
    }
    for name in table[every]:
        for copy in range(copies):
            random = Random(f"{seed}/{name}/{copy}")
            if every == "relation":
                yield name, related(world, name, random)
                continue
            thing = random.choice([thing for thing in world.things.values() if thing.kind != "sky"])
            facts = Facts((thing.name,), background="" if every != "style" else somewhere(world, name, random))
            yield name, replace(facts, **{every: name})


def somewhere(world: World, style: str, random: Random) -> str:
    """A place where the style may be shown."""
    return "" if world.styles[style].get("bare") else random.choice(["", *world.backgrounds])


def related(world: World, relation: str, random: Random) -> Facts:
    """Two things whose drawings suit the relation."""
    first, second = NEEDS.get(relation, ("", ""))
    things = list(world.things.values())

    def able(thing: Thing, need: str) -> bool:
        return not need or any(getattr(drawing, need) is not None for drawing in thing.drawings)

    seconds = {
        "riding": lambda thing: thing.rideable,
        "wearing": lambda thing: thing.worn,
        "eating": lambda thing: thing.kind == "food",
        "in front of": lambda thing: thing.big,
    }.get(relation, lambda thing: True)
    one = random.choice([thing for thing in things if thing.kind in ("animal", "character") and able(thing, first)])
    others = [thing for thing in things if thing is not one and able(thing, second) and seconds(thing)]
    return Facts((one.name, random.choice(others).name), relation=relation, background=random.choice(PLACES))


PLACES = ("", "field", "beach", "city")


def main() -> None:
    """Write a sheet."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes.world.sheet",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=64, help="scenes, or with --every how many of each")
    parser.add_argument("--size", type=int, choices=SIZES, default=SIZE, help="pixels a side")
    parser.add_argument("--every", choices=EVERY, help="show all of a kind")
    parser.add_argument("--held-out", action="store_true", help="combinations training never sees")
    options = parser.parse_args()
    world = load_world()
    if options.every:
        copies = 4 if options.count == 64 else options.count
        captioned = [
            (f"{name}: {' '.join(facts.things)}", draw_as(world, facts, Random(f"{number}"), options.size))
            for number, (name, facts) in enumerate(examples(world, options.every, options.seed, copies))
        ]
    else:
        scenes = draw_scenes(world, options.seed, range(options.count), options.held_out, options.size)
        captioned = [(scene.caption, scene.pixels) for scene in scenes]
    with refusal.told():
        save_png(contact_sheet([(caption, Image.fromarray(pixels)) for caption, pixels in captioned]), options.out)


if __name__ == "__main__":
    main()
