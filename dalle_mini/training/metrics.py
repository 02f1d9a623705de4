"""Where the numbers of a run go: `metrics.jsonl`, TensorBoard and, where a project is named, Weights & Biases."""

import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from dalle_mini.checkpoints.staging import output_errors, write_whole
from dalle_mini.errors import ConfigError, DataError

FILE_NAME = "metrics.jsonl"


class Writer(Protocol):
    def write(self, step: int, values: Mapping[str, float]) -> None: ...

    def close(self) -> None: ...


def open_writers(workdir: Path, first_step: int, *, tables: Mapping[str, Any], wandb_project: str) -> list[Writer]:
    """The writers of a run that goes on after `first_step`; ConfigError if Weights & Biases is asked for and absent."""
    writers: list[Writer] = [JsonLines(workdir / FILE_NAME, first_step), TensorBoard(workdir, first_step)]
    if wandb_project:
        writers.append(WeightsAndBiases(workdir, wandb_project, tables))
    return writers


class JsonLines:
    """A line of JSON every time; lines of steps after `first_step`, of a run that was cut off, are dropped."""

    def __init__(self, path: Path, first_step: int) -> None:
        self._path = path
        if path.exists():
            kept = [record for record in read_metrics(path.parent) if record["step"] <= first_step]
            write_whole(path, b"".join(_encode(record) for record in kept))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        rounded = {name: float(f"{value:.6g}") for name, value in values.items()}
        with output_errors(self._path), self._path.open("ab") as file:
            file.write(_encode({"step": step, **rounded}))

    def close(self) -> None:
        pass


def _encode(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"


def read_metrics(workdir: Path) -> list[dict[str, Any]]:
    """The records of a run so far, without a last line that was cut off; DataError if there are none."""
    path = workdir / FILE_NAME
    try:
        lines = path.read_bytes().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.endswith(b"\n")]
    except (OSError, ValueError) as error:
        raise DataError(f"can't read {path}: {error}", hint="give the work directory of a run") from error


class TensorBoard:
    """Event files in `tensorboard/`; what a cut-off run wrote after `first_step` is hidden."""

    def __init__(self, workdir: Path, first_step: int) -> None:
        from tensorboardX import SummaryWriter

        with output_errors(workdir / "tensorboard"):
            self._writer = SummaryWriter(str(workdir / "tensorboard"), purge_step=first_step + 1)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class WeightsAndBiases:
    """A run of its own in a project; it is continued when the work directory's run is."""

    def __init__(self, workdir: Path, project: str, tables: Mapping[str, Any]) -> None:
        try:
            wandb = importlib.import_module("wandb")
        except ImportError as error:
            raise ConfigError(
                f"loop.wandb_project={project!r} needs wandb, which is not installed",
                hint="pip install 'dalle-mini[wandb]', or leave wandb_project out",
            ) from error
        path = workdir / "wandb-id"
        if not path.exists():
            write_whole(path, os.urandom(4).hex().encode())
        self._run = wandb.init(
            project=project,
            dir=str(workdir),
            config=dict(tables),
            id=path.read_text(encoding="ascii"),
            resume="allow",
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()
