"""The loop that every training runs in: steps, metrics, samples, saves, and a clean stop.

A task supplies the steps; the loop knows nothing of models. It compiles the step for the run's mesh, looks at the loss
of every step one behind the device, and goes on from the newest save in its work directory: a run that was cut off
anywhere ends as an unbroken one, bit for bit on the same machine.
"""

import contextlib
import dataclasses
import logging
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dalle_mini.arrays import Params
from dalle_mini.config import check_seed
from dalle_mini.training.metrics import Writer, open_writers
from dalle_mini.training.runfile import require_not_negative, require_positive
from dalle_mini.training.saves import Saves
from dalle_mini.training.sharding import (
    MeshConfig,
    build_mesh,
    check_batch,
    on_host,
    place_batch,
    shard_state,
    wait_for_all,
)
from dalle_mini.training.state import TrainState
from dalle_mini.training.watch import LossWatch
from dalle_mini.training.workdir import check_run, describe_run, hold, record_run

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """Everything is counted in steps.

    Of the saves, the `keep` newest stay, and every one whose step is a multiple of `keep_every` (0: no others).
    `spike_factor` is how many times the highest loss of the last 100 steps ends a run (0: nothing but NaN does).
    """

    seed: int = 0
    log_every: int = 50
    save_every: int = 1000
    sample_every: int = 1000
    keep: int = 2
    keep_every: int = 0
    spike_factor: float = 3.0
    wandb_project: str = ""

    def __post_init__(self) -> None:
        require_positive(self, "loop", "log_every", "save_every", "sample_every", "keep")
        require_not_negative(self, "loop", "keep_every", "spike_factor")
        check_seed(self.seed)


class Batch(Protocol):
    """A part of a set: the rows that this process loads. See `data/loader.py`."""

    @property
    def ids(self) -> list[str]: ...

    @property
    def arrays(self) -> dict[str, np.ndarray]: ...


class Task(Protocol):
    """What is trained. `sections` are the run file's tables as dataclasses, by table.

    `init` and `train_step` are pure functions of arrays, compiled by the loop for `mesh`; the metrics of a step are
    scalars, one of them `loss`. `start_weights` are parameters to begin with in place of those of `init`. `batches`
    gives this process's rows of the batches of step `first_step` and on, a pure function of (seed, step). `sample` and
    `export` are called on one process, with a state whose arrays lie whole in host memory and whose `optimizer` is left
    out.
    """

    steps: int
    loop: LoopConfig
    mesh: MeshConfig

    @property
    def sections(self) -> Mapping[str, Any]: ...

    @property
    def start_weights(self) -> Params | None: ...

    def init(self) -> TrainState: ...

    def batches(self, first_step: int) -> Iterator[Batch]: ...

    def train_step(self, state: TrainState, arrays: dict[str, jax.Array]) -> tuple[TrainState, dict[str, Any]]: ...

    def sample(self, state: TrainState, path: Path) -> None: ...

    def export(self, state: TrainState, directory: Path) -> None: ...


@dataclasses.dataclass(frozen=True)
class Standing:
    """How far a run is; `metrics` are those of the step alone."""

    step: int
    steps: int
    metrics: Mapping[str, float]
    rate: float
    """Steps a second, since this start."""

    @property
    def seconds_left(self) -> float:
        return (self.steps - self.step) / self.rate


Show = Callable[[Standing], None]


def run(task: Task, workdir: Path, *, show: Show | None = None) -> None:
    """Train until the task's last step, then export; SIGTERM and Ctrl-C save and leave.

    `show` is called after every step; without it, a line is logged every `log_every` steps. On many machines, each
    calls this with the same task and a work directory that all of them see.
    """
    mesh = build_mesh(task.mesh)
    check_batch(task.sections["optimizer"].batch_size, task.sections["optimizer"].accumulate, mesh)
    tables = describe_run(task.sections)
    with hold(workdir) if _is_first() else contextlib.nullcontext():
        wait_for_all("begun")
        for name, (before, now) in check_run(workdir, tables).items():
            log.info("changed since the run began: %s, %r to %r", name, before, now)
        with (
            contextlib.closing(Saves(workdir / "saves", keep=task.loop.keep, keep_every=task.loop.keep_every)) as saves,
            _stop_signal() as stopped,
        ):
            first = saves.last_step or 0
            batches = task.batches(first)
            state = _begin(task, mesh, saves)
            if first:
                log.info("continuing at step %d", first)
            if _is_first():
                record_run(workdir, tables)
            with _writers(workdir, first, task, tables) as writers:
                state = _Steps(task, workdir, mesh, saves, writers, show or _log_line(task.loop.log_every)).take(
                    state, batches, first, stopped
                )
            done = int(state.step)
        if done >= task.steps:
            _finish(task, state, workdir)


def _is_first() -> bool:
    return jax.process_index() == 0


def _begin(task: Task, mesh: Mesh, saves: Saves) -> TrainState:
    """The newest save, or a fresh state; in both cases no array is ever whole where the mesh divides it."""
    abstract = jax.eval_shape(task.init)
    shardings = shard_state(abstract, mesh)
    if saves.last_step is None:
        return _put_weights(jax.jit(task.init, out_shardings=shardings)(), task.start_weights)
    place = lambda leaf, sharding: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=sharding)  # noqa: E731
    return saves.restore(jax.tree.map(place, abstract, shardings))


