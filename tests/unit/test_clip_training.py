"""The CLIP trainer: its loss is the paper's, it learns, it resumes exactly, and it refuses what can't work."""

import functools
import itertools
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from doubles import CAPTIONS
from PIL import Image
from sets import write_pictures
from trainings import read_save, stop_at

from dalle_mini.checkpoints.store import load_clip
from dalle_mini.cli import main
from dalle_mini.errors import CheckpointError, ConfigError, DataError
from dalle_mini.ranking import Clip
from dalle_mini.text import train_tokenizer
from dalle_mini.training import loop
from dalle_mini.training.caption_sheet import compose_caption_sheet
from dalle_mini.training.clip import CLIPTask, contrastive_loss
from dalle_mini.training.runfile import read_run_file

pytestmark = pytest.mark.usefixtures("quick_compiles")

SIDE = 16
COLORS = {"red": (220, 30, 30), "green": (30, 200, 40), "blue": (40, 50, 220), "yellow": (230, 220, 40)}
PLACES = {"top": (0, 4), "bottom": (8, 4), "middle": (4, 4)}
NAMES = [f"a {color} square at the {place}" for color in COLORS for place in PLACES]

RUN = """
[data]
pictures = "PLACE/squares"
tokenizer = "PLACE/words"
[model]
projection_dim = 16
[text]
hidden_size = 32
intermediate_size = 64
num_hidden_layers = 1
num_attention_heads = 2
max_position_embeddings = 12
normalize_text = true
[vision]
hidden_size = 32
intermediate_size = 64
num_hidden_layers = 1
num_attention_heads = 2
image_size = 16
patch_size = 4
[distortion]
shift = 0.06
scale = 0
color = 0
blur = 0
cells = 0
unrest = 0
noise = 0
cut_out = 0
mirror = false
[optimizer]
steps = 12
batch_size = 32
learning_rate = 3e-3
warmup_steps = 5
decay_steps = 10
ema_decay = 0.9
[loop]
log_every = 4
save_every = 6
sample_every = 6
"""

PATCHES = RUN[RUN.index("[vision]") : RUN.index("[distortion]")]
RESIDUAL = """[residual]
patch_size = 4
widths = [8, 16]
depths = [1, 1]
image_size = 16
"""


def draw_square(name: str, random: np.random.Generator) -> np.ndarray:
    """A square of about its color at its place, on a gray that varies."""
    _, color, *_, place = name.split()
    pixels = np.full((SIDE, SIDE, 3), random.integers(60, 200))
    top, left = PLACES[place]
    pixels[top : top + 8, left : left + 8] = COLORS[color]
    return np.clip(pixels + random.normal(0, 8, pixels.shape), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory):
    """Colored squares with captions, and a tokenizer for them."""
    place = tmp_path_factory.mktemp("clip")
    random = np.random.default_rng(0)
    captions = NAMES * 20
    write_pictures(place / "squares", np.stack([draw_square(name, random) for name in captions]), captions)
    train_tokenizer([f" {name}" for name in NAMES] + CAPTIONS, 340, place / "words")
    return place


def task(place, *overrides: str, tower: str = PATCHES) -> CLIPTask:
    path = place / "run.toml"
    path.write_text(RUN.replace(PATCHES, tower).replace("PLACE", str(place)))
    return CLIPTask(read_run_file(path, overrides))


def read_first_loss(workdir) -> float:
    return json.loads((workdir / "metrics.jsonl").read_text().splitlines()[0])["loss"]


