"""Many devices and many processes: every leaf has its place, and the numbers are those of one device."""

import functools
import socket
from collections.abc import Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen

import jax
import numpy as np
import pytest
from doubles import make_tiny_model
from trainings import finish, make_training, read_metrics_file, saved_steps, start_python, wait_for_step

from dalle_mini.checkpoints.store import load_transformer, load_vqgan
from dalle_mini.config import PRESETS
from dalle_mini.data.loader import Batch
from dalle_mini.errors import ConfigError
from dalle_mini.models import transformer
from dalle_mini.training import loop
from dalle_mini.training import transformer as training
from dalle_mini.training.optimizer import OptimizerConfig, build_optimizer
from dalle_mini.training.runfile import read_run_file
from dalle_mini.training.sharding import AXES, MeshConfig, build_mesh, check_batch, shard_state
from dalle_mini.training.state import TrainState, name_leaves
from dalle_mini.training.transformer import TransformerTask

pytestmark = pytest.mark.usefixtures("quick_compiles")


def pretend_mesh(data: int = 1, fsdp: int = 1, model: int = 1) -> jax.sharding.AbstractMesh:
    """A mesh to reason about; its devices do not exist."""
    return jax.sharding.AbstractMesh((data, fsdp, model), AXES)


@pytest.mark.parametrize("name", ["adamw", "adafactor", "muon"])
def test_every_leaf_has_a_rule(name: str, tmp_path: Path) -> None:
    optimizer = build_optimizer(OptimizerConfig(steps=1, batch_size=1, learning_rate=1.0, name=name))
    model = make_tiny_model(tmp_path)
    for params in (load_transformer(model)[1], load_vqgan(model / "vqgan")[1]):
        state = jax.eval_shape(lambda tree: TrainState.fresh(tree, optimizer.init(tree)), params)
        assert len(name_leaves(shard_state(state, build_mesh(MeshConfig())))) == len(name_leaves(state))
    with pytest.raises(ConfigError, match="no sharding rule for 'params/mystery'"):
        shard_state({"params": {"mystery": np.zeros(3)}}, build_mesh(MeshConfig()))


