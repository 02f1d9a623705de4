"""What a run must remember from one step to the next; `saves.py` keeps it on disk.

No random key is stored: streams are derived from (seed, stream, step), so a resumed run draws what an unbroken one
would have.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp

from dalle_mini.arrays import Array, Params


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    """`average` is None where no moving average is kept; `extra` is what a model needs beside its parameters.

    Its leaves may be arrays, abstract arrays or shardings.
    """

    step: Array
    params: Params
    average: Params | None
    optimizer: Any
    extra: Any = ()

    @classmethod
    def fresh(cls, params: Params, optimizer: Any, extra: Any = (), *, averaged: bool = True) -> "TrainState":
        """The state before the first step; the average starts as a copy, since steps donate their buffers."""
        average = jax.tree.map(jnp.copy, params) if averaged else None
        return cls(jnp.int32(0), params, average, optimizer, extra)

    @property
    def weights(self) -> Params:
        """What samples and exports are made from: the average, or the parameters where none is kept."""
        return self.params if self.average is None else self.average


def name_leaves(tree: Any) -> dict[str, Any]:
    """The leaves of a tree by their paths, such as `params/decoder/head/kernel`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}
