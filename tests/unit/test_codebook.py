"""The codebook in training: averages against NumPy, the revival of dead codes, and its measures by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dalle_mini.errors import ConfigError
from dalle_mini.training.codebook import (
    CodebookConfig,
    CodeUse,
    follow_latents,
    perplexity,
    share_in_use,
    straight_through,
)

CONFIG = CodebookConfig(decay=0.9, dead_below=0.1, window=3)


@pytest.fixture
def use() -> CodeUse:
    """Four codes of two numbers, each as often used as the others."""
    counts = jnp.full(4, 2.0)
    return CodeUse(counts, counts[:, None] * jnp.arange(8.0).reshape(4, 2), jnp.zeros(4, jnp.int32))


def follow(
    use: CodeUse, latents: np.ndarray, tokens: list[int], config: CodebookConfig = CONFIG, restart: bool = False
):
    return follow_latents(jax.random.key(0), use, jnp.asarray(latents), jnp.array(tokens), config, jnp.array(restart))


def test_codes_move_towards_what_chose_them(use: CodeUse) -> None:
    latents = np.random.default_rng(0).standard_normal((8, 2)).astype(np.float32)
    tokens = [0, 0, 0, 1, 1, 2, 2, 2]
    after, dead = follow(use, latents, tokens)
    assert not dead.any()
    for code, chosen in enumerate(([0, 1, 2], [3, 4], [5, 6, 7], [])):
        count = 0.9 * 2 + 0.1 * len(chosen)
        total = 0.9 * 2 * np.array([2 * code, 2 * code + 1]) + 0.1 * latents[chosen].sum(0)
        assert np.allclose(after.codebook[code], total / count, atol=1e-6)
    assert after.idle.tolist() == [0, 0, 0, 1]


def test_dead_codes_are_put_onto_latents_and_live(use: CodeUse) -> None:
    latents = 100 + np.arange(16, dtype=np.float32).reshape(8, 2)
    steps = 0
    dead = jnp.zeros(4, bool)
    while not dead.any():
        use, dead = follow(use, latents, [0, 1, 2, 0, 1, 2, 0, 1])
        steps += 1
    assert steps == int(np.ceil(np.log(0.1) / np.log(0.9)))  # 2 falls to a tenth of an even use of 2
    assert dead.tolist() == [False, False, False, True]
    assert use.codebook[3].tolist() in latents.tolist()
    assert not follow(use, latents, [0] * 8)[1][3]


def test_a_restart_puts_every_code_onto_a_latent(use: CodeUse) -> None:
    latents = 100 + np.arange(16, dtype=np.float32).reshape(8, 2)
    after, dead = follow(use, latents, [0] * 8, restart=True)
    assert dead.all() and all(row in latents.tolist() for row in after.codebook.tolist())


def test_perplexity_counts_evenly_used_codes() -> None:
    assert np.isclose(perplexity(jnp.array([3.0, 3, 3, 0])), 3)
    shares = np.array([0.5, 0.25, 0.25])
    assert np.isclose(perplexity(jnp.asarray(7 * shares)), np.exp(-(shares * np.log(shares)).sum()))


def test_a_code_is_in_use_for_a_window_of_steps(use: CodeUse) -> None:
    latents = np.zeros((2, 2), np.float32)
    shares = []
    for tokens in ([0, 1], [0, 0], [0, 0], [0, 0]):
        use, _ = follow(use, latents, tokens, CodebookConfig(decay=0.9, dead_below=0.0, window=3))
        shares.append(float(share_in_use(use, 3)))
    assert shares == [1.0, 1.0, 0.5, 0.25]


def test_the_gradient_passes_straight_through() -> None:
    latents, codes = jnp.array([1.0, 2.0]), jnp.array([5.0, 7.0])
    value, slope = jax.value_and_grad(lambda latents: (straight_through(latents, codes) ** 2).sum())(latents)
    assert value == 74 and slope.tolist() == [10, 14]


@pytest.mark.parametrize("fields", [{"decay": 1.0}, {"dead_below": -0.1}, {"plain_steps": -1}, {"window": 0}])
def test_impossible_values_are_refused(fields) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        CodebookConfig(**fields)
