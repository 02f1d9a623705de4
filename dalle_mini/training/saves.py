"""The states of a run on disk: Orbax writes them beside the run, sharded, and renames them when they are whole.

A save is under way while training goes on; the ones before it stay until it is complete.
"""

import contextlib
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import orbax.checkpoint as ocp
from orbax.checkpoint.checkpoint_managers import AnyPreservationPolicy, EveryNSteps, LatestN, PreservationPolicy

from dalle_mini.checkpoints.staging import output_error
from dalle_mini.errors import CheckpointError, DalleMiniError, OutputError
from dalle_mini.training.state import TrainState, name_leaves

_NEW_FOLDER = "use the run file that started it, or another work directory"


class Saves:
    """The saves in a folder: the `keep` newest, and all whose step is a multiple of `keep_every` (0: none)."""

    def __init__(self, directory: Path, *, keep: int, keep_every: int = 0) -> None:
        self._directory = directory.absolute()
        policies: list[PreservationPolicy] = [LatestN(keep)]
        if keep_every:
            policies.append(EveryNSteps(keep_every))
        options = ocp.CheckpointManagerOptions(
            preservation_policy=AnyPreservationPolicy(policies), cleanup_tmp_directories=True
        )
        with _save_errors(self._directory):
            handler = ocp.StandardCheckpointHandler()
            self._manager = ocp.CheckpointManager(self._directory, options=options, item_handlers=handler)

    @property
    def last_step(self) -> int | None:
        return self._manager.latest_step()

    def restore(self, like: TrainState) -> TrainState:
        """The newest state, shaped and placed as the abstract arrays of `like`; CheckpointError if it is of others."""
        step = self._manager.latest_step()
        expected = name_leaves(like)
        try:
            found = self._manager.item_metadata(step)
            self._check_shapes(step, expected, dict(found))
            arrays = self._manager.restore(step, args=ocp.args.StandardRestore(expected))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"can't read the save {self._directory / str(step)}: {error}",
                hint="delete this folder to go on from the save before it",
            ) from error
        return jax.tree.unflatten(jax.tree.structure(like), [arrays[name] for name in expected])

    def _check_shapes(self, step: int | None, expected: dict[str, Any], found: dict[str, Any]) -> None:
        wrong = [
            f"{name}: {_describe(found.get(name))}, not {_describe(expected.get(name))}"
            for name in sorted({*expected, *found})
            if _describe(found.get(name)) != _describe(expected.get(name))
        ]
        if wrong:
            more = f"\n  … and {len(wrong) - 10} more" if len(wrong) > 10 else ""
            raise CheckpointError(
                f"{self._directory / str(step)} is of a run of another shape:\n  " + "\n  ".join(wrong[:10]) + more,
                hint=_NEW_FOLDER,
            )

    def save(self, state: TrainState) -> None:
        """Begin to write a state, once the save before it is whole. A state with NaN in it is refused."""
        step = int(state.step)
        if step == self.last_step:
            return
        if not bool(_is_finite(state)):
            kept = f"step {self.last_step}" if self.last_step else "none"
            raise DalleMiniError(
                f"step {step}: the parameters hold NaN or infinity, and were not saved (last save: {kept})",
                hint="lower optimizer.learning_rate or optimizer.clip_norm, and go on from the last save",
            )
        self._check_room(state)
        with _save_errors(self._directory / str(step)):
            self._manager.wait_until_finished()
            self._manager.save(step, args=ocp.args.StandardSave(name_leaves(state)))

    def _check_room(self, state: TrainState) -> None:
        needed = sum(
            shard.data.nbytes
            for leaf in jax.tree.leaves(state)
            for shard in leaf.addressable_shards
            if shard.replica_id == 0
        )
        free = shutil.disk_usage(self._directory).free
        if free < needed:
            raise OutputError(
                f"can't save into {self._directory}: {needed / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB are free",
                hint="free some space; the run goes on from its last save",
            )

    def close(self) -> None:
        """Wait until all is written; OutputError if it can't be."""
        with _save_errors(self._directory):
            try:
                self._manager.wait_until_finished()
            finally:
                self._manager.close()


def _describe(array: Any) -> str:
    if array is None:
        return "absent"
    return f"{jnp.dtype(array.dtype).name}[{', '.join(map(str, array.shape))}]"


@jax.jit
def _is_finite(state: TrainState):
    leaves = [leaf for leaf in jax.tree.leaves(state) if jnp.issubdtype(leaf.dtype, jnp.inexact)]
    return jnp.stack([jnp.isfinite(leaf).all() for leaf in leaves]).all()


@contextlib.contextmanager
def _save_errors(path: Path) -> Generator[None]:
    """Orbax and TensorStore report a disk's refusal as OSError, or as another error that holds its words."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error
    except (ValueError, RuntimeError) as error:
        message = str(error).partition("\n")[0]
        raise OutputError(
            f"can't write {path}: {message}", hint="free some space; the run goes on from its last save"
        ) from error