def test_the_loss_is_the_mean_of_both_choices() -> None:
    random = np.random.default_rng(0)
    texts, images = (random.standard_normal((5, 7)) for _ in range(2))
    texts, images = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (texts, images))
    logits = 3.0 * images @ texts.T
    own = np.arange(5)

    def nats(rows: np.ndarray) -> float:
        return float(np.mean(np.log(np.exp(rows).sum(axis=1)) - rows[own, own]))

    found, accuracies = contrastive_loss(*(jnp.asarray(rows, jnp.float32) for rows in (texts, images)), jnp.float32(3))
    np.testing.assert_allclose(found, (nats(logits) + nats(logits.T)) / 2, rtol=1e-5)
    assert accuracies["caption_accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == own))
    assert accuracies["picture_accuracy"] == pytest.approx(np.mean(logits.argmax(axis=0) == own))


@pytest.mark.parametrize("tower", [PATCHES, RESIDUAL])
def test_squares_it_never_saw_find_their_captions(place, tmp_path, tower: str) -> None:
    """Chance is 1 in 12; what was exported is asked, through the files."""
    loop.run(task(place, "optimizer.steps=150", "loop.log_every=25", tower=tower), tmp_path)
    clip = Clip.load(tmp_path / "model", dtype="float32")
    random = np.random.default_rng(7)
    pixels = np.stack([draw_square(name, random) for name in NAMES])
    cosines = clip.embed_images(pixels) @ clip.embed_text(NAMES).T
    assert np.mean(cosines.argmax(axis=1) == np.arange(len(NAMES))) > 0.6
    assert np.mean(cosines.argmax(axis=0) == np.arange(len(NAMES))) > 0.6
    with Image.open(tmp_path / "samples-final.png") as sheet:
        assert sheet.width > 4 * 256
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert records[-1]["caption_accuracy"] > records[0]["caption_accuracy"]
    assert records[-1]["picture_accuracy"] > records[0]["picture_accuracy"]


def test_a_run_begins_with_the_weights_it_is_told_to(place, tmp_path) -> None:
    loop.run(task(place), tmp_path / "first")
    start = f"learning.start_from='{tmp_path / 'first' / 'model'}'"
    loop.run(task(place, start), tmp_path / "second")
    first, second = (read_first_loss(tmp_path / run) for run in ("first", "second"))
    assert second < first
    with pytest.raises(ConfigError, match="projection_dim"):
        _ = task(place, start, "model.projection_dim=8").start_weights


def test_another_kind_of_image_tower_begins_beside_the_text_tower_of_before(place, tmp_path) -> None:
    loop.run(task(place), tmp_path / "first")
    start = f"learning.start_from='{tmp_path / 'first' / 'model'}'"
    run = task(place, start, tower=RESIDUAL)
    before, after, fresh = load_clip(tmp_path / "first" / "model")[1], run.start_weights, run.init().params
    assert after is not None
    for tower, expected in (("text", before), ("image", fresh)):
        jax.tree.map(np.testing.assert_array_equal, after[tower], expected[tower])
    loop.run(run, tmp_path / "second")
    assert "vision" not in json.loads((tmp_path / "second" / "run.json").read_text())
    with pytest.raises(ConfigError, match="text_config"):
        _ = task(place, start, "text.hidden_size=16", tower=RESIDUAL).start_weights


def test_two_image_towers_are_refused(place) -> None:
    with pytest.raises(ConfigError, match=r"\[vision\] and \[residual\]"):
        task(place, tower=PATCHES + RESIDUAL)


def test_the_factor_of_the_logits_stays_at_most_100(place) -> None:
    run = task(place, "model.logit_scale_init_value=4.61", "optimizer.learning_rate=0.5", "optimizer.warmup_steps=1")
    state, train_step = run.init(), jax.jit(run.train_step)
    for batch in itertools.islice(run.batches(0), 3):
        state, metrics = train_step(state, batch.arrays)
        assert metrics["scale"] <= 100.001


def test_a_stopped_run_ends_as_an_unbroken_one(place, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    loop.run(task(place), tmp_path / "whole")
    broken = task(place)
    monkeypatch.setattr(broken, "batches", functools.partial(stop_at, 5, broken.batches))
    loop.run(broken, tmp_path / "broken")
    assert not (tmp_path / "broken" / "model").exists()
    loop.run(task(place), tmp_path / "broken")
    whole, resumed = (read_save(tmp_path / run, 12) for run in ("whole", "broken"))
    assert whole.keys() == resumed.keys() and len(whole) > 100
    assert all((whole[name] == resumed[name]).all() for name in whole)


def test_the_sheet_has_a_tile_a_picture_and_long_captions_are_cut() -> None:
    pixels = np.zeros((4, SIDE, SIDE, 3), np.uint8)
    short, long = "a red square", "a very long caption that goes on and on " * 20
    sheet = compose_caption_sheet(pixels, [short] * 4, [short, long, "", "…"])
    assert sheet.width == 2 * 256 + 8
    assert compose_caption_sheet(pixels, [long] * 4, [short] * 4).size == sheet.size


def test_the_command_names_a_mistake(place, capsys: pytest.CaptureFixture[str]) -> None:
    task(place)
    command = ["train", "clip", str(place / "run.toml"), "--workdir", str(place / "work")]
    assert main([*command, "--set", "vision.patch_sise=4"]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error == "error: unknown name in [vision] 'patch_sise'" and "'patch_size'" in hint
    assert not (place / "work").exists()


@pytest.mark.parametrize(
    ("override", "error", "message", "hint"),
    [
        ("vision.image_sise=16", ConfigError, "image_sise", "image_size"),
        ("text.hiden_size=16", ConfigError, "hiden_size", "hidden_size"),
        ("distortion.shift=-1", ConfigError, "shift=-1", ""),
        ("distortion.miror=true", ConfigError, "miror", "mirror"),
        ("visoin.image_size=16", ConfigError, "visoin", "vision"),
        ("text.vocab_size=5", ConfigError, "vocab_size", "tokenizer"),
        ("text.num_attention_heads=5", ConfigError, "num_attention_heads=5", ""),
        ("vision.patch_size=5", ConfigError, "patch_size=5", ""),
        ("vision.hidden_act='relu'", ConfigError, "relu", ""),
        ("vision.image_size=32", DataError, "16 pixels a side, the model reads 32", "image_size"),
        ("optimizer.accumulate=2", ConfigError, "accumulate=2", "batch_size"),
        ("data.pictures='nowhere'", DataError, "nowhere", ""),
        ("data.tokenizer='nowhere'", CheckpointError, "nowhere", "tokenizer.json"),
    ],
)
def test_mistakes_in_a_run_file_are_named(place, override: str, error, message: str, hint: str) -> None:
    with pytest.raises(error) as caught:
        task(place, override)
    assert message in str(caught.value)
    assert hint in caught.value.hint
