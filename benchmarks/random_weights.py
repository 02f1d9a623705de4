"""Weights that mean nothing, in the published shapes.

How fast a model is does not depend on them, and nothing has to be downloaded.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from dalle_mini.arrays import Array, Params
from dalle_mini.checkpoints import layout
from dalle_mini.config import TransformerConfig, VQGANConfig
from dalle_mini.config.dtypes import INT8
from dalle_mini.config.transformer import PRESETS
from dalle_mini.int8 import Int8Kernel
from dalle_mini.models import transformer, vqgan

SIZES = PRESETS
VQGAN = VQGANConfig()
"""The published one, of 256 pixels a side."""


def make_transformer(config: TransformerConfig, dtype: str = "float32") -> Params:
    """A transformer's parameters, one leaf at a time; with "int8" its kernels are quantized as a loaded model's are."""
    return _fill(lambda: transformer.init(jax.random.key(0), config), dtype)


def make_vqgan(config: VQGANConfig, dtype: str = "float32") -> Params:
    """A VQGAN's parameters."""
    return _fill(lambda: vqgan.init(jax.random.key(0), config), dtype)


def _fill(init: Callable[[], Params], dtype: str) -> Params:
    random = np.random.default_rng(0)
    shapes = layout.flatten(jax.eval_shape(init))
    return layout.unflatten((path, _make(path, _draw(leaf.shape, random), dtype)) for path, leaf in shapes.items())


def _make(path: str, values: np.ndarray, dtype: str) -> Array | Int8Kernel:
    if dtype == INT8:
        return Int8Kernel.quantize(values) if path.endswith("/kernel") else jnp.asarray(values)
    return jnp.asarray(values, dtype)


def _draw(shape: tuple[int, ...], random: np.random.Generator) -> np.ndarray:
    """So small that values neither grow nor vanish; scales of norms are about one."""
    noise = random.standard_normal(shape, np.float32)
    if len(shape) == 1:
        return 1 + noise / 10
    return noise / np.float32(np.sqrt(np.prod(shape[1:] if len(shape) == 2 else shape[:-1])))
