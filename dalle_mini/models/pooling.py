"""How what a network saw in all places becomes one vector."""

import jax.numpy as jnp

from dalle_mini.arrays import Array, Float


def strongest(features: Float[Array, "batch height width channels"]) -> Float[Array, "batch channels"]:
    """The maximum of every channel over all places; its gradient goes to the first place that has it.

    That of `jnp.max` is divided by how many places equal the maximum. XLA may compute these a second time, rounded
    otherwise: then none does, and the gradient is NaN.
    """
    places = features.reshape(features.shape[0], -1, features.shape[-1])
    first = jnp.argmax(places, axis=1, keepdims=True)
    return jnp.take_along_axis(places, first, axis=1).squeeze(1)
