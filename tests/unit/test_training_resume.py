"""Whatever ends a training, the same command goes on, and ends where an unbroken run does."""

import math
import random
from pathlib import Path

from trainings import finish, make_training, read_metrics_file, read_save, saved_steps, start_python, wait_for_step

from dalle_mini.checkpoints.store import load_transformer
from dalle_mini.training import loop
from dalle_mini.training.runfile import read_run_file
from dalle_mini.training.transformer import TransformerTask


def train(run_file: Path, workdir: Path) -> None:
    loop.run(TransformerTask(read_run_file(run_file)), workdir)


def test_a_killed_run_learns_and_ends_as_an_unbroken_one_bit_for_bit(tmp_path: Path) -> None:
    run_file, whole, killed = make_training(tmp_path), tmp_path / "whole", tmp_path / "killed"
    with start_python("-m", "dalle_mini", "train", "transformer", run_file, "--workdir", killed):
        wait_for_step(killed, random.randint(1, 11))
    train(run_file, whole)
    train(run_file, killed)
    expected, found = read_save(whole, 12), read_save(killed, 12)
    assert expected.keys() == found.keys()
    assert all((expected[name] == found[name]).all() for name in expected)
    records = read_metrics_file(killed)
    assert [record["step"] for record in records] == list(range(1, 13))
    losses = [record["loss"] for record in records]
    assert losses == [record["loss"] for record in read_metrics_file(whole)]
    assert abs(losses[0] - math.log(65)) < 1.5 and losses[-1] < losses[0] - 0.3
    config, params = load_transformer(killed / "model")
    assert config.d_model == 16 and "layers_1" in params["decoder"]


STOPPED = """
import sys
from pathlib import Path
from trainings import LineTask
from dalle_mini.training import loop

loop.run(LineTask(optimizer={"steps": 10**6}, loop={"save_every": 10**6}), Path(sys.argv[1]))
"""


def test_sigterm_saves_and_leaves(tmp_path: Path) -> None:
    with start_python("-c", STOPPED, tmp_path) as process:
        wait_for_step(tmp_path, 2)
        process.terminate()
        finish(process)
    (saved,) = saved_steps(tmp_path)
    assert saved == read_metrics_file(tmp_path)[-1]["step"] and not (tmp_path / "model").exists()


FULL_DISK = """
import resource, sys
from pathlib import Path
from trainings import LineTask
from dalle_mini.errors import OutputError
from dalle_mini.training import loop

loop.run(LineTask(), Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
try:
    loop.run(LineTask(optimizer={"steps": 8}, loop={"log_every": 100}), Path(sys.argv[1]))
except OutputError as error:
    print(error, error.hint, sep="\\n")
"""


def test_a_full_disk_is_told_and_loses_nothing(tmp_path: Path) -> None:
    with start_python("-c", FULL_DISK, tmp_path) as process:
        out, err = finish(process)
    message, hint = out.splitlines()
    assert message.startswith(f"can't write {tmp_path}") and hint, err
    assert saved_steps(tmp_path)[-1] == 6
    read_save(tmp_path, 6)