def _put_weights(state: TrainState, weights: Params | None) -> TrainState:
    """The fresh state with `weights`, if any, each placed as what it replaces."""
    if weights is None:
        return state
    place = lambda weight, fresh: jax.device_put(weight.astype(fresh.dtype), fresh.sharding)  # noqa: E731
    params = jax.tree.map(place, weights, state.params)
    average = None if state.average is None else jax.tree.map(jnp.copy, params)
    return dataclasses.replace(state, params=params, average=average)


def compile_step(train_step: Callable, mesh: Mesh, state: TrainState, arrays: Mapping[str, Any]) -> Any:
    """A task's step as one program for the mesh, which keeps the state where it lies and reuses its memory.

    `state` and `arrays` may be abstract.
    """

    def step(state: TrainState, arrays: dict[str, jax.Array]):
        with jax.sharding.use_abstract_mesh(mesh.abstract_mesh):  # for `models/placement.py`
            return train_step(state, arrays)

    places = (shard_state(state, mesh), NamedSharding(mesh, PartitionSpec()))
    return jax.jit(step, donate_argnums=0, out_shardings=places).lower(state, arrays).compile()


@contextlib.contextmanager
def _writers(workdir: Path, first: int, task: Task, tables: Mapping[str, Any]) -> Generator[list[Writer]]:
    if not _is_first():
        yield []
        return
    writers = open_writers(workdir, first, tables=tables, wandb_project=task.loop.wandb_project)
    try:
        yield writers
    finally:
        for writer in writers:
            writer.close()


class _Steps:
    """The steps of one start of a run, and what is done between them."""

    def __init__(self, task: Task, workdir: Path, mesh: Mesh, saves: Saves, writers: list[Writer], show: Show) -> None:
        self._task, self._workdir, self._mesh, self._saves = task, workdir, mesh, saves
        self._writers, self._show = writers, show
        name = "stopped-batch.json" if _is_first() else f"stopped-batch-{jax.process_index()}.json"
        self._watch = LossWatch(workdir / name, spike_factor=task.loop.spike_factor)
        self._window: list[dict[str, float]] = []

    def take(
        self, state: TrainState, batches: Iterator[Batch], first: int, stopped: Callable[[int], bool]
    ) -> TrainState:
        """The state after the last step, or after the one at which the run was stopped; it is saved."""
        loop, step_of, running = self._task.loop, None, None
        for step, batch in zip(range(first + 1, self._task.steps + 1), batches, strict=False):
            arrays = place_batch(batch.arrays, self._mesh)
            if step_of is None:
                step_of = compile_step(self._task.train_step, self._mesh, state, arrays)
                wait_for_all("compiled")
                self._first, self._began = first, time.monotonic()
            state, metrics = step_of(state, arrays)
            if running:
                self._look_at(*running)
            running = (step, batch.ids, metrics)
            leaving = stopped(step) or step == self._task.steps
            saving, sampling = leaving or step % loop.save_every == 0, step % loop.sample_every == 0
            if saving or sampling:
                self._look_at(*running)
                running = None
            if saving:
                self._saves.save(state)
            if sampling:
                _draw(self._task, state, self._workdir / f"samples-{step:07d}.png")
            if leaving and step < self._task.steps:
                log.info("stopped at step %d; run the same command to go on", step)
                break
        return state

    def _look_at(self, step: int, ids: list[str], metrics: dict[str, jax.Array]) -> None:
        """Wait for a step's metrics, and write and show them, unless they end the run."""
        values = {name: float(value) for name, value in jax.device_get(metrics).items()}
        self._watch.check(step, ids, values)
        self._window.append(values)
        rate = (step - self._first) / (time.monotonic() - self._began)
        if step % self._task.loop.log_every == 0:
            means = {name: float(np.mean([entry[name] for entry in self._window])) for name in values}
            for writer in self._writers:
                writer.write(step, {**means, "steps_per_second": rate})
            self._window = []
        if _is_first():
            self._show(Standing(step, self._task.steps, values, rate))


def _log_line(every: int) -> Show:
    def show(standing: Standing) -> None:
        if standing.step % every == 0:
            shown = "  ".join(f"{name} {value:.4g}" for name, value in standing.metrics.items())
            text = "step %d/%d  %s  %.2f steps/s  %.0f min left"
            log.info(text, standing.step, standing.steps, shown, standing.rate, standing.seconds_left / 60)

    return show


def _draw(task: Task, state: TrainState, path: Path) -> None:
    state = on_host(dataclasses.replace(state, optimizer=()))
    if _is_first():
        task.sample(state, path)
    wait_for_all(path.name)


def _finish(task: Task, state: TrainState, workdir: Path) -> None:
    state = on_host(dataclasses.replace(state, optimizer=()))
    if _is_first():
        task.sample(state, workdir / "samples-final.png")
        task.export(state, workdir / "model")
        log.info("exported to %s", workdir / "model")
    wait_for_all("exported")


@contextlib.contextmanager
def _stop_signal() -> Generator[Callable[[int], bool]]:
    """Yields a function that tells whether to leave after a step, because SIGTERM or Ctrl-C came.

    With many processes, JAX takes SIGTERM and lets all of them agree on the step.
    """
    if jax.process_count() > 1:
        yield multihost_utils.reached_preemption_sync_point
        return
    received = threading.Event()
    previous = {number: signal.signal(number, lambda *_: received.set()) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda step: received.is_set()
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
