"""What the loop does with every task: it refuses, keeps, watches and writes."""

import dataclasses
import json
import os
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest
from sets import write_pictures
from trainings import LineTask, read_metrics_file, read_save, saved_steps

from dalle_mini.errors import CheckpointError, ConfigError, DalleMiniError, OutputError
from dalle_mini.training import loop
from dalle_mini.training.watch import WINDOW
from dalle_mini.training.workdir import check_run, describe_run, hold, record_run


def test_a_line_is_learned_and_all_is_written(tmp_path: Path) -> None:
    shown = []
    loop.run(LineTask(optimizer={"steps": 9}, loop={"log_every": 3, "sample_every": 4}), tmp_path, show=shown.append)
    assert [standing.step for standing in shown] == list(range(1, 10))
    assert shown[-1].metrics["loss"] < shown[0].metrics["loss"] and shown[-1].seconds_left == 0
    records = read_metrics_file(tmp_path)
    assert [record["step"] for record in records] == [3, 6, 9]
    mean = sum(standing.metrics["loss"] for standing in shown[3:6]) / 3
    assert records[1]["loss"] == pytest.approx(mean, rel=1e-4) and records[1]["steps_per_second"] > 0
    assert {path.name for path in tmp_path.glob("samples-*")} == {
        "samples-0000004.png",
        "samples-0000008.png",
        "samples-final.png",
    }
    assert list((tmp_path / "tensorboard").iterdir()) and (tmp_path / "model").is_dir()
    assert json.loads((tmp_path / "run.json").read_text())["optimizer"]["steps"] == 9


def test_a_longer_run_goes_on_and_another_is_refused(tmp_path: Path) -> None:
    loop.run(LineTask(), tmp_path)
    loop.run(LineTask(optimizer={"steps": 7, "learning_rate": 0.01}), tmp_path)
    assert saved_steps(tmp_path)[-1] == 7
    other = {"model": {"width": 2}, "optimizer": {"batch_size": 8, "steps": 8}}
    with pytest.raises(
        ConfigError, match=r"another run file or of other data:\n  model.width: 3, now 2\n  optimizer.batch_size: 4"
    ):
        loop.run(LineTask(**other), tmp_path)
    assert saved_steps(tmp_path)[-1] == 7
    (tmp_path / "run.json").unlink()
    with pytest.raises(CheckpointError, match=r"(?s)another shape:.*params/line/kernel: float32\[3, 1\], not"):
        loop.run(LineTask(**other), tmp_path)


def test_a_set_that_was_made_anew_under_its_old_name_is_refused(tmp_path: Path) -> None:
    @dataclasses.dataclass(frozen=True)
    class Data:
        pictures: str

    write_pictures(tmp_path / "set", np.zeros((4, 8, 8, 3), np.uint8), ["black"] * 4)
    sections = {"data": Data(str(tmp_path / "set"))}
    record_run(tmp_path, describe_run(sections))
    assert check_run(tmp_path, describe_run(sections)) == {}
    shutil.rmtree(tmp_path / "set")
    write_pictures(tmp_path / "set", np.full((4, 8, 8, 3), 255, np.uint8), ["white"] * 4)
    with pytest.raises(ConfigError, match=r"or of other data:\n  sets.pictures: '[0-9a-f]{64}', now"):
        check_run(tmp_path, describe_run(sections))


def test_the_newest_saves_stay_and_each_of_a_multiple(tmp_path: Path) -> None:
    loop.run(LineTask(optimizer={"steps": 12}, loop={"save_every": 1, "keep": 2, "keep_every": 5}), tmp_path)
    assert saved_steps(tmp_path) == [5, 10, 11, 12]


def test_a_folder_in_use_is_refused_with_the_process_that_has_it(tmp_path: Path) -> None:
    with hold(tmp_path), pytest.raises(ConfigError, match=f"is in use by process {os.getpid()}$"):
        loop.run(LineTask(), tmp_path)
    loop.run(LineTask(optimizer={"steps": 1}), tmp_path)


