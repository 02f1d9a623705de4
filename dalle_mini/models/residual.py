"""A residual network of convolutions (He et al. 2016, arXiv 1603.05027, norms before convolutions): a picture becomes
one vector.

Norms are over the channels of one place, so the vector does not depend on the rest of a batch. Left out: attention.
"""

import functools
from collections.abc import Sequence

import flax.linen as nn
import jax.numpy as jnp

from dalle_mini.arrays import Array, Float
from dalle_mini.config.residual import ResidualConfig
from dalle_mini.models.pooling import strongest

_norm = functools.partial(nn.LayerNorm, epsilon=1e-5)
_conv3 = functools.partial(nn.Conv, kernel_size=(3, 3), padding=1, kernel_init=nn.initializers.he_normal())


class Block(nn.Module):
    """Two convolutions beside a shortcut; a fresh block changes nothing."""

    channels: int

    def setup(self):
        self.norm_1, self.norm_2 = _norm(), _norm()
        self.conv_1 = _conv3(self.channels)
        self.conv_2 = _conv3(self.channels, kernel_init=nn.initializers.zeros)

    def __call__(self, x):
        hidden = self.conv_1(nn.gelu(self.norm_1(x)))
        return x + self.conv_2(nn.gelu(self.norm_2(hidden)))


class Stage(nn.Module):
    """Pictures cut into squares of `stride` cells, then the blocks that work at that resolution."""

    channels: int
    num_blocks: int
    stride: int

    def setup(self):
        size = (self.stride, self.stride)
        self.cut = nn.Conv(self.channels, size, size, padding="VALID", kernel_init=nn.initializers.he_normal())
        self.block = [Block(self.channels) for _ in range(self.num_blocks)]
        self.norm = _norm()

    def __call__(self, x):
        hidden = self.cut(x)
        for block in self.block:
            hidden = block(hidden)
        return self.norm(hidden)


def build_stages(config: ResidualConfig) -> list[Stage]:
    strides = [config.patch_size] + [2] * (len(config.widths) - 1)
    return [Stage(*each) for each in zip(config.widths, config.depths, strides, strict=True)]


def look(stages: Sequence[Stage], pixels: Float[Array, "batch height width 3"]) -> Float[Array, "batch features"]:
    """What the stages make of pictures, `pixels` in [0, 1]: means of every stage tell styles and colors, maxima of the
    last one things of a few cells."""
    hidden, pooled = 2 * pixels - 1, []
    for stage in stages:
        hidden = stage(hidden)
        pooled.append(hidden.mean((1, 2)))
    return jnp.concatenate([*pooled, strongest(hidden)], axis=-1)
