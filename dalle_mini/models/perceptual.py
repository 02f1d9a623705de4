"""How unlike two pictures look to a convolutional network (Zhang et al. 2018, arXiv 1801.03924, section 3).

The network is VGG-like (Simonyan and Zisserman 2015, arXiv 1409.1556) and is trained by `training/features.py` to tell
the words of captions. Means instead of maxima between its stages keep gradients smooth, and norms over the channels of
one place let it train without batch statistics. Left out: the learned weights of channels.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from dalle_mini.arrays import Array, Float, Key, Params
from dalle_mini.config import PerceptualConfig
from dalle_mini.models.pooling import strongest

_conv = functools.partial(nn.Conv, kernel_size=(3, 3), padding=1, kernel_init=nn.initializers.he_normal())


class Stage(nn.Module):
    """Convolutions at one resolution, each followed by a norm over channels and a ReLU."""

    channels: int
    num_blocks: int

    def setup(self):
        self.conv = [_conv(self.channels) for _ in range(self.num_blocks)]
        self.norm = [nn.LayerNorm(epsilon=1e-5) for _ in range(self.num_blocks)]

    def __call__(self, x):
        for conv, norm in zip(self.conv, self.norm, strict=True):
            x = nn.relu(norm(conv(x)))
        return x


class PerceptualNetwork(nn.Module):
    config: PerceptualConfig

    def setup(self):
        self.stage = [Stage(width, self.config.num_blocks) for width in self.config.widths]
        self.head = nn.Dense(self.config.num_words, kernel_init=nn.initializers.zeros)

    def features(self, pixels):
        hidden, seen = 2 * pixels - 1, []
        for index, stage in enumerate(self.stage):
            hidden = stage(hidden if index == 0 else nn.avg_pool(hidden, (2, 2), (2, 2)))
            seen.append(hidden)
        return seen

    def __call__(self, pixels):
        seen = self.features(pixels)
        # Means of every stage, so that each learns from the start; maxima of the last, for things of a few cells.
        pooled = [stage.mean((1, 2)) for stage in seen] + [strongest(seen[-1])]
        return self.head(jnp.concatenate(pooled, axis=-1))


def init(key: Key[Array, ""], config: PerceptualConfig) -> Params:
    """Fresh float32 parameters."""
    size = config.smallest_resolution
    return PerceptualNetwork(config).init(key, jnp.zeros((1, size, size, 3)))["params"]


def word_logits(
    params: Params, config: PerceptualConfig, pixels: Float[Array, "batch height width 3"]
) -> Float[Array, "batch words"]:
    """How likely each word is to be in the caption; `pixels` in [0, 1]."""
    return PerceptualNetwork(config).apply({"params": params}, pixels)


def features(
    params: Params, config: PerceptualConfig, pixels: Float[Array, "batch height width 3"]
) -> list[Float[Array, "batch _ _ _"]]:
    """What every stage sees, from fine to coarse."""
    return PerceptualNetwork(config).apply({"params": params}, pixels, method="features")


def distance(
    params: Params,
    config: PerceptualConfig,
    pixels: Float[Array, "batch height width 3"],
    others: Float[Array, "batch height width 3"],
) -> Float[Array, "batch"]:
    """How unlike pictures look, from 0 to 4.

    Features of a place are scaled to length one; their squared distance is averaged over places, then over stages.
    """
    pairs = zip(features(params, config, pixels), features(params, config, others), strict=True)
    return jnp.mean(jnp.stack([_stage_distance(one, other) for one, other in pairs]), axis=0)


def _stage_distance(one, other):
    return jnp.sum((_unit(one) - _unit(other)) ** 2, axis=-1).mean((1, 2))


def _unit(features):
    """Vectors of length one; inside the root, for a gradient at nothing."""
    squared = jnp.sum(features.astype(jnp.float32) ** 2, axis=-1, keepdims=True)
    return features * jax.lax.rsqrt(squared + 1e-10)
