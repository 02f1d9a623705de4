"""Trainings for tests: the transformer at its smallest, on disk like any other, and a task that fits a line in no
time, for what the loop does with every task."""

import contextlib
import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
from doubles import CODEBOOK_SIZE, IMAGE_LENGTH, make_tiny_model
from PIL import Image

from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.data.encode import tokenizer_digest
from dalle_mini.data.loader import Batch
from dalle_mini.data.manifest import Manifest
from dalle_mini.data.records import pack_tokens
from dalle_mini.data.shards import RecordWriter
from dalle_mini.text.tokenizer import Tokenizer
from dalle_mini.training.loop import LoopConfig
from dalle_mini.training.optimizer import OptimizerConfig, build_optimizer
from dalle_mini.training.runfile import build_sections
from dalle_mini.training.sharding import MeshConfig
from dalle_mini.training.state import TrainState

TESTS = Path(__file__).parent
TEXT_LENGTH = 8
RUN = """
[data]
tokens = "PLACE/tokens"
tokenizer = "PLACE/model"
vqgan = "PLACE/model/vqgan"
[model]
encoder_vocab_size = 320
image_vocab_size = 64
max_text_length = 8
image_length = 16
d_model = 16
encoder_layers = 1
decoder_layers = 2
encoder_attention_heads = 2
decoder_attention_heads = 2
encoder_ffn_dim = 16
decoder_ffn_dim = 16
normalize_text = true
[learning]
dropout = 0.1
[optimizer]
steps = 12
batch_size = 16
learning_rate = 1e-2
warmup_steps = 2
decay_steps = 4
ema_decay = 0.5
[loop]
log_every = 1
save_every = 3
"""


def make_training(place: Path, *, records: int = 50) -> Path:
    """Lay out a model, a token set that it could have made, and `run.toml`; the run file's path."""
    model = make_tiny_model(place / "model")
    tokenizer = Tokenizer.from_directory(model, max_length=TEXT_LENGTH, normalize=True)
    plan = Manifest(
        "tokens",
        text_length=TEXT_LENGTH,
        image_length=IMAGE_LENGTH,
        vocab_size=tokenizer.vocab_size,
        codebook_size=CODEBOOK_SIZE,
        vqgan=model_digest(model / "vqgan"),
        tokenizer=tokenizer_digest(model),
        normalized=True,
    )
    writer = RecordWriter(place / "tokens", plan)
    writer.begin()
    captions = [f"picture {index % 5}" for index in range(records)]
    images = (np.arange(records)[:, None] * 7 + np.arange(IMAGE_LENGTH)) % CODEBOOK_SIZE
    rows = zip(captions, tokenizer.encode(captions).tokens, images.astype(np.int32), strict=True)
    packed = [
        pack_tokens(id=f"t{index}", caption=caption, text=np.asarray(text), image=image)
        for index, (caption, text, image) in enumerate(rows)
    ]
    shard = writer.write(0, packed)
    assert shard
    writer.finish([shard])
    path = place / "run.toml"
    path.write_text(RUN.replace("PLACE", str(place)))
    return path


@dataclasses.dataclass(frozen=True)
class LineConfig:
    width: int = 3


@dataclasses.dataclass(frozen=True)
class PointsConfig:
    """The batch of `broken_step` has NaN in it, that of `steep_step` lies on a steeper line."""

    broken_step: int = -1
    steep_step: int = -1


class LineTask:
    """A task of the loop: the slopes of a line, which are 0, 1, 2 and so on, from points on it."""

    start_weights = None

    def __init__(self, **tables: dict[str, Any]) -> None:
        optimizer = {
            "steps": 6,
            "batch_size": 4,
            "learning_rate": 0.1,
            "warmup_steps": 1,
            "decay_steps": 1,
            **tables.pop("optimizer", {}),
        }
        optimizer.setdefault("warmup_steps", 1)
        loop = {"log_every": 1, "save_every": 2, **tables.pop("loop", {})}
        self.sections = build_sections(
            {**tables, "optimizer": optimizer, "loop": loop},
            model=LineConfig,
            points=PointsConfig,
            optimizer=OptimizerConfig,
            loop=LoopConfig,
            mesh=MeshConfig,
        )
        self.steps: int = self.sections["optimizer"].steps
        self.loop: LoopConfig = self.sections["loop"]
        self.mesh: MeshConfig = self.sections["mesh"]

    def init(self) -> TrainState:
        params = {"line": {"kernel": jnp.zeros((self.sections["model"].width, 1))}}
        return TrainState.fresh(params, build_optimizer(self.sections["optimizer"]).init(params))

    def batches(self, first_step: int) -> Iterator[Batch]:
        points, width = self.sections["points"], self.sections["model"].width
        for step in itertools.count(first_step):
            x = np.random.default_rng((self.loop.seed, step)).random((4, width), np.float32)
            steepness = {points.broken_step: np.nan, points.steep_step: 1000}.get(step, 1)
            y = x @ np.arange(width)[:, None] * steepness
            arrays = {"x": x, "y": y.astype(np.float32)}
            yield Batch([f"point {step}.{row}" for row in range(4)], [""] * 4, arrays)

    def train_step(self, state: TrainState, arrays: dict[str, jax.Array]) -> tuple[TrainState, dict[str, jax.Array]]:
        def loss(params):
            return jnp.mean((arrays["x"] @ params["line"]["kernel"] - arrays["y"]) ** 2)

        value, gradients = jax.value_and_grad(loss)(state.params)
        optimizer = build_optimizer(self.sections["optimizer"])
        updates, optimizer_state = optimizer.update(gradients, state.optimizer, state.params)
        params = jax.tree.map(jnp.add, state.params, updates)
        return TrainState(state.step + 1, params, state.average, optimizer_state), {"loss": value}

    def sample(self, state: TrainState, path: Path) -> None:
        Image.new("RGB", (32, 32), "teal").save(path)

    def export(self, state: TrainState, directory: Path) -> None:
        directory.mkdir(exist_ok=True)


@contextlib.contextmanager
def start_python(*arguments: str | Path, devices: int = 1) -> Generator[subprocess.Popen[str]]:
    """Python in a process of its own that sees so many devices, and the modules of the tests; killed at the end."""
    environment = {
        **os.environ,
        "JAX_DISABLE_MOST_OPTIMIZATIONS": str(jax.config.read("jax_disable_most_optimizations")),
        "XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}",
        "PYTHONPATH": os.pathsep.join(map(str, (TESTS, TESTS.parent))),
    }
    command = [sys.executable, *map(str, arguments)]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def finish(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What the process put out, on both channels, once it has ended well."""
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return out, err


def wait_for_step(workdir: Path, step: int) -> None:
    """Wait until a run that another process makes has logged so many steps."""
    deadline = time.monotonic() + 120
    path = workdir / "metrics.jsonl"
    while not path.exists() or len(path.read_bytes().splitlines()) < step:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stop_at(step: int, batches, first_step: int) -> Iterator[Batch]:
    """The batches of a task, in whose step `step` comes the signal to stop."""
    for number, batch in enumerate(batches(first_step), start=first_step):
        if number == step:
            os.kill(os.getpid(), signal.SIGTERM)
        yield batch


def read_metrics_file(workdir: Path) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def saved_steps(workdir: Path) -> list[int]:
    return sorted(int(path.name) for path in (workdir / "saves").iterdir())


def read_save(workdir: Path, step: int) -> dict:
    """The arrays of a run's state by their paths, read without our own code."""
    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore((workdir / "saves" / str(step) / "default").absolute())
