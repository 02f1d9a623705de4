"""The trainers: they learn, they resume exactly, and they refuse what can't work."""

import json
import math
import os
import signal
import threading

import numpy as np
import orbax.checkpoint as ocp
import pytest
from doubles import IMAGE_SIZE, make_tiny_model
from sets import write_pictures

from dalle_mini.checkpoints.store import load_transformer, load_vqgan
from dalle_mini.data.encode import Encoder, encode_pictures
from dalle_mini.errors import CheckpointError, ConfigError, DataError
from dalle_mini.training import loop
from dalle_mini.training.optimizer import OptimizerConfig, learning_rate
from dalle_mini.training.runfile import read_run_file
from dalle_mini.training.transformer import TransformerTask
from dalle_mini.training.vqgan import VQGANTask

VQGAN_RUN = """
[data]
pictures = "PLACE/scenes"
[model]
ch = 32
ch_mult = [1, 2]
num_res_blocks = 1
attn_resolutions = []
resolution = 32
z_channels = 16
embed_dim = 8
n_embed = 32
patch_size = 4
norm_groups = 8
[loss]
plain_steps = 5
[optimizer]
steps = 12
batch_size = 8
learning_rate = 3e-3
warmup_steps = 2
decay_steps = 4
ema_decay = 0.5
[loop]
log_every = 4
save_every = 6
sample_every = 12
"""

TRANSFORMER_RUN = """
[data]
tokens = "PLACE/tokens"
tokenizer = "PLACE/tiny"
vqgan = "PLACE/tiny/vqgan"
[samples]
prompts = ["a red car"]
images = 2
[model]
encoder_vocab_size = 320
image_vocab_size = 64
max_text_length = 16
image_length = 16
d_model = 32
encoder_layers = 1
decoder_layers = 2
encoder_attention_heads = 2
decoder_attention_heads = 2
encoder_ffn_dim = 48
decoder_ffn_dim = 48
normalize_text = true
[learning]
dropout = 0.1
scan_layers = true
[optimizer]
steps = 40
batch_size = 16
learning_rate = 1e-2
warmup_steps = 4
decay_steps = 10
ema_decay = 0.5
[loop]
log_every = 10
save_every = 20
sample_every = 100
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Forty captioned pictures of one color each, a tiny model, and the pictures' tokens."""
    place = tmp_path_factory.mktemp("training")
    random = np.random.default_rng(0)
    colors = random.integers(0, 256, size=(40, 1, 1, 3), dtype=np.uint8)
    captions = [f"a picture number {index % 5}" for index in range(40)]
    pictures = np.broadcast_to(colors, (40, IMAGE_SIZE, IMAGE_SIZE, 3))
    scenes = write_pictures(place / "scenes", pictures, captions, per_shard=25)
    tiny = make_tiny_model(place / "tiny")
    encoder = Encoder(tiny / "vqgan", tiny, max_text_length=16, normalize=True)
    assert encode_pictures(scenes, place / "tokens", encoder).count == 40
    return place


def task(place, kind, text, *overrides):
    path = place / "run.toml"
    path.write_text(text.replace("PLACE", str(place)))
    return kind(read_run_file(path, overrides))


def read_save(workdir, step) -> dict:
    """The arrays of a run's state by their paths, read without our own code."""
    with ocp.StandardCheckpointer() as checkpointer:
        return checkpointer.restore((workdir / "saves" / str(step) / "default").absolute())


def logged(workdir) -> list[dict]:
    return [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]


def test_the_vqgan_learns_and_exports_what_loads(place, tmp_path):
    loop.run(task(place, VQGANTask, VQGAN_RUN, "optimizer.steps=60", "loss.plain_steps=20"), tmp_path)
    records = logged(tmp_path)
    assert records[-1]["psnr"] > records[0]["psnr"] + 3
    config, params = load_vqgan(tmp_path / "model")
    assert config.n_embed == 32 and (tmp_path / "samples-final.png").exists()
    assert np.isfinite(np.asarray(params["quantize"]["embedding"]["embedding"])).all()


def test_the_transformer_learns_and_exports_what_loads(place, tmp_path):
    loop.run(task(place, TransformerTask, TRANSFORMER_RUN), tmp_path)
    records = logged(tmp_path)
    assert abs(records[0]["loss"] - math.log(65)) < 1.5
    assert records[-1]["loss"] < records[0]["loss"] - 0.5
    config, params = load_transformer(tmp_path / "model")
    assert config.d_model == 32 and "layers_1" in params["decoder"]


@pytest.mark.parametrize(("kind", "text"), [(VQGANTask, VQGAN_RUN), (TransformerTask, TRANSFORMER_RUN)])
def test_a_stopped_run_ends_as_an_unbroken_one(place, tmp_path, kind, text):
    steps = "optimizer.steps=12"
    loop.run(task(place, kind, text, steps), tmp_path / "whole")

    broken = task(place, kind, text, steps)
    make_batches = broken.batches

    def batches(first_step):
        for step, batch in enumerate(make_batches(first_step), start=first_step):
            if step == 5:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    broken.batches = batches
    assert threading.current_thread() is threading.main_thread()
    loop.run(broken, tmp_path / "broken")
    assert not (tmp_path / "broken" / "model").exists()
    loop.run(task(place, kind, text, steps), tmp_path / "broken")

    whole, resumed = (read_save(tmp_path / run, 12) for run in ("whole", "broken"))
    assert whole.keys() == resumed.keys()
    assert all((whole[name] == resumed[name]).all() for name in whole)


def test_a_run_of_another_shape_is_refused(place, tmp_path):
    loop.run(task(place, VQGANTask, VQGAN_RUN, "optimizer.steps=1"), tmp_path)
    with pytest.raises(ConfigError, match=r"model.embed_dim: 8, now 4"):
        loop.run(task(place, VQGANTask, VQGAN_RUN, "model.embed_dim=4"), tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(CheckpointError, match=r"(?s)another shape:\n  .*float32\[32, 8\], not float32\[32, 4\]"):
        loop.run(task(place, VQGANTask, VQGAN_RUN, "model.embed_dim=4"), tmp_path)


@pytest.mark.parametrize(
    ("kind", "text", "override", "error", "message"),
    [
        (VQGANTask, VQGAN_RUN, "model.n_embd=4", ConfigError, "n_embd"),
        (VQGANTask, VQGAN_RUN, "optimiser.steps=4", ConfigError, "optimiser"),
        (VQGANTask, VQGAN_RUN, "model.resolution=64", DataError, "shape"),
        (VQGANTask, VQGAN_RUN, 'data.pictures="nowhere"', DataError, "nowhere"),
        (VQGANTask, VQGAN_RUN, "optimizer.batch_size=0", ConfigError, "batch_size"),
        (TransformerTask, TRANSFORMER_RUN, "model.d_modle=4", ConfigError, "d_modle"),
        (TransformerTask, TRANSFORMER_RUN, "model.image_length=64", DataError, "image length 16, the model's is 64"),
        (TransformerTask, TRANSFORMER_RUN, "learning.dropout=1.5", ConfigError, "dropout"),
    ],
)
def test_mistakes_in_a_run_file_are_named(place, kind, text, override, error, message):
    with pytest.raises(error, match=message):
        task(place, kind, text, override)


def test_the_learning_rate_rises_holds_and_falls():
    config = OptimizerConfig(steps=100, batch_size=1, learning_rate=1.0, warmup_steps=10, decay_steps=20)
    rates = [float(learning_rate(config, step)) for step in (0, 9, 50, 80, 90, 99)]
    assert np.allclose(rates, [0.1, 1.0, 1.0, 1.0, 0.5, 0.05])
