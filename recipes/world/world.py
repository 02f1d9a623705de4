"""The world as data: its things and their drawings, its looks, its words, and how often it shows what."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
TRAITS = ("colors", "materials", "backgrounds", "styles")


@dataclass(frozen=True)
class Drawing:
    """One picture of a thing, and the places where others touch it.

    `head` (x, y, width), `seat` and `mouth` (x, y) are fractions of the drawing without its margins.
    """

    name: str
    head: tuple[float, float, float] | None = None
    seat: tuple[float, float] | None = None
    mouth: tuple[float, float] | None = None


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


def read_thing(name: str, table: Mapping[str, Any], words: Mapping[str, list[str]]) -> Thing:
    """One entry of the table of things; without words it is called by its name."""
    fields = {key: value for key, value in table.items() if key != "drawings"}
    drawings = tuple(
        Drawing(drawing, **{place: tuple(point) for place, point in places.items()})
        for drawing, places in table["drawings"].items()
    )
    return Thing(name=name, drawings=drawings, words=tuple(words.get(name, [name])), **fields)


def merged(looks: Mapping[str, Any], words: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """How each of the names looks, together with how it is said."""
    return {name: {**looks.get(name, {}), **words.get(name, {})} for name in {**looks, **words}}


def read_sprites(path: Path) -> dict[str, Image.Image]:
    """The drawings by name, cut to what is visible."""
    with np.load(path, allow_pickle=False) as archive:
        pictures = {
            str(name): Image.fromarray(pixels) for name, pixels in zip(archive["names"], archive["pixels"], strict=True)
        }
    return {name: picture.crop(picture.getbbox()) for name, picture in pictures.items()}


@cache
def load_world() -> World:
    """Read the world that lies beside this file."""
    table, looks, words = (read_table(f"{name}.toml") for name in ("world", "looks", "words"))
    sprites = read_sprites(HERE / "sprites.npz")
    things = {name: read_thing(name, entry, words["things"]) for name, entry in read_table("things.toml").items()}
    drawn = {
        name: replace(thing, drawings=tuple(d for d in thing.drawings if d.name in sprites))
        for name, thing in things.items()
    }
    return World(
        things={name: thing for name, thing in drawn.items() if thing.drawings},
        sprites=sprites,
        plurals=words["plurals"],
        relations=table["relations"],
        mix=table["mix"],
        held_out=table["held_out"],
        **{trait: merged(looks[trait], words[trait]) for trait in TRAITS},
    )