def test_a_damaged_save_is_named(tmp_path: Path) -> None:
    loop.run(LineTask(), tmp_path)
    for path in (tmp_path / "saves" / "6").rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:10])
    with pytest.raises(CheckpointError, match="can't read the save .*/saves/6"):
        loop.run(LineTask(optimizer={"steps": 7}), tmp_path)


def test_nan_stops_at_its_step_with_its_batch_and_is_never_saved(tmp_path: Path) -> None:
    task = LineTask(points={"broken_step": 4}, loop={"save_every": 1, "keep": 9})
    with pytest.raises(DalleMiniError, match=r"step 5: loss is nan; the batch was point 4.0, point 4.1, ") as caught:
        loop.run(task, tmp_path)
    assert "last save is intact" in caught.value.hint
    assert saved_steps(tmp_path) == [1, 2, 3, 4]
    assert json.loads((tmp_path / "stopped-batch.json").read_text())["ids"] == [f"point 4.{row}" for row in range(4)]
    assert all((array == array).all() for array in read_save(tmp_path, 4).values())


def test_parameters_that_are_not_numbers_are_never_saved(tmp_path: Path) -> None:
    """A step whose loss is a number may still leave NaN behind."""

    class Breaking(LineTask):
        def train_step(self, state, arrays):
            state, metrics = super().train_step(state, arrays)
            state.params["line"]["kernel"] *= jnp.where(state.step == 4, jnp.nan, 1.0)
            return state, metrics

    with pytest.raises(DalleMiniError, match=r"step 4: the parameters hold NaN .* \(last save: step 2\)"):
        loop.run(Breaking(), tmp_path)
    assert saved_steps(tmp_path) == [2]


def test_a_leap_of_the_loss_stops_the_run(tmp_path: Path) -> None:
    steps = {"steps": WINDOW + 20, "learning_rate": 1e-4}
    every = {"save_every": 1000, "log_every": 1000}
    with pytest.raises(DalleMiniError, match=rf"step {WINDOW + 11}: the loss leapt to .* it was at most .*point"):
        loop.run(LineTask(points={"steep_step": WINDOW + 10}, optimizer=steps, loop=every), tmp_path / "watched")
    unwatched = LineTask(points={"steep_step": WINDOW + 10}, optimizer=steps, loop={**every, "spike_factor": 0})
    loop.run(unwatched, tmp_path / "unwatched")


def test_too_little_room_is_seen_before_anything_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: room._replace(free=10))
    with pytest.raises(OutputError, match="GB are needed"):
        loop.run(LineTask(), tmp_path)
    assert saved_steps(tmp_path) == []


def test_lines_of_steps_that_are_made_again_are_dropped(tmp_path: Path) -> None:
    loop.run(LineTask(optimizer={"steps": 4}), tmp_path)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 5, "loss": 0.5}\n{"step": 6, "lo')
    loop.run(LineTask(), tmp_path)
    records = read_metrics_file(tmp_path)
    assert [record["step"] for record in records] == list(range(1, 7)) and records[4]["loss"] != 0.5


def test_weights_and_biases_gets_every_record_or_is_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = LineTask(loop={"wandb_project": "lines"})
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(ConfigError, match="needs wandb, which is not installed"):
        loop.run(task, tmp_path)
    logged, started = [], []
    run = SimpleNamespace(log=lambda values, step: logged.append(step), finish=lambda: logged.append("finished"))
    fake = SimpleNamespace(init=lambda **options: started.append(options) or run)
    monkeypatch.setitem(sys.modules, "wandb", fake)
    loop.run(task, tmp_path)
    loop.run(LineTask(loop={"wandb_project": "lines"}, optimizer={"steps": 7}), tmp_path)
    assert logged == [*range(1, 7), "finished", 7, "finished"]
    assert started[0]["id"] == started[1]["id"] and started[0]["config"]["optimizer"]["steps"] == 6