def test_megas_state_is_divided_by_the_devices_of_its_mesh() -> None:
    config = PRESETS["mega"]
    params = jax.eval_shape(functools.partial(transformer.init, config=config, scan=True), jax.random.key(0))
    mesh = pretend_mesh(data=2, fsdp=8, model=4)
    leaves, places = (name_leaves(tree) for tree in (params, shard_state(params, mesh)))
    whole = sum(leaf.size for leaf in leaves.values())
    here = sum(np.prod(places[name].shard_shape(leaf.shape)) for name, leaf in leaves.items())
    assert whole / 32 <= here < whole / 32 * 1.01
    kernel = "decoder/layers/feed_forward/gate/kernel"
    assert places[kernel].shard_shape(leaves[kernel].shape) == (24, 4096 // 4, 2048 // 8)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"data": 0}, "data=0"),
        ({"data": -1, "fsdp": -1}, "fsdp=-1"),
        ({"data": 3, "fsdp": -2}, "fsdp=-2"),
    ],
)
def test_meshes_that_are_none(config: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        MeshConfig(**config)


def test_a_mesh_that_does_not_cover_the_devices() -> None:
    with pytest.raises(ConfigError, match="data=2, fsdp=1, model=1 does not cover 1 devices"):
        build_mesh(MeshConfig(data=2))
    with pytest.raises(ConfigError, match="data=-1, fsdp=3, model=1 does not cover 1 devices"):
        build_mesh(MeshConfig(fsdp=3))


def test_a_batch_must_divide_by_the_mesh() -> None:
    check_batch(24, 3, pretend_mesh(data=2, fsdp=4))
    with pytest.raises(ConfigError, match=r"batch_size=20 does not divide by 8 \(data=2 × fsdp=4 × accumulate=1\)"):
        check_batch(20, 1, pretend_mesh(data=2, fsdp=4))


@pytest.fixture(scope="module")
def run_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_training(tmp_path_factory.mktemp("training"))


STEPS = ("--set", "optimizer.steps=4", "--set", "loop.save_every=2")


def losses(workdir: Path) -> list[float]:
    return [record["loss"] for record in read_metrics_file(workdir)]


@pytest.fixture(scope="module")
def alone(run_file: Path, tmp_path_factory: pytest.TempPathFactory) -> list[float]:
    """The losses of the run file on one device."""
    workdir = tmp_path_factory.mktemp("alone")
    loop.run(TransformerTask(read_run_file(run_file, STEPS[1::2])), workdir)
    return losses(workdir)


def launch(run_file: Path, workdir: Path, *options: str, devices: int) -> AbstractContextManager[Popen[str]]:
    command = ["-m", "dalle_mini", "train", "transformer", run_file, "--workdir", workdir, *STEPS, *options]
    return start_python(*command, devices=devices)


def test_eight_devices_lose_what_one_does(run_file: Path, alone: list[float], tmp_path: Path) -> None:
    mesh = ["--set", "mesh.data=2", "--set", "mesh.fsdp=2", "--set", "mesh.model=2"]
    with launch(run_file, tmp_path, *mesh, devices=8) as process:
        finish(process)
    assert np.allclose(losses(tmp_path), alone, rtol=2e-4)


def test_blank_captions_and_rehearsed_rows_do_not_depend_on_the_number_of_processes(
    run_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rehearsing = [
        f'data.rehearsal="{run_file.parent}/tokens"',
        "data.rehearsal_share=0.25",
        "learning.blank_captions=0.5",
    ]
    task = TransformerTask(read_run_file(run_file, rehearsing))

    def share(process: int, processes: int) -> Batch:
        monkeypatch.setattr(training, "row_share", lambda mesh: {"process": process, "processes": processes})
        return next(task.batches(3))

    whole, shares = share(0, 1), [share(process, 4) for process in range(4)]
    assert sum((one.ids for one in shares), []) == whole.ids
    for name, array in whole.arrays.items():
        assert np.array_equal(np.concatenate([one.arrays[name] for one in shares]), array)
    words = whole.arrays["mask"].sum(axis=1)
    assert 0 < np.mean(words == words.min()) < 1


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextmanager
def launch_both(run_file: Path, workdir: Path, *options: str) -> Generator[list[Popen[str]]]:
    """Two processes of two devices each, which find one another on this machine."""
    together = ["--coordinator", f"127.0.0.1:{free_port()}", "--processes", "2", "--set", "mesh.fsdp=4", *options]
    with ExitStack() as stack:
        yield [
            stack.enter_context(launch(run_file, workdir, *together, "--process", str(process), devices=2))
            for process in range(2)
        ]


def test_two_processes_lose_what_one_does_and_go_on_as_one(run_file: Path, alone: list[float], tmp_path: Path) -> None:
    with launch_both(run_file, tmp_path) as both:
        for process in both:
            finish(process)
    assert np.allclose(losses(tmp_path), alone, rtol=2e-4)
    assert (tmp_path / "model" / "model.safetensors").exists() and saved_steps(tmp_path) == [2, 4]
    loop.run(TransformerTask(read_run_file(run_file, ["optimizer.steps=5"])), tmp_path)
    assert len(losses(tmp_path)) == 5


def test_two_processes_agree_on_the_step_to_stop_at(run_file: Path, tmp_path: Path) -> None:
    endless = ["--set", "optimizer.steps=100000", "--set", "loop.save_every=100000"]
    with launch_both(run_file, tmp_path, *endless) as both:
        wait_for_step(tmp_path, 2)
        both[1].terminate()
        said = [finish(process)[1] for process in both]
    (saved,) = saved_steps(tmp_path)
    assert f"stopped at step {saved}" in said[0]


def test_machines_that_do_not_answer_are_told(run_file: Path, tmp_path: Path) -> None:
    with launch(run_file, tmp_path, "--distributed", devices=1) as process:
        _, err = process.communicate(timeout=120)
    assert process.returncode == 2 and "error: can't join the other machines: coordinator_address" in err
