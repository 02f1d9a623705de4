"""What a run must remember, and its file: one safetensors file, written beside and renamed.

No random key is stored: streams are derived from (seed, step), so a resumed run draws what an unbroken one would have.
"""

import dataclasses
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from dalle_mini.arrays import Array, Int32, Params
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import CheckpointError

FILE_NAME = "state.safetensors"


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
    step: Int32[Array, ""]
    params: Params
    average: Params
    optimizer: Any
    extra: Any = ()

    @classmethod
    def fresh(cls, params: Params, optimizer: Any, extra: Any = ()) -> "TrainState":
        """The state before the first step; the average starts as a copy, since steps donate their buffers."""
        return cls(jnp.int32(0), params, jax.tree.map(jnp.copy, params), optimizer, extra)


def save_state(workdir: Path, state: TrainState) -> None:
    """Write the state; the last one stays whole until the new one is complete."""
    leaves = jax.tree_util.tree_leaves_with_path(state)
    arrays = {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves}
    write_whole(workdir / FILE_NAME, save(arrays))


def restore_state(workdir: Path, like: TrainState) -> TrainState | None:
    """The state saved in `workdir`, shaped as `like`; None if there is none yet."""
    path = workdir / FILE_NAME
    if not path.exists():
        return None
    try:
        arrays = load_file(path)
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"can't read {path}: {error}", hint="start in another work directory") from error
    leaves, structure = jax.tree_util.tree_flatten_with_path(like)
    names = [jax.tree_util.keystr(key) for key, _ in leaves]
    wrong = [
        name
        for name, (_, leaf) in zip(names, leaves, strict=True)
        if name not in arrays or arrays[name].shape != leaf.shape
    ]
    if wrong or len(arrays) != len(names):
        raise CheckpointError(
            f"{path} is of a run of another shape: {len(wrong)} of {len(names)} arrays differ, first {wrong[:1]}",
            hint="use the run file that started it, or another work directory",
        )
    return jax.tree_util.tree_unflatten(structure, [jnp.asarray(arrays[name]) for name in names])
