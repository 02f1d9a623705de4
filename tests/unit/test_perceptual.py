"""The perceptual network: its distance against NumPy, how it grows with distortion, and its folder."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dalle_mini.checkpoints.store import inspect, load_perceptual, load_vqgan, save_perceptual, verify
from dalle_mini.config import PerceptualConfig
from dalle_mini.errors import CheckpointError, ConfigError
from dalle_mini.models import perceptual
from dalle_mini.models.pooling import strongest

CONFIG = PerceptualConfig(widths=(8, 12), num_blocks=1, num_words=5)


@pytest.fixture(scope="module")
def params():
    return perceptual.init(jax.random.key(0), CONFIG)


@pytest.fixture(scope="module")
def pixels():
    """Four pictures of smooth waves."""
    ramp = np.linspace(0, 6, 16, dtype=np.float32)
    waves = [
        np.sin(a * ramp[:, None, None] + b * ramp[None, :, None] + np.arange(3))
        for a, b in ((1, 0), (0, 2), (1, 1), (2, 1))
    ]
    return jnp.asarray(0.5 + 0.4 * np.stack(waves), jnp.float32)


def numpy_features(params, pixels) -> list[np.ndarray]:
    """The network written out: convolutions as sums over nine shifts."""
    hidden, seen = 2 * np.asarray(pixels, np.float64) - 1, []
    for index in range(len(CONFIG.widths)):
        if index:
            hidden = (hidden[:, ::2, ::2] + hidden[:, 1::2, ::2] + hidden[:, ::2, 1::2] + hidden[:, 1::2, 1::2]) / 4
        stage = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params[f"stage_{index}"])
        padded = np.pad(hidden, ((0, 0), (1, 1), (1, 1), (0, 0)))
        height, width = hidden.shape[1:3]
        kernel = stage["conv_0"]["kernel"]
        hidden = stage["conv_0"]["bias"] + sum(
            padded[:, row : row + height, column : column + width] @ kernel[row, column]
            for row in range(3)
            for column in range(3)
        )
        mean, variance = hidden.mean(-1, keepdims=True), hidden.var(-1, keepdims=True)
        hidden = (hidden - mean) / np.sqrt(variance + 1e-5) * stage["norm_0"]["scale"] + stage["norm_0"]["bias"]
        hidden = np.maximum(hidden, 0)
        seen.append(hidden)
    return seen


def test_the_distance_is_that_of_numpy(params, pixels) -> None:
    others = pixels[::-1]
    expected = np.zeros(len(pixels))
    for one, other in zip(numpy_features(params, pixels), numpy_features(params, others), strict=True):
        units = [array / np.sqrt((array**2).sum(-1, keepdims=True) + 1e-10) for array in (one, other)]
        expected += ((units[0] - units[1]) ** 2).sum(-1).mean((1, 2)) / len(CONFIG.widths)
    assert np.allclose(perceptual.distance(params, CONFIG, pixels, others), expected, rtol=1e-3)
    assert expected.min() > 0.01


def test_the_distance_is_nothing_for_equal_pictures_and_grows_with_noise(params, pixels) -> None:
    noise = np.random.default_rng(0).standard_normal(pixels.shape).astype(np.float32)
    distances = [perceptual.distance(params, CONFIG, pixels, pixels + amount * noise) for amount in (0, 0.03, 0.1, 0.3)]
    assert (np.asarray(distances[0]) == 0).all()
    assert (np.diff(np.asarray(distances), axis=0) > 0).all()


def test_the_distance_has_a_gradient_even_between_equal_pictures(params, pixels) -> None:
    black = jnp.zeros_like(pixels)
    slope = jax.grad(lambda redrawn: perceptual.distance(params, CONFIG, redrawn, black).sum())(black)
    assert np.isfinite(np.asarray(slope)).all()


def test_a_saved_network_is_the_same_network(params, pixels, tmp_path) -> None:
    words = ("cat", "dog", "red", "été", "two")
    save_perceptual(tmp_path, CONFIG, params, words)
    config, loaded = load_perceptual(tmp_path)
    assert config == CONFIG and not verify(tmp_path)
    assert json.loads((tmp_path / "words.json").read_text("utf-8")) == list(words)
    before, after = (perceptual.word_logits(tree, CONFIG, pixels) for tree in (params, loaded))
    assert (before == after).all()
    assert inspect(tmp_path).kind == "perceptual network" and not inspect(tmp_path).problems


def test_another_model_is_not_taken_for_a_perceptual_network(params, tmp_path) -> None:
    save_perceptual(tmp_path, CONFIG, params, "abcde")
    with pytest.raises(CheckpointError, match="holds a perceptual network, not a VQGAN"):
        load_vqgan(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(dataclasses.replace(CONFIG, widths=(8, 16)).to_dict()))
    with pytest.raises(CheckpointError, match="unlike: stage_1/conv_0/kernel"):
        load_perceptual(tmp_path)


@pytest.mark.parametrize("fields", [{"widths": ()}, {"widths": (0,)}, {"num_blocks": 0}, {"num_words": "many"}])
def test_sizes_that_no_network_has_are_refused(fields) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        PerceptualConfig(**fields)


def test_the_strongest_of_equal_places_is_one_of_them() -> None:
    features = jnp.asarray([[[[1.0, 5.0], [3.0, 5.0]], [[3.0, 2.0], [0.0, 4.0]]]])
    assert strongest(features).tolist() == [[3.0, 5.0]]
    slope = jax.grad(lambda features: strongest(features).sum())(features)
    assert slope.sum() == 2 and sorted(set(slope.ravel().tolist())) == [0.0, 1.0]
    assert (features[slope == 1] == jnp.asarray([5.0, 3.0])).all()
