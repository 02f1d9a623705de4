"""AdamW under a schedule that warms up, holds, and decays to nothing at the end (arXiv 1711.05101, 2405.18392).

Because the rate holds in between, a run may be lengthened or cut short by changing `steps` when it resumes.
"""

import dataclasses

import jax
import jax.numpy as jnp
import optax

from dalle_mini.arrays import Params
from dalle_mini.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """`ema_decay` is the rate of the moving average of the parameters that samples and exports are made from."""

    steps: int
    batch_size: int
    learning_rate: float
    warmup_steps: int = 200
    decay_steps: int = 1000
    beta2: float = 0.98
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.999

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"optimizer.{name}={getattr(self, name)!r} must be above 0")


def learning_rate(config: OptimizerConfig, step):
    """The rate at `step`: a trapezoid over the run."""
    step = jnp.asarray(step, jnp.float32)
    rising = (step + 1) / max(config.warmup_steps, 1)
    falling = (config.steps - step) / max(config.decay_steps, 1)
    return config.learning_rate * jnp.clip(jnp.minimum(rising, falling), 0.0, 1.0)


def build_optimizer(config: OptimizerConfig) -> optax.GradientTransformation:
    """Clipped AdamW; matrices and kernels decay, norms and biases do not."""

    def decays(params: Params):
        return jax.tree.map(lambda leaf: leaf.ndim >= 2, params)

    return optax.chain(
        optax.clip_by_global_norm(config.clip_norm),
        optax.adamw(
            lambda step: learning_rate(config, step),
            b2=config.beta2,
            weight_decay=config.weight_decay,
            mask=decays,
        ),
    )


def update_average(average: Params, params: Params, step, decay: float) -> Params:
    """The moving average after `step`; it forgets faster at first, so that the start does not linger."""
    rate = jnp.minimum(decay, (step + 1.0) / (step + 10.0))
    return jax.tree.map(lambda old, new: old * rate + new * (1 - rate), average, params)
