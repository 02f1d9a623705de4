"""The discriminator's part in training a VQGAN (Esser et al. 2021, arXiv 2012.09841, section 3.1).

Hinge losses, a weight that follows the gradients at the decoder's last layer, and a start after pictures took shape.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dalle_mini.arrays import Array, Float, Key, Params
from dalle_mini.config import DiscriminatorConfig
from dalle_mini.models import discriminator
from dalle_mini.training.optimizer import OptimizerConfig, build_optimizer
from dalle_mini.training.runfile import require_not_negative, require_positive

# As in the authors' own code; the paper names neither.
_BETA1, _BETA2 = 0.5, 0.9
_LARGEST_WEIGHT = 1e4


@dataclasses.dataclass(frozen=True)
class AdversaryConfig:
    """When and how much the discriminator acts: `weight` multiplies the adaptive one, and 0 leaves it out altogether.

    It neither learns nor is heard before `start_step`. Its learning rate rises and falls as the VQGAN's does.
    """

    weight: float = 0.0
    start_step: int = 0
    learning_rate: float = 2e-4

    def __post_init__(self) -> None:
        require_not_negative(self, "adversary", "weight", "start_step")
        require_positive(self, "adversary", "learning_rate")


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
        return build_optimizer(
            dataclasses.replace(
                self.schedule,
                steps=max(1, self.schedule.steps - self.config.start_step),
                learning_rate=self.config.learning_rate,
                name="adamw",
                beta1=_BETA1,
                beta2=_BETA2,
                weight_decay=0.0,
            )
        )

    def begin(self, key: Key[Array, ""]) -> Adversary:
        params = discriminator.init(key, self.sizes)
        return Adversary(params, self.optimizer.init(params))

    def fight(self, adversary: Adversary, step, pixels, redrawn, slope, last_layer: Callable):
        """The adversarial term's weighted gradient in the pixels, the adversary after its update, and metrics.

        `slope` is the reconstruction's gradient in the pixels; `last_layer` brings such a gradient to the kernel of the
        decoder's last layer. Before the start all is computed, but comes to nothing: under a `lax.cond`, XLA's
        convolutions take eight times as long on a CPU.
        """
        started = step >= self.config.start_step
        loss, toward_real = self._judge(adversary.params, redrawn)
        learned, own_loss = self._learn(adversary, pixels, redrawn)
        adversary = jax.tree.map(functools.partial(jnp.where, started), learned, adversary)
        weight = started * self.config.weight * adaptive_weight(last_layer(slope), last_layer(toward_real))
        metrics = {"adversarial": loss, "adversarial_weight": weight, "discriminator_loss": own_loss}
        return weight * toward_real, adversary, metrics

    def _judge(self, params: Params, redrawn):
        """The generator's loss, and its gradient in the pixels."""
        return jax.value_and_grad(
            lambda pixels: generator_loss(discriminator.score_patches(params, self.sizes, pixels))
        )(redrawn)

    def _learn(self, adversary: Adversary, pixels, redrawn):
        """The adversary after one update, and its loss before."""

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
