"""The discriminator's part in training a VQGAN (Esser et al. 2021, arXiv 2012.09841, section 3.1).

Hinge losses, a weight that follows the gradients at the decoder's last layer, and a start after pictures took shape.
"""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dalle_mini.arrays import Array, Float, Key, Params
from dalle_mini.config import DiscriminatorConfig
from dalle_mini.errors import ConfigError
from dalle_mini.models import discriminator
from dalle_mini.training.optimizer import OptimizerConfig, learning_rate

_LARGEST_WEIGHT = 1e4


@dataclasses.dataclass(frozen=True)
class AdversaryConfig:
    """When and how much the discriminator acts: `weight` multiplies the adaptive one, and 0 leaves it out altogether.

    It neither learns nor is heard before `start_step`. Its rate rises and falls as the VQGAN's does, and its momenta
    are the paper's.
    """

    weight: float = 0.0
    start_step: int = 0
    learning_rate: float = 2e-4
    beta1: float = 0.5
    beta2: float = 0.9

    def __post_init__(self) -> None:
        for name in ("weight", "start_step"):
            if getattr(self, name) < 0:
                raise ConfigError(f"adversary.{name}={getattr(self, name)!r} must be 0 or more")
        if not self.learning_rate > 0:
            raise ConfigError(f"adversary.learning_rate={self.learning_rate!r} must be above 0")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Adversary:
    """The discriminator and the state of its optimizer."""

    params: Params
    optimizer: Any


@dataclasses.dataclass(frozen=True)
class Duel:
    """What an adversary is made of; `schedule` is the VQGAN's optimizer."""

    config: AdversaryConfig
    sizes: DiscriminatorConfig
    schedule: OptimizerConfig

    @property
    def optimizer(self) -> optax.GradientTransformation:
        own = dataclasses.replace(
            self.schedule,
            learning_rate=self.config.learning_rate,
            steps=max(1, self.schedule.steps - self.config.start_step),
        )
        return optax.chain(
            optax.clip_by_global_norm(own.clip_norm),
            optax.adam(lambda step: learning_rate(own, step), b1=self.config.beta1, b2=self.config.beta2),
        )

    def begin(self, key: Key[Array, ""]) -> Adversary:
        params = discriminator.init(key, self.sizes)
        return Adversary(params, self.optimizer.init(params))

    def judge(self, params: Params, redrawn: Float[Array, "batch height width 3"]):
        """The generator's loss, and its gradient in the pixels."""

        def loss(pixels):
            return generator_loss(discriminator.score_patches(params, self.sizes, pixels))

        return jax.value_and_grad(loss)(redrawn)

    def learn(self, adversary: Adversary, pixels, redrawn) -> tuple[Adversary, Float[Array, ""]]:
        """One update of the discriminator, and its loss before that."""

        def loss(params: Params):
            return discriminator_loss(
                discriminator.score_patches(params, self.sizes, pixels),
                discriminator.score_patches(params, self.sizes, redrawn),
            )

        value, gradients = jax.value_and_grad(loss)(adversary.params)
        updates, optimizer = self.optimizer.update(gradients, adversary.optimizer, adversary.params)
        return Adversary(optax.apply_updates(adversary.params, updates), optimizer), value


def generator_loss(scores: Float[Array, "batch rows columns"]) -> Float[Array, ""]:
    """Low where drawn patches look real."""
    return -scores.mean()


def discriminator_loss(
    real: Float[Array, "batch rows columns"], drawn: Float[Array, "batch rows columns"]
) -> Float[Array, ""]:
    """The hinge loss: real patches should score above 1, drawn ones below -1."""
    return (jax.nn.relu(1 - real).mean() + jax.nn.relu(1 + drawn).mean()) / 2


def adaptive_weight(reconstruction: Float[Array, "..."], adversarial: Float[Array, "..."]) -> Float[Array, ""]:
    """Equation 7: the ratio of the two losses' gradients in the decoder's last layer, at most 10,000."""
    ratio = jnp.linalg.norm(reconstruction.ravel()) / (jnp.linalg.norm(adversarial.ravel()) + 1e-6)
    return jnp.clip(ratio, 0, _LARGEST_WEIGHT)
