"""The world as data: the table of `world.toml` and the drawings of `sprites.npz`."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Thing:
    """One noun: its drawings, its names and the places where others touch it.

    `head` (x, y, width) and `seat` (x, y) are fractions of the drawing without its margins.
    """

    name: str
    sprites: tuple[str, ...]
    words: tuple[str, ...]
    kind: str
    emoji: str
    floats: bool = False
    rideable: bool = False
    big: bool = False
    head: tuple[float, float, float] | None = None
    seat: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class World:
    """Everything that a scene may hold; the mappings keep the order of `world.toml`."""

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


def read_thing(name: str, table: Mapping[str, Any]) -> Thing:
    """One entry of the table of things, its lists as tuples."""
    fields: dict[str, Any] = {}
    for key, value in table.items():
        fields[key] = tuple(value) if isinstance(value, list) else value
    return Thing(name=name, **fields)


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
    table = tomllib.loads((HERE / "world.toml").read_text(encoding="utf-8"))
    things = {name: read_thing(name, entry) for name, entry in table["things"].items()}
    return World(
        things=things,
        sprites=read_sprites(HERE / "sprites.npz"),
        colors=table["colors"],
        materials=table["materials"],
        backgrounds=table["backgrounds"],
        styles=table["styles"],
        plurals=table["plurals"],
        relations=table["relations"],
        mix=table["mix"],
        held_out=table["held_out"],
    )
