"""The world as data: its things and their drawings, its looks, its words, and how often it shows what."""

import tomllib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from PIL import Image

from dalle_mini.errors import ConfigError
from recipes.world.packs import unpack

HERE = Path(__file__).parent
SETS = ("noto", "flat", "3d", "twemoji")
CHOICES = ("all", "popular")
KINDS = ("single", "plain", "count", "pair")
"""Of scenes, as `[mix]` calls them."""
TRAITS = ("colors", "materials", "backgrounds", "styles")


@dataclass(frozen=True)
class WorldConfig:
    """Which things there are, in which art sets they are drawn, and which share of the scenes holds two of them."""

    things: str = "all"  # or "popular": the 128 that people ask for most
    sets: tuple[str, ...] = SETS
    pairs: float | None = None  # the share of `world.toml` where None

    def __post_init__(self) -> None:
        if self.things not in CHOICES:
            raise ConfigError(f"things is {self.things!r}", hint=f"choose one of {', '.join(CHOICES)}")
        if isinstance(self.sets, str) or not self.sets:
            raise ConfigError(f"sets is {self.sets!r}", hint=f"give a list with some of {', '.join(SETS)}")
        object.__setattr__(self, "sets", tuple(self.sets))
        unknown = [name for name in self.sets if name not in SETS]
        if unknown:
            raise ConfigError(f"no art set is called {unknown[0]!r}", hint=f"choose some of {', '.join(SETS)}")
        if len(set(self.sets)) < len(self.sets):
            raise ConfigError(f"sets has a name twice: {', '.join(self.sets)}", hint="name each art set once")
        if self.pairs is not None and not 0 <= self.pairs < 1:
            raise ConfigError(f"a share of {self.pairs} of the scenes can't be pairs", hint="give 0 to 0.99")


EVERYTHING = WorldConfig()


@dataclass(frozen=True)
class Drawing:
    """One picture of a thing, and the places where others touch it.

    `head` (x, y, width), `seat` and `mouth` (x, y) are fractions of the drawing without its margins, and so is `brim`,
    the height at which the lower edge of a hat lies; only straps and tassels hang below it.
    """

    name: str
    head: tuple[float, float, float] | None = None
    seat: tuple[float, float] | None = None
    mouth: tuple[float, float] | None = None
    brim: float = 1.0


@dataclass(frozen=True)
class Thing:
    """One noun: its drawings, its words (the first is the plain one), and what may be done with it."""

    name: str
    drawings: tuple[Drawing, ...]
    words: tuple[str, ...]
    emoji: str
    kind: str
    floats: bool = False
    rideable: bool = False
    worn: bool = False
    big: bool = False
    popular: bool = False


@dataclass(frozen=True, eq=False)
class World:
    """Everything that a scene may hold; the mappings keep the order of the files."""

    things: Mapping[str, Thing]
    colors: Mapping[str, Mapping[str, Any]]
    materials: Mapping[str, Mapping[str, Any]]
    backgrounds: Mapping[str, Mapping[str, Any]]
    styles: Mapping[str, Mapping[str, Any]]
    plurals: Mapping[str, str]
    relations: Mapping[str, float]
    mix: Mapping[str, float]
    held_out: Mapping[str, float]
    sprites: Mapping[str, Image.Image]


def read_table(name: str) -> dict[str, Any]:
    """One of the TOML files beside this."""
    return tomllib.loads((HERE / name).read_text(encoding="utf-8"))


def read_things(config: WorldConfig, words: Mapping[str, list[str]]) -> dict[str, Thing]:
    """The chosen things that have a drawing in the chosen sets."""
    things = {}
    for name, table in read_table("things.toml").items():
        thing = read_thing(name, table, config.sets, words.get(name, [name]))
        if thing.drawings and (thing.popular or config.things == "all"):
            things[name] = thing
    return things


def read_thing(name: str, table: Mapping[str, Any], sets: Collection[str], words: Iterable[str]) -> Thing:
    """One entry of the table of things, with its drawings in the sets."""
    traits = {key: value for key, value in table.items() if key != "drawings"}
    chosen = {drawing: places for drawing, places in table["drawings"].items() if drawing.split("/")[0] in sets}
    drawings = (read_drawing(drawing, places) for drawing, places in chosen.items())
    return Thing(name=name, drawings=tuple(drawings), words=tuple(words), **traits)


def read_sprites(things: Iterable[Thing]) -> dict[str, Image.Image]:
    """The things' drawings by name, cut to what is visible."""
    sprites = {}
    names = [drawing.name.split("/") for thing in things for drawing in thing.drawings]
    for art in sorted({art for art, _ in names}):
        pictures = unpack(HERE / "drawings" / f"{art}.zip", [name for of, name in names if of == art])
        sprites |= {f"{art}/{name}": picture for name, picture in pictures.items()}
    return sprites


def read_drawing(name: str, places: Mapping[str, Any]) -> Drawing:
    """A drawing with the places where others touch it."""
    fields: dict[str, Any] = {}
    for place, at in places.items():
        fields[place] = tuple(at) if isinstance(at, list) else at
    return Drawing(name=name, **fields)


def merged(looks: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """How each of the names looks, together with how it is said."""
    return {name: {**looks.get(name, {}), **words.get(name, {})} for name in {**looks, **words}}


def read_mix(mix: Mapping[str, float], pairs: float | None) -> dict[str, float]:
    """`[mix]`, with a share `pairs` of pairs; the other kinds keep their proportions."""
    if pairs is None:
        return dict(mix)
    others = sum(mix[kind] for kind in KINDS if kind != "pair")
    return {**mix, "pair": others * pairs / (1 - pairs)}


@cache
def load_world(config: WorldConfig = EVERYTHING) -> World:
    """Read the part of the world beside this file that `config` chooses."""
    table, looks, words = (read_table(f"{name}.toml") for name in ("world", "looks", "words"))
    things = read_things(config, words["things"])
    return World(
        things=things,
        sprites=read_sprites(things.values()),
        plurals=words["plurals"],
        relations=table["relations"],
        mix=read_mix(table["mix"], config.pairs),
        held_out=table["held_out"],
        **{trait: merged(looks[trait], words[trait]) for trait in TRAITS},
    )
