"""Sizes of the residual network of convolutions that judges, and CLIPs that are made for it, see with."""

import dataclasses
from typing import Any

from dalle_mini.errors import ConfigError

_MOST_STAGES, _MOST_BLOCKS, _MOST_WIDTH, _MOST_PATCH = 8, 32, 4096, 64


@dataclasses.dataclass(frozen=True)
class ResidualConfig:
    """Pictures are cut into squares of `patch_size` pixels; stage i has `depths[i]` residual blocks of `widths[i]`
    channels and works at half the resolution of the one before."""

    patch_size: int = 4
    widths: tuple[int, ...] = (64, 128, 256)
    depths: tuple[int, ...] = (2, 2, 2)

    def __post_init__(self) -> None:
        for name, most in (("widths", _MOST_WIDTH), ("depths", _MOST_BLOCKS)):
            sizes = getattr(self, name)
            if not isinstance(sizes, list | tuple) or not sizes or not all(is_size(size, most) for size in sizes):
                raise ConfigError(f"{name}={sizes!r} must be whole numbers from 1 to {most}")
            object.__setattr__(self, name, tuple(sizes))
        if not is_size(self.patch_size, _MOST_PATCH):
            raise ConfigError(f"patch_size={self.patch_size!r} must be a whole number from 1 to {_MOST_PATCH}")
        if len(self.widths) != len(self.depths) or len(self.widths) > _MOST_STAGES:
            raise ConfigError(
                f"widths={self.widths!r} and depths={self.depths!r} must be as many, at most {_MOST_STAGES}"
            )

    @property
    def smallest_resolution(self) -> int:
        """Pixels along one side of what the last stage sees as one cell."""
        return self.patch_size * 2 ** (len(self.widths) - 1)

    @property
    def num_features(self) -> int:
        """How many numbers it makes of a picture: means of every stage, and maxima of the last."""
        return sum(self.widths) + self.widths[-1]

    def check_resolution(self, resolution: Any, hint: str) -> None:
        """ConfigError if pictures of `resolution` pixels a side do not divide into such cells."""
        if not is_size(resolution, 4096) or resolution % self.smallest_resolution:
            raise ConfigError(
                f"pictures of {resolution!r} pixels a side do not divide by {self.smallest_resolution}, "
                "the patch times two for every further stage",
                hint=hint,
            )


def is_size(value: Any, most: int) -> bool:
    """Whether it is a whole number from 1 to `most`."""
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= most
