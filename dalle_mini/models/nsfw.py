"""Yahoo's open NSFW network (2016), a thin ResNet-50 (He et al. 2016, arXiv 1512.03385) with two answers.

Each norm is folded into the convolution before it, so that nothing is left of them. The last layer answers "safe" and
"not safe for work", in this order.
"""

import functools

import flax.linen as nn
import jax.numpy as jnp

from dalle_mini.arrays import Array, Float, Key, Params
from dalle_mini.config.nsfw import NsfwConfig

MEAN = (123.0, 117.0, 104.0)
"""Of red, green and blue, from 0 to 255, over the pictures that the network was trained on."""

_conv1 = functools.partial(nn.Conv, kernel_size=(1, 1), padding="VALID")


class Block(nn.Module):
    """A narrow 3 × 3 convolution between two of 1 × 1, beside a shortcut; the first takes every `stride`-th cell."""

    width: int
    channels: int
    stride: int
    projects: bool

    def setup(self):
        self.conv_1 = _conv1(self.width, strides=self.stride)
        self.conv_2 = nn.Conv(self.width, (3, 3), padding=1)
        self.conv_3 = _conv1(self.channels)
        if self.projects:
            self.shortcut = _conv1(self.channels, strides=self.stride)

    def __call__(self, x):
        hidden = nn.relu(self.conv_1(x))
        hidden = self.conv_3(nn.relu(self.conv_2(hidden)))
        return nn.relu(hidden + (self.shortcut(x) if self.projects else x))


class NsfwNetwork(nn.Module):
    config: NsfwConfig

    def setup(self):
        self.stem = nn.Conv(self.config.stem_width, (7, 7), strides=2, padding=3)
        sizes = zip(self.config.widths, self.config.channels, self.config.depths, strict=True)
        self.stage = [
            nn.Sequential([Block(width, channels, *_place(stage, block)) for block in range(depth)])
            for stage, (width, channels, depth) in enumerate(sizes)
        ]
        self.head = nn.Dense(2)

    def __call__(self, pixels):
        # The published weights read blue first.
        hidden = (255 * pixels - jnp.asarray(MEAN))[..., ::-1]
        # Quirk: windows of the pooling start at the first cell, and only the last one sticks out.
        hidden = nn.max_pool(nn.relu(self.stem(hidden)), (3, 3), (2, 2), padding=((0, 1), (0, 1)))
        for stage in self.stage:
            hidden = stage(hidden)
        return self.head(hidden.mean((1, 2)))


def _place(stage: int, block: int) -> tuple[int, bool]:
    """Stride, and whether the shortcut is a projection: the first block of every stage but the first halves."""
    return (2 if stage and not block else 1), not block


def init(key: Key[Array, ""], config: NsfwConfig) -> Params:
    """Fresh float32 parameters."""
    pixels = jnp.zeros((1, config.image_size, config.image_size, 3))
    return NsfwNetwork(config).init(key, pixels)["params"]


def score(params: Params, config: NsfwConfig, pixels: Float[Array, "images size size 3"]) -> Float[Array, "images"]:
    """How likely each picture is not safe for work, from 0 to 1; `pixels` in [0, 1]."""
    return nn.softmax(NsfwNetwork(config).apply({"params": params}, pixels))[:, 1]
