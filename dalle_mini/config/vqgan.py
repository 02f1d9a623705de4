"""Sizes of a VQGAN, and of the discriminator that it is trained against."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dalle_mini.config.checks import MOST_LEVELS, check_sizes, check_types, known_fields, require
from dalle_mini.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class VQGANConfig:
    """Sizes of a VQGAN, named as in the published file; `n_embed` rows of width `embed_dim` form the codebook.

    Two fields are ours, for small models. `patch_size` (1 in every published file): squares of that many pixels become
    channels before the first convolution and pixels again after the last, so that arithmetic is spent on coarse cells.
    `norm_groups` (32 in every published file): with few channels, fewer groups. The `decoder_` fields give the decoder
    other sizes than the encoder has; None is the same.
    """

    ch: int = 128
    ch_mult: tuple[int, ...] = (1, 1, 2, 2, 4)
    num_res_blocks: int = 2
    attn_resolutions: tuple[int, ...] = (16,)
    resolution: int = 256
    in_channels: int = 3
    out_ch: int = 3
    z_channels: int = 256
    embed_dim: int = 256
    n_embed: int = 16384
    resamp_with_conv: bool = True
    patch_size: int = 1
    norm_groups: int = 32
    decoder_ch: int | None = None
    decoder_ch_mult: tuple[int, ...] | None = None
    decoder_patch_size: int | None = None

    def __post_init__(self) -> None:
        for name in ("ch_mult", "attn_resolutions", "decoder_ch_mult"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        check_types(self, "VQGAN config")
        check_sizes(self)
        require(
            1 <= len(self.ch_mult) <= MOST_LEVELS,
            "ch_mult",
            self.ch_mult,
            f"must have from 1 to {MOST_LEVELS} levels",
        )
        require(self.ch % self.norm_groups == 0, "ch", self.ch, f"must divide by norm_groups={self.norm_groups}")
        require(
            self.resolution % self.downsampling == 0,
            "resolution",
            self.resolution,
            f"must divide by {self.downsampling}",
        )
        if self.decoder_sizes != self:
            made = self.decoder_sizes.downsampling
            require(made == self.downsampling, "decoder_patch_size", self.decoder_patch_size, self._mismatch(made))

    def _mismatch(self, made: int) -> str:
        return f"makes cells of {made} pixels with these decoder_ch_mult, the encoder reads {self.downsampling}"

    @property
    def decoder_sizes(self) -> "VQGANConfig":
        """The sizes that the decoder is built with, in the fields that the encoder reads."""
        if self.decoder_ch is self.decoder_ch_mult is self.decoder_patch_size is None:
            return self
        return dataclasses.replace(
            self,
            ch=self.decoder_ch or self.ch,
            ch_mult=self.decoder_ch_mult or self.ch_mult,
            patch_size=self.decoder_patch_size or self.patch_size,
            decoder_ch=None,
            decoder_ch_mult=None,
            decoder_patch_size=None,
        )

    @property
    def downsampling(self) -> int:
        """Pixels along one side of a latent cell."""
        return self.patch_size * 2 ** (len(self.ch_mult) - 1)

    @property
    def codebook_size(self) -> int:
        return self.n_embed

    @property
    def image_length(self) -> int:
        """Tokens of a picture at the resolution the VQGAN was trained for."""
        return (self.resolution // self.downsampling) ** 2

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "VQGANConfig":
        """Read the contents of a VQGAN's `config.json`; variants that are not built are refused by name."""
        refused = [f"{name}={values[name]!r}" for name in ("double_z", "give_pre_end") if values.get(name)]
        if refused:
            raise ConfigError(f"{', '.join(refused)}: not supported", hint="use the published VQGAN's layout")
        return cls(**known_fields(cls, values))

    def to_dict(self) -> dict[str, Any]:
        return {"model_type": "vqgan", "num_resolutions": len(self.ch_mult), **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of the discriminator that a VQGAN is trained against; the defaults are those of its paper.

    Each of `num_layers` convolutions halves the resolution and doubles the `ch` channels of the first, up to eightfold.
    """

    ch: int = 64
    num_layers: int = 3
    norm_groups: int = 32

    def __post_init__(self) -> None:
        check_types(self, "discriminator config")
        check_sizes(self)
        require(self.num_layers <= MOST_LEVELS, "num_layers", self.num_layers, f"must be at most {MOST_LEVELS}")
        require(self.ch % self.norm_groups == 0, "ch", self.ch, f"must divide by norm_groups={self.norm_groups}")

    @property
    def smallest_resolution(self) -> int:
        """Pixels along one side of a picture of which one patch can be judged."""
        return 3 * 2**self.num_layers
