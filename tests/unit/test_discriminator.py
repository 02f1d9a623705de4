"""The discriminator and its losses: sizes, independence of the batch, and the formulas by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dalle_mini.config import DiscriminatorConfig
from dalle_mini.errors import ConfigError
from dalle_mini.models import discriminator
from dalle_mini.training.adversary import AdversaryConfig, adaptive_weight, discriminator_loss, generator_loss

CONFIG = DiscriminatorConfig(ch=8, num_layers=2, norm_groups=4)
SCORES = jnp.array([[[-2.0, 0.5], [1.5, 3.0]]])


def test_the_published_sizes_give_the_published_network() -> None:
    shapes = jax.eval_shape(lambda: discriminator.init(jax.random.key(0), DiscriminatorConfig()))
    assert sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 2_765_633  # arXiv 1611.07004, for three channels


@pytest.mark.parametrize("config", [CONFIG, DiscriminatorConfig(ch=8, num_layers=1, norm_groups=8)])
def test_the_smallest_picture_has_one_patch(config: DiscriminatorConfig) -> None:
    size = config.smallest_resolution

    def scores(side: int):
        params = discriminator.init(jax.random.key(0), config)
        return discriminator.score_patches(params, config, jnp.zeros((2, side, side, 3)))

    assert jax.eval_shape(lambda: scores(size)).shape == (2, 1, 1)
    assert jax.eval_shape(lambda: scores(2 * size)).shape == (2, 4, 4)


def test_a_picture_is_judged_alone() -> None:
    params = discriminator.init(jax.random.key(0), CONFIG)
    pixels = jax.random.uniform(jax.random.key(1), (3, 16, 16, 3))
    together = discriminator.score_patches(params, CONFIG, pixels)
    assert np.allclose(discriminator.score_patches(params, CONFIG, pixels[1:2])[0], together[1], atol=1e-5)
    assert float(jnp.ptp(together)) > 1e-4


def test_the_hinge_losses_by_hand() -> None:
    assert np.isclose(generator_loss(SCORES), -0.75)
    # Real: hinges 3, 0.5, 0, 0. Drawn, the same scores: 0, 1.5, 2.5, 4.
    assert np.isclose(discriminator_loss(SCORES, SCORES), (3.5 / 4 + 8 / 4) / 2)
    assert discriminator_loss(SCORES + 10, SCORES - 10) == 0


def test_the_adaptive_weight_is_the_ratio_of_the_gradients_norms() -> None:
    assert np.isclose(adaptive_weight(jnp.full((2, 2), 3.0), jnp.array([0.3, 0.4])), 12, rtol=1e-4)
    assert adaptive_weight(jnp.ones(4), jnp.zeros(4)) == 1e4


@pytest.mark.parametrize(
    ("config", "fields"),
    [
        (DiscriminatorConfig, {"ch": 48}),
        (DiscriminatorConfig, {"num_layers": 0}),
        (AdversaryConfig, {"weight": -1.0}),
        (AdversaryConfig, {"start_step": -1}),
        (AdversaryConfig, {"learning_rate": 0.0}),
    ],
)
def test_impossible_values_are_refused(config, fields) -> None:
    with pytest.raises(ConfigError, match=next(iter(fields))):
        config(**fields)
