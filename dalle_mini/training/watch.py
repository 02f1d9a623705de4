"""Stops a run whose loss is no longer a number, or leaps."""

import json
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DalleMiniError

WINDOW = 100
_SHOWN = 8


class LossWatch:
    """Sees the metrics of every step, one behind the device. `spike_factor` 0 looks for NaN alone.

    A leap is a loss above `spike_factor` times the highest of the last 100 steps; the first 100 steps after a start may
    leap as they like. The ids of the batch that stopped a run are kept at `path`.
    """

    def __init__(self, path: Path, *, spike_factor: float) -> None:
        self._path = path
        self._factor = spike_factor
        self._losses: deque[float] = deque(maxlen=WINDOW)

    def check(self, step: int, ids: Sequence[str], metrics: Mapping[str, float]) -> None:
        """Raise a DalleMiniError that names the step and its batch if the run should not go on."""
        broken = {name: value for name, value in metrics.items() if not np.isfinite(value)}
        if broken:
            name, value = next(iter(broken.items()))
            self._stop(step, ids, f"{name} is {value}")
        loss = metrics["loss"]
        if self._factor and len(self._losses) == WINDOW and loss > self._factor * max(self._losses) > 0:
            self._stop(step, ids, f"the loss leapt to {loss:.4g}; it was at most {max(self._losses):.4g} lately")
        self._losses.append(loss)

    def _stop(self, step: int, ids: Sequence[str], what: str) -> None:
        write_whole(self._path, json.dumps({"step": step, "ids": list(ids)}).encode())
        shown = ", ".join(ids[:_SHOWN]) + (f" and {len(ids) - _SHOWN} more" if len(ids) > _SHOWN else "")
        raise DalleMiniError(
            f"step {step}: {what}; the batch was {shown} (all in {self._path})",
            hint="the last save is intact: look at the batch, lower the learning rate, or raise loop.spike_factor",
        )
