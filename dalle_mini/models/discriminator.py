"""What a VQGAN is trained against: a score for every patch (Isola et al. 2017, arXiv 1611.07004, section 3.2.2).

As in Esser et al. 2021 (arXiv 2012.09841), but with group norms where they have batch norms, so that a picture's scores
do not depend on the rest of its batch and there are no running statistics to keep.
"""

import functools

import flax.linen as nn
import jax.numpy as jnp

from dalle_mini.arrays import Array, Float, Key, Params
from dalle_mini.config import DiscriminatorConfig

_conv = functools.partial(nn.Conv, kernel_size=(4, 4), padding=1, kernel_init=nn.initializers.normal(0.02))
_leaky = functools.partial(nn.leaky_relu, negative_slope=0.2)


class Discriminator(nn.Module):
    config: DiscriminatorConfig

    def setup(self):
        c = self.config
        widths = [c.ch * min(2**level, 8) for level in range(c.num_layers + 1)]
        self.conv_in = _conv(c.ch, strides=(2, 2))
        # The last of these convolutions keeps the resolution.
        strides = [(2, 2)] * (c.num_layers - 1) + [(1, 1)]
        self.conv = [
            _conv(width, strides=step, use_bias=False) for width, step in zip(widths[1:], strides, strict=True)
        ]
        self.norm = [nn.GroupNorm(c.norm_groups, epsilon=1e-5) for _ in strides]
        self.conv_out = _conv(1)

    def __call__(self, pixels):
        hidden = _leaky(self.conv_in(2 * pixels - 1))
        for conv, norm in zip(self.conv, self.norm, strict=True):
            hidden = _leaky(norm(conv(hidden)))
        return self.conv_out(hidden)[..., 0]


def init(key: Key[Array, ""], config: DiscriminatorConfig) -> Params:
    """Fresh float32 parameters."""
    size = config.smallest_resolution
    return Discriminator(config).init(key, jnp.zeros((1, size, size, 3)))["params"]


def score_patches(
    params: Params, config: DiscriminatorConfig, pixels: Float[Array, "batch height width 3"]
) -> Float[Array, "batch rows columns"]:
    """How real each patch looks: above 0 for real, below for drawn; `pixels` in [0, 1]."""
    return Discriminator(config).apply({"params": params}, pixels)
