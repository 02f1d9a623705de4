"""Pictures changed at random in ways that keep their captions true."""

import dataclasses

import jax
import jax.numpy as jnp

from dalle_mini.arrays import Array, Float, Key
from dalle_mini.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class AugmentationConfig:
    """`smallest_crop` is the least share of a side that is left, enlarged to the whole; half of the pictures are
    mirrored if `mirror`. Brightness, contrast and saturation change by up to the share `color`."""

    smallest_crop: float = 0.7
    mirror: bool = True
    color: float = 0.2

    def __post_init__(self) -> None:
        if not 0 < self.smallest_crop <= 1:
            raise ConfigError(f"augmentation.smallest_crop={self.smallest_crop!r} must be above 0 and at most 1")
        if not 0 <= self.color < 1:
            raise ConfigError(f"augmentation.color={self.color!r} must be from 0 to below 1")


def augment(
    key: Key[Array, ""], pixels: Float[Array, "batch height width 3"], config: AugmentationConfig
) -> Float[Array, "batch height width 3"]:
    """Every picture changed by its own draws; `pixels` in [0, 1], and so the result."""
    keys = jax.random.split(key, len(pixels))
    return jax.vmap(lambda key, picture: _change(key, picture, config))(keys, pixels)


def _change(key, picture: Float[Array, "height width 3"], config: AugmentationConfig):
    mirror, crop, color = jax.random.split(key, 3)
    if config.mirror:
        picture = jnp.where(jax.random.bernoulli(mirror), picture[:, ::-1], picture)
    return jnp.clip(recolor(color, _crop(crop, picture, config.smallest_crop), config.color), 0, 1)


def _crop(key, picture, smallest: float):
    draws = jax.random.uniform(key, (3,))
    share = smallest + (1 - smallest) * draws[0]
    size = jnp.array(picture.shape[:2])
    start = draws[1:] * (1 - share) * size
    scale = jnp.full(2, 1 / share)
    return jax.image.scale_and_translate(picture, picture.shape, (0, 1), scale, -start * scale, "linear")


def recolor(key, picture, most: float):
    """A picture whose brightness, contrast and saturation change by up to the share `most`, not clipped."""
    brightness, contrast, saturation = jax.random.uniform(key, (3,), minval=1 - most, maxval=1 + most)
    picture = picture * brightness
    picture = _pull(picture, picture.mean(), contrast)
    return _pull(picture, picture.mean(-1, keepdims=True), saturation)


def _pull(picture, center, factor):
    return center + (picture - center) * factor
