"""A linear layer's kernel with eight bits a weight."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_batching import custom_vmap

from dalle_mini.arrays import Array, Float, UInt8
from dalle_mini.int8.library import PRODUCT, register

_OUTPUTS, _INPUTS = 16, 4
"""Of a panel, and of one step through it; product.cc says why."""
_GREATEST, _NONE = 127, 128


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Int8Kernel:
    """A kernel [out, in] whose every output has its own scale; `panels` are padded to whole ones.

    Weights are rounded to 255 steps from the row's greatest to its opposite, and so are the numbers of a row that they
    are multiplied with (dynamic quantization: Dettmers et al. 2022, arXiv 2208.07339, section 2.1). Sums are exact.
    """

    panels: UInt8[Array, "panels inputs 16 4"]
    scales: Float[Array, "outputs"]

    @classmethod
    def quantize(cls, kernel: Float[np.ndarray, "out in"]) -> "Int8Kernel":
        """The nearest weights of eight bits; ConfigError where the product can't be had here."""
        register()
        kernel = np.asarray(kernel, np.float32)
        scales = np.abs(kernel).max(axis=1) / np.float32(_GREATEST)
        steps = np.rint(kernel / np.where(scales, scales, 1)[:, None])
        out, inputs = kernel.shape
        padded = np.pad(steps, ((0, -out % _OUTPUTS), (0, -inputs % _INPUTS)))
        panels = padded.reshape(-1, _OUTPUTS, padded.shape[1] // _INPUTS, _INPUTS).transpose(0, 2, 1, 3)
        return cls(jnp.asarray((panels + _NONE).astype(np.uint8)), jnp.asarray(scales))

    def multiply(self, x: Float[Array, "*batch in"]) -> Float[Array, "*batch out"]:
        """Products of the rows of `x`; each is the same whatever stands beside it."""
        rows = x.reshape(-1, x.shape[-1]).astype(jnp.float32)
        return _multiply(rows, self.panels, self.scales).reshape(*x.shape[:-1], -1)


@custom_vmap
def _multiply(rows: Any, panels: Any, scales: Any) -> Any:
    result = jax.ShapeDtypeStruct((rows.shape[0], scales.shape[0]), jnp.float32)
    return jax.ffi.ffi_call(PRODUCT, result)(rows, panels, scales)


@_multiply.def_vmap
def _multiply_together(size: int, batched: Any, rows: Any, panels: Any, scales: Any) -> tuple[Any, bool]:
    """Rows of several prompts beside one another: weights are read once."""
    assert batched == [True, False, False]
    return _multiply(rows.reshape(-1, rows.shape[-1]), panels, scales).reshape(size, -1, scales.shape[0]), True
