"""The judge: one residual network of convolutions that answers several questions about a picture, each by a head of its
own."""

import flax.linen as nn
import jax.numpy as jnp

from dalle_mini.arrays import Array, Float, Key, Params
from dalle_mini.config.judge import JudgeConfig
from dalle_mini.models.residual import build_stages, look


class JudgeModel(nn.Module):
    config: JudgeConfig

    def setup(self):
        self.stage = build_stages(self.config.network)
        # Zeros, so that a run starts by weighing all answers alike.
        self.head = {
            field.name: nn.Dense(len(field.classes), kernel_init=nn.initializers.zeros) for field in self.config.fields
        }

    def __call__(self, pixels):
        seen = look(self.stage, pixels)
        return {name: head(seen) for name, head in self.head.items()}


def init(key: Key[Array, ""], config: JudgeConfig) -> Params:
    """Fresh float32 parameters."""
    pixels = jnp.zeros((1, config.resolution, config.resolution, 3))
    return JudgeModel(config).init(key, pixels)["params"]


def answer(
    params: Params, config: JudgeConfig, pixels: Float[Array, "batch height width 3"]
) -> dict[str, Float[Array, "batch _"]]:
    """Logits of the classes of every field; `pixels` in [0, 1]."""
    return JudgeModel(config).apply({"params": params}, pixels)
