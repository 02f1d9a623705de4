"""What a run would take, told without running it: its step is compiled for a mesh, and nothing is allocated."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import jax
from jax.sharding import NamedSharding

from dalle_mini.training import transformer
from dalle_mini.training.loop import compile_step
from dalle_mini.training.sharding import ROWS, build_mesh, check_batch, shard_state


@dataclasses.dataclass(frozen=True)
class Plan:
    """Bytes are those of one device. `temporary` is what the compiled step needs besides; a CPU, which computes
    bfloat16 in float32, needs more of it than an accelerator."""

    mesh: Mapping[str, int]
    batch_size: int
    parameters: int
    state: int
    batch: int
    temporary: int

    @property
    def peak(self) -> int:
        return self.state + self.batch + self.temporary


def plan_transformer(tables: Mapping[str, dict[str, Any]]) -> Plan:
    """The plan of a run file on all devices that there are; no data is read."""
    sections = transformer.read_sections(tables)
    mesh, optimizer = build_mesh(sections["mesh"]), sections["optimizer"]
    check_batch(optimizer.batch_size, optimizer.accumulate, mesh)
    state = jax.eval_shape(functools.partial(transformer.init_state, sections))
    state = jax.tree.map(_place, state, shard_state(state, mesh))
    rows = NamedSharding(mesh, ROWS)
    arrays = {name: _place(shape, rows) for name, shape in transformer.batch_shapes(sections).items()}
    train_step = functools.partial(transformer.train_step, sections=sections)
    memory = compile_step(train_step, mesh, state, arrays).memory_analysis()
    return Plan(
        mesh=dict(mesh.shape),
        batch_size=optimizer.batch_size,
        parameters=sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(state.params)),
        state=sum(map(_bytes_per_device, jax.tree.leaves(state))),
        batch=sum(map(_bytes_per_device, arrays.values())),
        temporary=memory.temp_size_in_bytes,
    )


def _place(leaf: jax.ShapeDtypeStruct, sharding: NamedSharding) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)


def _bytes_per_device(leaf: jax.ShapeDtypeStruct) -> int:
    assert leaf.sharding is not None
    return math.prod(leaf.sharding.shard_shape(leaf.shape)) * leaf.dtype.itemsize
