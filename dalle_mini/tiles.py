"""Which prompts the pictures of a grid are drawn from: all from one, each from its own, or between two."""

import dataclasses
from collections.abc import Iterable

from dalle_mini.config import Way
from dalle_mini.errors import ConfigError
from dalle_mini.templates import expand_template, fill_grid


@dataclasses.dataclass(frozen=True)
class Tile:
    """What one picture is drawn from: `prompt`, and by a `share` from 0 to 1 the `other` prompt.

    `label` tells it from its neighbors, and is empty where all are of one prompt.
    """

    prompt: str
    label: str = ""
    other: str = ""
    share: float = 0.0

    @property
    def shares(self) -> dict[str, float]:
        """Prompts and how much of each; they add up to 1."""
        if self.share == 0 or self.other == self.prompt:
            return {self.prompt: 1.0}
        if self.share == 1:
            return {self.other: 1.0}
        return {self.prompt: 1 - self.share, self.other: self.share}

    @property
    def words(self) -> str:
        """The prompt, or both with an arrow between."""
        return " → ".join(self.shares)


def plan_tiles(prompt: str, way: Way, *, images: int) -> tuple[Tile, ...]:
    """The tiles of a grid of so many pictures; PromptError for templates that can't be read or make too many."""
    if way.template:
        return tuple(
            Tile(variant.prompt, variant.label) for variant in fill_grid(expand_template(prompt), images=images)
        )
    if not way.morph_to:
        return (Tile(prompt),) * images
    if way.morph_share is not None:
        return (_morph(prompt, way.morph_to, way.morph_share),) * images
    if images == 1:
        raise ConfigError("one picture can't go from one prompt to another", hint="draw more, or give a morph_share")
    return tuple(_morph(prompt, way.morph_to, place / (images - 1)) for place in range(images))


def list_prompts(tiles: Iterable[Tile]) -> tuple[str, ...]:
    """Every different prompt once, in the order of the tiles."""
    return tuple(dict.fromkeys(prompt for tile in tiles for prompt in tile.shares))


def _morph(prompt: str, other: str, share: float) -> Tile:
    return Tile(prompt, {0.0: prompt, 1.0: other}.get(share, f"{share:.0%}"), other, share)
