"""Weights that mean nothing, in the published shapes.

How fast a model is does not depend on them, and nothing has to be downloaded.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dalle_mini.arrays import Array, Params
from dalle_mini.config import TransformerConfig, VQGANConfig
from dalle_mini.config.transformer import PRESETS
from dalle_mini.models import transformer, vqgan

SIZES = PRESETS
VQGAN = VQGANConfig()
"""The published one, of 256 pixels a side."""


def make_transformer(config: TransformerConfig, dtype: str = "float32") -> Params:
    """A transformer's parameters, one leaf at a time."""
    return _fill(lambda: transformer.init(jax.random.key(0), config), dtype)


def make_vqgan(config: VQGANConfig, dtype: str = "float32") -> Params:
    """A VQGAN's parameters."""
    return _fill(lambda: vqgan.init(jax.random.key(0), config), dtype)


def _fill(init: Callable[[], Params], dtype: str) -> Params:
    random = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: _draw(leaf.shape, dtype, random), jax.eval_shape(init))


def _draw(shape: tuple[int, ...], dtype: str, random: np.random.Generator) -> Array:
    """So small that values neither grow nor vanish; scales of norms are about one."""
    noise = random.standard_normal(shape, np.float32)
    if len(shape) == 1:
        return jnp.asarray(1 + noise / 10, dtype)
    noise /= np.sqrt(np.prod(shape[1:] if len(shape) == 2 else shape[:-1]))
    return jnp.asarray(noise, dtype)
