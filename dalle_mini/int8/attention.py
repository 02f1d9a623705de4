"""Attention of one new position to those up to it, beside products with weights of eight bits."""

from typing import Any

import jax
import jax.numpy as jnp
from jax.custom_batching import custom_vmap

from dalle_mini.arrays import Array, Float, Int32
from dalle_mini.int8.library import ATTENTION


def attend_past(
    query: Float[Array, "rows heads 1 head_dim"],
    keys: Float[Array, "rows heads source head_dim"],
    values: Float[Array, "rows heads source head_dim"],
    position: Int32[Array, ""],
) -> Float[Array, "rows heads 1 head_dim"]:
    """What `models.attention.attend` gives where the positions up to `position` may be looked at, of float32.

    The others are not even read: XLA's products read all there is room for, on one thread.
    """
    positions = jnp.full(query.shape[0], position, jnp.int32)
    return _attend(query[:, :, 0], keys, values, positions)[:, :, None]


@custom_vmap
def _attend(query: Any, keys: Any, values: Any, positions: Any) -> Any:
    return jax.ffi.ffi_call(ATTENTION, jax.ShapeDtypeStruct(query.shape, jnp.float32))(query, keys, values, positions)


@_attend.def_vmap
def _attend_together(size: int, batched: Any, *operands: Any) -> tuple[Any, bool]:
    """Several prompts are so many rows more."""
    spread = [
        each if is_batched else jnp.broadcast_to(each, (size, *each.shape))
        for each, is_batched in zip(operands, batched, strict=True)
    ]
    attended = _attend(*(each.reshape(-1, *each.shape[2:]) for each in spread))
    return attended.reshape(size, -1, *attended.shape[1:]), True
