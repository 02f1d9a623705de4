"""The loop that every training runs in: steps, a line of progress, samples, saves, and a clean stop.

A task supplies the steps; the loop knows nothing of models. A run continues from the state in its work directory.
"""

import dataclasses
import json
import logging
import signal
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import jax
import numpy as np

from dalle_mini.checkpoints.staging import output_errors
from dalle_mini.errors import DalleMiniError
from dalle_mini.training.state import TrainState, restore_state, save_state

log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class LoopConfig:
    """Everything is counted in steps."""

    seed: int = 0
    log_every: int = 50
    save_every: int = 1000
    sample_every: int = 1000


class Task(Protocol):
    steps: int
    loop: LoopConfig

    def init(self) -> TrainState: ...

    def batch(self, step: int) -> Any: ...

    def train_step(self, state: TrainState, batch: Any) -> tuple[TrainState, dict[str, Any]]: ...

    def sample(self, state: TrainState, path: Path) -> None: ...

    def export(self, state: TrainState, directory: Path) -> None: ...


def run(task: Task, workdir: Path) -> None:
    """Train until the task's last step, then export; SIGTERM and Ctrl-C save and leave."""
    with output_errors(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
    fresh = task.init()
    state = restore_state(workdir, fresh) or fresh
    first = int(state.step)
    if first:
        log.info("continuing at step %d", first)
    with _stop_signal() as stopped:
        state = _train(task, state, workdir, stopped)
        save_state(workdir, state)
    if int(state.step) >= task.steps:
        task.sample(state, workdir / "samples-final.png")
        task.export(state, workdir / "model")
        log.info("exported to %s", workdir / "model")


def _train(task: Task, state: TrainState, workdir: Path, stopped) -> TrainState:
    loop, first = task.loop, int(state.step)
    began, logged = time.monotonic(), []
    for step in range(first, task.steps):
        state, metrics = task.train_step(state, task.batch(step))
        logged.append(metrics)
        done = step + 1
        if done % loop.log_every == 0:
            rate = (done - first) / (time.monotonic() - began)
            _log_metrics(workdir, done, task.steps, rate, logged)
            logged = []
        if done % loop.sample_every == 0:
            task.sample(state, workdir / f"samples-{done:07d}.png")
        if stopped() or done % loop.save_every == 0:
            save_state(workdir, state)
        if stopped():
            log.info("stopped at step %d; run the same command to go on", done)
            break
    return state


def _log_metrics(workdir: Path, step: int, steps: int, rate: float, logged: list[dict[str, Any]]) -> None:
    values = {name: float(np.mean(jax.device_get([entry[name] for entry in logged]))) for name in logged[0]}
    if not all(np.isfinite(value) for value in values.values()):
        raise DalleMiniError(
            f"step {step}: the loss is no longer a number ({values})",
            hint="lower the learning rate; the last save is intact",
        )
    record = {
        "step": step,
        "steps_per_second": round(rate, 3),
        **{name: round(value, 5) for name, value in values.items()},
    }
    path = workdir / "metrics.jsonl"
    with output_errors(path), path.open("a") as file:
        file.write(json.dumps(record) + "\n")
    shown = "  ".join(f"{name} {value:.4g}" for name, value in values.items())
    minutes = (steps - step) / rate / 60
    log.info("step %d/%d  %s  %.2f steps/s  %.0f min left", step, steps, shown, rate, minutes)


@contextmanager
def _stop_signal() -> Generator[Callable[[], bool]]:
    """Yields a function that tells whether SIGTERM or Ctrl-C came."""
    received = []
    previous = {
        number: signal.signal(number, lambda *_: received.append(True)) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
