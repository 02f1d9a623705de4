"""How activations are divided among devices, where a step is compiled for a mesh; elsewhere nothing here has an effect.

Left to itself, XLA may rather divide features than rows where parameters are divided, and then computes every row on
all of those devices.
"""

import jax
from jax.sharding import PartitionSpec

ROWS = ("data", "fsdp")
"""The axes of a mesh that divide a batch."""


def divide_rows(activations: jax.Array) -> jax.Array:
    """The same numbers, with the first axis divided as a batch is; about the others nothing is said."""
    mesh = jax.sharding.get_abstract_mesh()
    if not set(ROWS) <= set(mesh.axis_names):
        return activations
    others = [PartitionSpec.UNCONSTRAINED] * (activations.ndim - 1)
    return jax.lax.with_sharding_constraint(activations, PartitionSpec(ROWS, *others))
