"""The judge: one residual convolutional network (He et al. 2016, arXiv 1603.05027, norms before convolutions) that
answers several questions about a picture, each by a head of its own.

Norms are over the channels of one place, so an answer does not depend on the rest of a batch. Left out: attention.
"""

import functools

import flax.linen as nn
import jax.numpy as jnp

from dalle_mini.arrays import Array, Float, Key, Params
from dalle_mini.config.judge import JudgeConfig
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


class JudgeModel(nn.Module):
    config: JudgeConfig

    def setup(self):
        network = self.config.network
        strides = [network.patch_size] + [2] * (len(network.widths) - 1)
        sizes = zip(network.widths, network.depths, strides, strict=True)
        self.stage = [Stage(*each) for each in sizes]
        # Zeros, so that a run starts by weighing all answers alike.
        self.head = {
            field.name: nn.Dense(len(field.classes), kernel_init=nn.initializers.zeros) for field in self.config.fields
        }

    def __call__(self, pixels):
        hidden, pooled = 2 * pixels - 1, []
        for stage in self.stage:
            hidden = stage(hidden)
            pooled.append(hidden.mean((1, 2)))
        # Means of every stage tell styles and colors, maxima of the last one things of a few cells.
        seen = jnp.concatenate([*pooled, strongest(hidden)], axis=-1)
        return {name: head(seen) for name, head in self.head.items()}


def init(key: Key[Array, ""], config: JudgeConfig) -> Params:
    """Fresh float32 parameters."""
    pixels = jnp.zeros((1, config.resolution, config.resolution, 3))
    return JudgeModel(config).init(key, pixels)["params"]


def answer(
    params: Params, config: JudgeConfig, pixels: Float[Array, "batch height width 3"]
) -> dict[str, Float[Array, "batch _"]]:
    """Logits of the classes of every field; `pixels` in [0, 1]."""
    return JudgeModel(config).apply({"params": params}, pixels)
