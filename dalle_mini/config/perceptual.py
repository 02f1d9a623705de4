"""Sizes of a perceptual network."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dalle_mini.config.checks import MOST, MOST_LEVELS, check_sizes, check_types, known_fields, require


@dataclasses.dataclass(frozen=True)
class PerceptualConfig:
    """Sizes of the network by whose features pictures are compared.

    A stage is `num_blocks` convolutions of one of `widths` channels and works at half the resolution of the one before.
    `num_words` is how many words of captions it was trained to tell.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    num_blocks: int = 2
    num_words: int = 1024

    def __post_init__(self) -> None:
        if isinstance(self.widths, list):
            object.__setattr__(self, "widths", tuple(self.widths))
        check_types(self, "perceptual config")
        check_sizes(self)
        require(1 <= len(self.widths) <= MOST_LEVELS, "widths", self.widths, f"must be from 1 to {MOST_LEVELS}")
        require(max(self.widths) <= MOST, "widths", self.widths, f"must be at most {MOST}")

    @property
    def smallest_resolution(self) -> int:
        """Pixels along one side of a picture of which the last stage still sees one cell."""
        return 2 ** (len(self.widths) - 1)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PerceptualConfig":
        """Read the contents of a perceptual network's `config.json`."""
        return cls(**known_fields(cls, values))

    def to_dict(self) -> dict[str, Any]:
        return {"model_type": "perceptual", **dataclasses.asdict(self)}
