"""Run files of the trainers: what can't work is refused by name, and rates follow the schedule."""

from pathlib import Path

import numpy as np
import pytest
from doubles import IMAGE_SIZE
from sets import write_pictures
from trainings import make_training

from dalle_mini.errors import ConfigError, DataError
from dalle_mini.training.optimizer import OptimizerConfig, learning_rate
from dalle_mini.training.runfile import read_run_file
from dalle_mini.training.transformer import TransformerTask
from dalle_mini.training.vqgan import VQGANTask

VQGAN_RUN = """
[data]
pictures = "PLACE/scenes"
[model]
resolution = 32
[optimizer]
steps = 12
batch_size = 8
learning_rate = 3e-3
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run files of a VQGAN and a transformer, with what they name."""
    place = tmp_path_factory.mktemp("training")
    make_training(place).rename(place / "transformer.toml")
    write_pictures(place / "scenes", np.zeros((8, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8), ["nothing"] * 8)
    (place / "vqgan.toml").write_text(VQGAN_RUN.replace("PLACE", str(place)))
    return place


@pytest.mark.parametrize(
    ("kind", "override", "error", "message"),
    [
        (VQGANTask, "model.n_embd=4", ConfigError, "n_embd"),
        (VQGANTask, "optimiser.steps=4", ConfigError, "optimiser"),
        (VQGANTask, "model.resolution=64", DataError, "shape"),
        (VQGANTask, 'data.pictures="nowhere"', DataError, "nowhere"),
        (VQGANTask, "optimizer.batch_size=0", ConfigError, "batch_size"),
        (TransformerTask, "loop.seed=-1", ConfigError, "seed=-1 is not a seed"),
        (TransformerTask, "loop.seed=4294967296", ConfigError, "is not a seed"),
        (TransformerTask, "model.d_modle=4", ConfigError, "d_modle"),
        (TransformerTask, "model.image_length=64", DataError, "image length 16, the model's is 64"),
        (TransformerTask, "learning.dropout=1.5", ConfigError, "dropout"),
    ],
)
def test_mistakes_in_a_run_file_are_named(place: Path, kind, override: str, error, message: str) -> None:
    name = {VQGANTask: "vqgan", TransformerTask: "transformer"}[kind]
    with pytest.raises(error, match=message):
        kind(read_run_file(place / f"{name}.toml", [override]))


def test_the_learning_rate_rises_holds_and_falls() -> None:
    config = OptimizerConfig(steps=100, batch_size=1, learning_rate=1.0, warmup_steps=10, decay_steps=20)
    rates = [float(learning_rate(config, step)) for step in (0, 9, 50, 80, 90, 99)]
    assert np.allclose(rates, [0.1, 1.0, 1.0, 1.0, 0.5, 0.05])
