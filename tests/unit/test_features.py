"""Feature training: the words of captions, the loss by hand, augmentation, and that it learns what captions say."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sets import write_pictures

from dalle_mini.checkpoints.store import load_perceptual
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.training import loop
from dalle_mini.training.augmentation import AugmentationConfig, augment
from dalle_mini.training.features import FeaturesTask, WordConfig, choose_words, mark_words, word_loss, words_found
from dalle_mini.training.runfile import read_run_file

pytestmark = pytest.mark.usefixtures("quick_compiles")

RUN = """
[data]
pictures = "PLACE/pictures"
[model]
widths = [8, 8]
num_blocks = 1
num_words = 9
[words]
rarest = 0.1
commonest = 0.8
[optimizer]
steps = 60
batch_size = 16
learning_rate = 1e-2
warmup_steps = 5
decay_steps = 10
ema_decay = 0.5
[loop]
log_every = 10
save_every = 100
sample_every = 100
"""
RED, BLUE = (220, 40, 30), (30, 60, 220)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """Pictures of red and of blue squares on noise, which their captions say."""
    place = tmp_path_factory.mktemp("features")
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, size=(60, 16, 16, 3), dtype=np.uint8)
    captions = []
    for index, (row, column) in enumerate(random.integers(0, 8, size=(60, 2))):
        pixels[index, row : row + 8, column : column + 8] = (RED, BLUE)[index % 2]
        captions.append(f"a {('Red', 'blue')[index % 2]} square")
    write_pictures(place / "pictures", pixels, captions)
    return place


def make_task(place, *overrides: str) -> FeaturesTask:
    path = place / "run.toml"
    path.write_text(RUN.replace("PLACE", str(place)))
    return FeaturesTask(read_run_file(path, overrides))


def test_it_learns_to_tell_what_captions_say(place, tmp_path) -> None:
    task = make_task(place)
    assert set(task.words) == {"red", "blue"}  # "a" and "square" are in every caption
    loop.run(task, tmp_path)
    records = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert records[-1]["found"] > 0.9  # chance: a half
    config, _ = load_perceptual(tmp_path / "model")
    assert config.num_words == 2 and config.widths == (8, 8)
    assert json.loads((tmp_path / "model" / "words.json").read_text()) == list(task.words)
    assert (tmp_path / "samples-final.png").exists()


def test_words_are_chosen_by_how_many_captions_have_them() -> None:
    captions = ["a cat", "a CAT on a cat", "a dog, a cat!", "a dog 42", "l'été"]
    assert choose_words(captions, WordConfig(rarest=0.3, commonest=0.7), most=9) == ("cat", "dog")
    assert choose_words(captions, WordConfig(rarest=0.0, commonest=1.0), most=4) == ("a", "cat", "dog", "l")
    with pytest.raises(DataError, match="of 6 words in 5 captions 1 are frequent enough"):
        choose_words(captions, WordConfig(rarest=0.7, commonest=1.0), most=9)


def test_words_are_marked_where_captions_have_them() -> None:
    marks = mark_words(["Red dog", "a blue", "catalog"], ["red", "blue", "cat"])
    assert marks.tolist() == [[True, False, False], [False, True, False], [False, False, False]]


def test_the_loss_and_the_measure_by_hand() -> None:
    logits = jnp.log(jnp.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7], [0.2, 0.3, 0.5]]))
    contains = jnp.array([[True, True, False], [True, False, False], [False, False, False]])
    assert np.isclose(word_loss(logits, contains), -((np.log(0.5) + np.log(0.3)) / 2 + np.log(0.1)) / 3)
    assert np.isclose(words_found(logits, contains), 2 / 3)


def test_augmentation_does_nothing_where_it_is_told_to() -> None:
    pixels = jax.random.uniform(jax.random.key(0), (4, 8, 8, 3))
    same = augment(jax.random.key(1), pixels, AugmentationConfig(smallest_crop=1.0, mirror=False, color=0.0))
    assert np.allclose(same, pixels, atol=1e-5)


def test_augmentation_mirrors_some_and_crops_and_recolors_within_range() -> None:
    pixels = jnp.tile(jnp.linspace(0, 1, 16)[None, None, :, None], (32, 16, 1, 3))
    mirrored = augment(jax.random.key(1), pixels, AugmentationConfig(smallest_crop=1.0, mirror=True, color=0.0))
    falling = np.asarray(mirrored)[:, 0, 0, 0] > 0.5
    assert 0 < falling.sum() < 32 and np.allclose(mirrored[falling][:, :, ::-1], pixels[falling], atol=1e-5)
    changed = np.asarray(augment(jax.random.key(2), pixels, AugmentationConfig(smallest_crop=0.5, mirror=False)))
    assert changed.min() >= 0 and changed.max() <= 1
    rises = changed[:, 8, -1, 0] - changed[:, 8, 0, 0]
    assert (rises > 0.2).all() and (rises < 1).any() and np.ptp(rises) > 0.1


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("model.width=[8]", "'width'", "widths"),
        ("word.rarest=0.1", "unknown table", "words"),
        ("words.rarest=0.9", "rising order", ""),
        ("augmentation.smallest_crop=0", "smallest_crop", ""),
        ("augmentation.color=1", "color", ""),
        ("model.widths=[8, 8, 8, 8, 8, 8]", "needs pictures of 32 pixels, found 16", "fewer"),
    ],
)
def test_mistakes_in_a_run_file_are_named(place, override, message, hint) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make_task(place, override)
    assert hint in caught.value.hint
