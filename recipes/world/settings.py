"""A run's part of the world: pixels a side, things and art sets, from options or a file like nano's `world.toml`."""

import argparse
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from dalle_mini.errors import ConfigError
from recipes.world.scenes import SIZE, SIZES
from recipes.world.world import CHOICES, EVERYTHING, SETS, WorldConfig


@dataclass(frozen=True)
class Settings:
    """`size` is the pixels a side of the pictures."""

    size: int = SIZE
    config: WorldConfig = EVERYTHING

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            hint = f"choose one of {', '.join(map(str, SIZES))}"
            raise ConfigError(f"pictures of {self.size!r} pixels a side are not drawn", hint=hint)


def read_settings(path: Path) -> Settings:
    """The settings in a file of `size`, `things` and `sets`; ConfigError if it has anything else."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read {path}: {error.strerror}", hint="check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    if table.keys() != {"size", "things", "sets"}:
        raise ConfigError(f"{path} has {', '.join(table) or 'nothing'}", hint="give it size, things and sets")
    return Settings(table["size"], WorldConfig(table["things"], table["sets"]))


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options that `choose` reads."""
    parser.add_argument("--world", type=Path, metavar="FILE", help="size, things and sets from a file instead")
    parser.add_argument("--size", type=int, choices=SIZES, default=SIZE, help="pixels a side")
    parser.add_argument("--things", choices=CHOICES, default=EVERYTHING.things, help="which things there are")
    parser.add_argument("--sets", default=",".join(SETS), help="art sets, with commas between")
    parser.add_argument("--pairs", type=float, metavar="SHARE", help="share of scenes with two things")


def choose(options: argparse.Namespace) -> Settings:
    """What was chosen; ConfigError if there is no such thing."""
    if options.world:
        settings = read_settings(options.world)
        return replace(settings, config=replace(settings.config, pairs=options.pairs))
    return Settings(options.size, WorldConfig(options.things, tuple(options.sets.split(",")), options.pairs))
