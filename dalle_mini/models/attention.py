"""Attention over keys and values that are given: those of a sequence, of a prompt, or of several prompts by shares."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp

from dalle_mini.arrays import Array, Bool, Float


class KeyValue(NamedTuple):
    """What an attention looks at; heads before positions, so that products batch without a transpose."""

    key: Float[Array, "*texts batch heads source head_dim"]
    value: Float[Array, "*texts batch heads source head_dim"]


def attend(
    query: Float[Array, "batch heads query head_dim"],
    source: KeyValue,
    mask: Bool[Array, "#batch 1 #query source"],
) -> Float[Array, "batch heads query head_dim"]:
    """Scaled dot-product attention; `mask` is True where a query may look.

    Softmax runs in float32: bfloat16 keeps 8 significant bits, too few to sum 256 weights to one.
    """
    logits = jnp.einsum("bhqd,bhsd->bhqs", query, source.key).astype(jnp.float32)
    logits = logits / math.sqrt(query.shape[-1])
    weights = jax.nn.softmax(jnp.where(mask, logits, -jnp.inf)).astype(query.dtype)
    return jnp.einsum("bhqs,bhsd->bhqd", weights, source.value)


def attend_shares(
    query: Float[Array, "batch heads images head_dim"],
    sources: KeyValue,
    masks: Bool[Array, "texts batch 1 1 source"],
    shares: Float[Array, "images texts"],
) -> Float[Array, "batch heads images head_dim"]:
    """What each image takes of several texts: `sources` are stacked, a text after the other.

    One text at a time, so that every sum is over what it would be over with one text alone, and rounds the same; a
    share of 1 then takes exactly that, for nothing is added to it but zeros.
    """

    def add(total, text):
        source, mask, share = text
        return total + attend(query, source, mask) * share[:, None].astype(query.dtype), None

    return jax.lax.scan(add, jnp.zeros_like(query), (sources, masks, shares.T))[0]
