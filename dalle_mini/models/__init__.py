"""The networks, as pure functions over parameters; the only home of flax.linen."""
