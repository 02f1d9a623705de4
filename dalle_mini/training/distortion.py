"""Pictures made worse at random in the ways that a model's pictures are worse than real ones, labels kept true.

Colors keep their hue, for colors are among what is asked. Every picture draws its own strengths, from none to the most.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from dalle_mini.arrays import Array, Float, Key
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.training.augmentation import recolor

_CELL = 8


@dataclasses.dataclass(frozen=True)
class DistortionConfig:
    """The most of each kind; 0 is none of it.

    `shift` and `scale` are shares of a side, the edge repeated; half of the pictures are mirrored if `mirror`.
    `color` changes brightness, contrast and saturation by that share. `blur` is a deviation in pixels. `cells` is the
    share of the finer frequencies that squares of 8 pixels lose, as in pictures of few tokens, and `unrest` the
    deviation of what is added to the others. `noise` is a deviation, pixels being in [0, 1]. `cut_out` is the side of a
    square painted over, as a share. A share `untouched` of the pictures is left as it is.
    """

    shift: float = 0.1
    scale: float = 0.15
    mirror: bool = True
    color: float = 0.2
    blur: float = 1.2
    cells: float = 0.85
    unrest: float = 0.03
    noise: float = 0.05
    cut_out: float = 0.2
    untouched: float = 0.2

    def __post_init__(self) -> None:
        for name in ("blur", "unrest", "noise"):
            if not 0 <= getattr(self, name) <= 16:
                raise ConfigError(f"distortion.{name}={getattr(self, name)!r} must be from 0 to 16")
        for name in ("shift", "scale", "color", "cells", "cut_out", "untouched"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"distortion.{name}={getattr(self, name)!r} must be from 0 to below 1")


def require_cells(size: int) -> None:
    """DataError if pictures of `size` pixels a side do not divide into the squares that `distort` coarsens."""
    if size % _CELL:
        raise DataError(
            f"pictures of {size} pixels a side do not divide by {_CELL}", hint="build them at 64, 96 or 128"
        )


def distort(
    key: Key[Array, ""], pixels: Float[Array, "batch height width 3"], config: DistortionConfig
) -> Float[Array, "batch height width 3"]:
    """Every picture distorted by its own draws; `pixels` in [0, 1], and so the result. Sides must divide by 8."""
    keys = jax.random.split(key, len(pixels))
    return jax.vmap(functools.partial(_distort, config=config))(keys, pixels)


def _distort(key, picture, *, config: DistortionConfig):
    keys = iter(jax.random.split(key, 9))
    changed = _mirror(next(keys), picture) if config.mirror else picture
    changed = _move(next(keys), changed, config.shift, config.scale)
    changed = recolor(next(keys), changed, config.color)
    changed = _cut_out(next(keys), changed, config.cut_out)
    changed = _blur(next(keys), changed, config.blur)
    changed = _coarsen(next(keys), changed, config.cells, config.unrest)
    deviation, noise = jax.random.split(next(keys))
    changed += config.noise * jax.random.uniform(deviation) * jax.random.normal(noise, picture.shape)
    untouched = jax.random.bernoulli(next(keys), config.untouched)
    return jnp.where(untouched, picture, jnp.clip(changed, 0, 1))


def _mirror(key, picture):
    return jnp.where(jax.random.bernoulli(key), picture[:, ::-1], picture)


def _move(key, picture, shift: float, scale: float):
    """The picture enlarged or made smaller about its middle, then shifted, as two products: one for each axis."""
    by, row, column = jax.random.uniform(key, (3,), minval=-1)
    factor = 1 + scale * by
    height, width, _ = picture.shape
    rows = _resampling(height, factor, shift * row * height)
    columns = _resampling(width, factor, shift * column * width)
    return jnp.einsum("rh,cw,hwk->rck", rows, columns, picture)


def _resampling(size: int, factor, shift):
    """The matrix that resamples `size` pixels linearly; the edge goes on outside."""
    middle = (size - 1) / 2
    source = jnp.clip((jnp.arange(size) - middle - shift) / factor + middle, 0, size - 1)
    return jnp.maximum(0, 1 - jnp.abs(source[:, None] - jnp.arange(size)))


def _cut_out(key, picture, most: float):
    """A square of one color over the picture."""
    share, row, column, *color = jax.random.uniform(key, (6,))
    height, width, _ = picture.shape
    rows, columns = (
        jnp.abs(jnp.arange(n) - at * n) < share * most * n / 2 for n, at in ((height, row), (width, column))
    )
    return jnp.where((rows[:, None] & columns)[..., None], jnp.stack(color), picture)


def _blur(key, picture, most: float):
    deviation = jnp.maximum(most * jax.random.uniform(key), 1e-2)
    down, across = (_smoothing(size, deviation) for size in picture.shape[:2])
    return jnp.einsum("rh,cw,hwk->rck", down, across, picture)


def _smoothing(size: int, deviation):
    """The matrix of a Gaussian blur whose rows sum to one, at the edge too."""
    places = jnp.arange(size, dtype=jnp.float32)
    return jax.nn.softmax(-((places[:, None] - places) ** 2) / (2 * deviation**2))


def _coarsen(key, picture, most: float, unrest: float):
    """Squares of the picture without some of their finer frequencies, and the coarse ones a little wrong."""
    strength, unrest_strength, noise = jax.random.split(key, 3)
    height, width, channels = picture.shape
    cells = picture.reshape(height // _CELL, _CELL, width // _CELL, _CELL, channels)
    waves = jnp.asarray(_WAVES)
    spectrum = jnp.einsum("ui,vj,ricjk->rucvk", waves, waves, cells)
    frequency = jnp.arange(_CELL)[:, None] + jnp.arange(_CELL)
    finest = 2 * _CELL + 2 - 2 * _CELL * most * jax.random.uniform(strength)
    kept = jax.nn.sigmoid(2 * (finest - frequency))[:, None, :, None]
    added = unrest * jax.random.uniform(unrest_strength) * jax.random.normal(noise, spectrum.shape)
    # Coarse frequencies are larger, and so are the mistakes in them.
    spectrum = (spectrum + added * (_CELL / (1 + frequency))[:, None, :, None]) * kept
    return jnp.einsum("ui,vj,rucvk->ricjk", waves, waves, spectrum).reshape(picture.shape)


def _cosines() -> np.ndarray:
    """The orthonormal cosine transform of a cell's side (DCT-II), a wave a row."""
    place = np.arange(_CELL)
    waves = np.cos(np.pi * (place + 0.5) * place[:, None] / _CELL) * np.sqrt(2 / _CELL)
    waves[0] /= np.sqrt(2)
    return waves.astype(np.float32)


_WAVES = _cosines()
