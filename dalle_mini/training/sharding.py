"""Where arrays lie when a run has many devices: a mesh of three axes, and one table of rules for all trees.

data    the batch is divided; parameters are whole on each
fsdp    the batch is divided, and so is every large array of the state, which is gathered when it is used
        (ZeRO stage 3, Rajbhandari et al. 2020, arXiv 1910.02054)
model   products are divided by their outputs, then by their inputs (Shoeybi et al. 2019, arXiv 1909.08053)
"""

import dataclasses
import math
import re
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AbstractMesh, AxisType, Mesh, NamedSharding, PartitionSpec
from orbax.checkpoint import multihost

from dalle_mini.errors import ConfigError
from dalle_mini.models import placement

AXES = (*placement.ROWS, "model")
ROWS = PartitionSpec(placement.ROWS)
"""How a batch is divided."""

_PATIENCE_MS = 3_600_000
_WHOLE = PartitionSpec()
RULES: tuple[tuple[str, PartitionSpec], ...] = (
    (r"(step|count|ns_coeffs|grad_sq)$", _WHOLE),
    (r"/v_(row|col)/", _WHOLE),  # Adafactor's factors
    (r"(bias|scale|class_embedding)$", _WHOLE),
    (r"(query|key|value|gate|hidden|head)/kernel$", PartitionSpec("model", "fsdp")),
    (r"(token|position)_embedding$", PartitionSpec(("model", "fsdp"), None)),
    (r"out/kernel$", PartitionSpec("fsdp", "model")),
    (r"quantize/embedding/embedding$", _WHOLE),
    (r"^extra/codes/(counts|sums|idle)$", _WHOLE),  # the codebook's averages
    (r"kernel$", PartitionSpec("fsdp")),
)
"""(what a leaf's path matches, how its last axes are divided): the first match decides.

An axis of the mesh that doesn't divide an array's axis leaves that one whole.
"""


@dataclasses.dataclass(frozen=True)
class MeshConfig:
    """Devices along each axis; -1, at most once, is as many as are left."""

    data: int = -1
    fsdp: int = 1
    model: int = 1

    def __post_init__(self) -> None:
        sizes = [getattr(self, axis) for axis in AXES]
        if any(size < 1 and size != -1 for size in sizes) or sizes.count(-1) > 1:
            raise ConfigError(
                f"a mesh of {_describe(sizes)} is none", hint="whole numbers above 0; one of them may be -1, the rest"
            )


def build_mesh(config: MeshConfig) -> Mesh:
    """The mesh of all devices of all processes; ConfigError if they are not as many as it needs."""
    sizes, count = [getattr(config, axis) for axis in AXES], jax.device_count()
    known = math.prod(size for size in sizes if size != -1)
    sizes = [count // known if size == -1 else size for size in sizes]
    if math.prod(sizes) != count:
        raise ConfigError(
            f"a mesh of {_describe([getattr(config, axis) for axis in AXES])} does not cover {count} devices",
            hint="mend [mesh] in the run file; -1 stands for the rest",
        )
    return jax.make_mesh(tuple(sizes), AXES, axis_types=(AxisType.Auto,) * len(AXES))


def _describe(sizes: list[int]) -> str:
    return ", ".join(f"{axis}={size}" for axis, size in zip(AXES, sizes, strict=True))


def shard_state(state: Any, mesh: Mesh | AbstractMesh) -> Any:
    """A tree like `state` of the shardings that the rules give its leaves; ConfigError for a leaf without a rule."""

    def place(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        return NamedSharding(mesh, _fit(_find_rule(name), leaf.shape, mesh))

    return jax.tree_util.tree_map_with_path(place, state)


def _find_rule(name: str) -> PartitionSpec:
    for pattern, spec in RULES:
        if re.search(pattern, name):
            return spec
    raise ConfigError(f"no sharding rule for {name!r}", hint="add one to RULES in training/sharding.py")


def _fit(spec: PartitionSpec, shape: tuple[int, ...], mesh: Mesh | AbstractMesh) -> PartitionSpec:
    """The rule for an array of this shape: aligned to its last axes, without what doesn't divide."""
    axes = ((None,) * len(shape) + tuple(spec))[-len(shape) :] if shape else ()
    pairs = zip(axes, shape, strict=True)
    return PartitionSpec(*(axis if _divides(axis, size, mesh) else None for axis, size in pairs))


def _divides(axis: Any, size: int, mesh: Mesh | AbstractMesh) -> bool:
    names = axis if isinstance(axis, tuple) else (axis,)
    return size % math.prod(mesh.shape[name] for name in names if name) == 0


def check_batch(batch_size: int, accumulate: int, mesh: Mesh | AbstractMesh) -> None:
    """ConfigError if the devices' shares of a batch, or of its accumulated parts, would differ."""
    shares = mesh.shape["data"] * mesh.shape["fsdp"] * accumulate
    if batch_size % shares:
        raise ConfigError(
            f"optimizer.batch_size={batch_size} does not divide by {shares} "
            f"(data={mesh.shape['data']} × fsdp={mesh.shape['fsdp']} × accumulate={accumulate})",
            hint="choose a multiple of it, or another [mesh]",
        )


def row_share(config: MeshConfig) -> dict[str, int]:
    """Which rows of a batch this process loads: `process` of `processes`, as the loader calls them.

    Processes that hold the same rows, because the model axis reaches across them, load the same.
    """
    mesh = build_mesh(config)
    rows = mesh.shape["data"] * mesh.shape["fsdp"]
    parts = NamedSharding(mesh, ROWS).addressable_devices_indices_map((rows,))
    mine = sorted({index[0].indices(rows)[0] for index in parts.values() if index})
    return {"process": mine[0] // len(mine), "processes": rows // len(mine)}


def place_batch(arrays: Mapping[str, np.ndarray], mesh: Mesh) -> dict[str, jax.Array]:
    """This process's rows as its part of the arrays of the whole batch."""
    rows = NamedSharding(mesh, ROWS)
    return {name: jax.make_array_from_process_local_data(rows, array) for name, array in arrays.items()}


def on_host(tree: Any) -> Any:
    """The arrays of a tree, whole, on every process; all of them have to call it."""
    if jax.process_count() == 1:
        return jax.device_get(tree)
    return jax.tree.map(lambda leaf: multihost_utils.process_allgather(leaf, tiled=True), tree)


def wait_for_all(what: str) -> None:
    """Wait until every process has come to `what`, so that none waits for another in the middle of a computation,
    where backends are less patient."""
    multihost.get_barrier_sync_fn()(key=what, timeout_ms=_PATIENCE_MS)
