"""Optimizers under a schedule that warms up: AdamW (arXiv 1711.05101), Adafactor (1804.04235) and Muon.

Muon orthogonalizes the momentum of every matrix, which is Shampoo (1802.09568) without its averages (2409.20325): the
second-order choice among what optax has; scaled as 2502.16982, section 2.2, so that AdamW's learning rates fit.
Under the trapezoid schedule (2405.18392) the rate holds until the end nears, so that a run may be lengthened or cut
short by changing `steps` when it resumes.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from dalle_mini.arrays import Params
from dalle_mini.errors import ConfigError
from dalle_mini.training.runfile import require_choice, require_not_negative, require_positive

_OPTIMIZERS = ("adamw", "adafactor", "muon")
_SCHEDULES = ("trapezoid", "constant", "linear", "cosine")


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """`batch_size` counts the examples of one update, over all machines and all its `accumulate` parts.

    `decay_steps` is the length of the trapezoid's end; `clip_norm` 0 leaves gradients as they are. `ema_decay` is the
    rate of the moving average of the parameters that samples and exports are made from; 0 keeps none, which saves its
    memory.
    """

    steps: int
    batch_size: int
    learning_rate: float
    name: str = "adamw"
    schedule: str = "trapezoid"
    warmup_steps: int = 200
    decay_steps: int = 1000
    accumulate: int = 1
    beta1: float = 0.9
    beta2: float = 0.98
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    ema_decay: float = 0.999

    def __post_init__(self) -> None:
        require_positive(self, "optimizer", "steps", "batch_size", "learning_rate", "accumulate")
        require_not_negative(self, "optimizer", "warmup_steps", "decay_steps", "weight_decay", "clip_norm")
        require_choice(self, "optimizer", "name", _OPTIMIZERS)
        require_choice(self, "optimizer", "schedule", _SCHEDULES)
        for name in ("beta1", "beta2", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"optimizer.{name}={getattr(self, name)!r} must be from 0 to below 1")
        if self.batch_size % self.accumulate:
            raise ConfigError(
                f"optimizer.batch_size={self.batch_size} does not divide into accumulate={self.accumulate} parts",
                hint="choose a batch size that is a multiple of it",
            )


def learning_rate(config: OptimizerConfig, step):
    """The rate of the update that follows `step` others."""
    step = jnp.asarray(step, jnp.float32)
    rising = (step + 1) / max(config.warmup_steps, 1)
    left = config.steps - step
    share = jnp.clip(left / max(config.steps - config.warmup_steps, 1), 0.0, 1.0)
    falling = {
        "constant": jnp.ones_like(step),
        "linear": share,
        "cosine": (1 - jnp.cos(jnp.pi * share)) / 2,
        "trapezoid": left / max(config.decay_steps, 1),
    }[config.schedule]
    return config.learning_rate * jnp.clip(jnp.minimum(rising, falling), 0.0, 1.0)


def build_optimizer(config: OptimizerConfig) -> optax.GradientTransformation:
    """Updates from gradients, clipped together; matrices and kernels decay, norms and biases do not."""
    rate = lambda step: learning_rate(config, step)  # noqa: E731
    clip = optax.clip_by_global_norm(config.clip_norm) if config.clip_norm else optax.identity()
    chosen: dict[str, Callable[[], optax.GradientTransformation]] = {
        "adamw": lambda: optax.adamw(
            rate, b1=config.beta1, b2=config.beta2, weight_decay=config.weight_decay, mask=_decays
        ),
        "adafactor": lambda: optax.chain(
            optax.scale_by_factored_rms(),
            optax.clip_by_block_rms(1.0),
            optax.add_decayed_weights(config.weight_decay, _decays),
            optax.scale_by_learning_rate(rate),
        ),
        "muon": lambda: optax.contrib.muon(
            rate,
            weight_decay=config.weight_decay,
            adam_b1=config.beta1,
            adam_b2=config.beta2,
            muon_weight_dimension_numbers=_matrices,
            consistent_rms=0.2,
        ),
    }
    return optax.chain(clip, chosen[config.name]())


def _decays(params: Params) -> Any:
    return jax.tree.map(lambda leaf: leaf.ndim >= 2, params)


def _matrices(params: Params) -> Any:
    """Which axes of a leaf make a matrix, for Muon: kernels, but not embeddings and the logits' head."""

    def axes(path, leaf):
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        if not name.endswith("kernel") or name.endswith("head/kernel"):
            return None
        if name.endswith("patch_embedding/kernel"):  # a CLIP's: out, in, height, width
            return optax.contrib.MuonDimensionNumbers(reduction_axis=(1, 2, 3), output_axis=0)
        if leaf.ndim == 4:  # a convolution: height, width, in, out
            return optax.contrib.MuonDimensionNumbers(reduction_axis=(0, 1, 2), output_axis=3)
        return optax.contrib.MuonDimensionNumbers(reduction_axis=-1, output_axis=-2)

    return jax.tree_util.tree_map_with_path(axes, params)


def accumulate_gradients(loss: Callable, params: Params, arrays: Any, parts: int) -> tuple[Any, Params]:
    """`((loss, metrics), gradients)` of a batch, in `parts` one behind the other to save memory.

    `loss(params, arrays, part)` is a mean over the rows of `arrays` with a tree of such means beside it; the mean over
    equal parts is that of the whole.
    """
    gradient_of = jax.value_and_grad(loss, has_aux=True)
    if parts == 1:
        return gradient_of(params, arrays, 0)

    def divide(array):
        # Rows of a part lie `parts` apart, so that every device keeps the rows it has.
        return array.reshape(-1, parts, *array.shape[1:]).swapaxes(0, 1)

    def add(total, part):
        return jax.tree.map(jnp.add, total, gradient_of(params, part[1], part[0])), None

    divided = jax.tree.map(divide, arrays)
    shapes = jax.eval_shape(gradient_of, params, jax.tree.map(lambda array: array[0], divided), 0)
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    total, _ = jax.lax.scan(add, zeros, (jnp.arange(parts), divided))
    return jax.tree.map(lambda leaf: leaf / parts, total)


def update_average(average: Params | None, params: Params, step, decay: float) -> Params | None:
    """The moving average after `step`; it forgets faster at first, so that the start does not linger."""
    rate = jnp.minimum(decay, (step + 1.0) / (step + 10.0))
    return average and jax.tree.map(lambda old, new: old * rate + new * (1 - rate), average, params)
