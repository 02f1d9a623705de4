"""Sizes of the network that tells pictures which are not safe for work."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dalle_mini.config.checks import MOST, MOST_LEVELS, check_sizes, check_types, known_fields, require

_WIDER, _MOST_BLOCKS = 4, 100


@dataclasses.dataclass(frozen=True)
class NsfwConfig:
    """Sizes of a thin ResNet-50; the defaults are the published network's.

    Stage i has `depths[i]` blocks, which narrow to `widths[i]` channels and widen four times; each stage but the first
    works at half the resolution of the one before. Pictures have `image_size` pixels a side.
    """

    image_size: int = 224
    stem_width: int = 64
    widths: tuple[int, ...] = (32, 64, 128, 256)
    depths: tuple[int, ...] = (3, 4, 6, 3)

    def __post_init__(self) -> None:
        for name in ("widths", "depths"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        check_types(self, "NSFW config")
        check_sizes(self)
        for name, most in (("widths", MOST), ("depths", _MOST_BLOCKS)):
            sizes = getattr(self, name)
            require(1 <= len(sizes) <= MOST_LEVELS, name, sizes, f"must be from 1 to {MOST_LEVELS}")
            require(max(sizes) <= most, name, sizes, f"must be at most {most}")
        require(len(self.widths) == len(self.depths), "depths", self.depths, f"must be as many as widths={self.widths}")

    @property
    def channels(self) -> tuple[int, ...]:
        """What each stage hands on."""
        return tuple(_WIDER * width for width in self.widths)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "NsfwConfig":
        """Read the contents of such a network's `config.json`."""
        return cls(**known_fields(cls, values))

    def to_dict(self) -> dict[str, Any]:
        return {"model_type": "nsfw", **dataclasses.asdict(self)}
