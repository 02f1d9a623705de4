"""The codebook while a VQGAN is trained: it follows its latents by moving averages (van den Oord et al. 2017, arXiv
1711.00937, appendix A.1), which takes the place of a codebook loss.

Codes that nothing chooses for a while are put where latents are (Dhariwal et al. 2020, arXiv 2005.00341, section 3.1).
"""

import dataclasses

import jax
import jax.numpy as jnp

from dalle_mini.arrays import Array, Bool, Float, Int32, Key, Params
from dalle_mini.config import VQGANConfig
from dalle_mini.errors import ConfigError
from dalle_mini.models import vqgan

_NEVER = 2**30


@dataclasses.dataclass(frozen=True)
class CodebookConfig:
    """`decay` is the rate of the averages, `dead_below` the share of an even use under which a code is moved.

    The first `plain_steps` train an autoencoder without a codebook to start from. A code is in use if one of the last
    `window` steps chose it: that is only counted, and logged.
    """

    decay: float = 0.99
    dead_below: float = 0.1
    plain_steps: int = 300
    window: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.decay < 1:
            raise ConfigError(f"codebook.decay={self.decay!r} must be from 0 to below 1")
        if not 0 <= self.dead_below < 1:
            raise ConfigError(f"codebook.dead_below={self.dead_below!r} must be from 0 (never) to below 1")
        if self.plain_steps < 0 or self.window < 1:
            raise ConfigError(f"codebook: plain_steps={self.plain_steps!r} below 0, or window={self.window!r} below 1")


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class CodeUse:
    """Moving averages of how often each code is chosen, `counts` [codes], and of the sum of what chose it, `sums`
    [codes, embed_dim]; and the steps since it last was, `idle` [codes].

    No shapes in the types: abstract arrays and shardings stand here too.
    """

    counts: Array
    sums: Array
    idle: Array

    @classmethod
    def fresh(cls, config: VQGANConfig) -> "CodeUse":
        size = config.codebook_size
        return cls(jnp.zeros(size), jnp.zeros((size, config.embed_dim)), jnp.full(size, _NEVER, jnp.int32))

    @classmethod
    def around(cls, codebook: Float[Array, "codes embed_dim"], count: float) -> "CodeUse":
        """The averages of a codebook whose codes have each been chosen by `count` latents a step."""
        size = len(codebook)
        return cls(jnp.full(size, count), codebook * count, jnp.full(size, _NEVER, jnp.int32))

    @property
    def codebook(self) -> Float[Array, "codes embed_dim"]:
        return self.sums / self.counts[:, None]


def quantize(params: Params, config: VQGANConfig, latents: Float[Array, "batch rows columns embed_dim"]):
    """The nearest codes of `latents` and their tokens; no gradient passes."""
    latents = jax.lax.stop_gradient(latents)
    tokens = vqgan.nearest_tokens(params, config, latents)
    return jax.lax.stop_gradient(vqgan.lookup(params, config, tokens)), tokens


def straight_through(latents, codes):
    """The value of `codes` with the gradient of `latents`."""
    return latents + jax.lax.stop_gradient(codes - latents)


def follow_latents(
    key: Key[Array, ""],
    use: CodeUse,
    latents: Float[Array, "cells embed_dim"],
    tokens: Int32[Array, "cells"],
    config: CodebookConfig,
    restart: Bool[Array, ""],
) -> tuple[CodeUse, Bool[Array, "codes"]]:
    """Move every code towards what chose it, and dead codes (all, at a restart) onto latents of this batch.

    Returns the new averages and which codes were dead.
    """
    size = use.counts.shape[0]
    chosen = jax.ops.segment_sum(jnp.ones_like(tokens, jnp.float32), tokens, size)
    summed = jax.ops.segment_sum(latents, tokens, size)
    counts = config.decay * use.counts + (1 - config.decay) * chosen
    sums = config.decay * use.sums + (1 - config.decay) * summed
    even = tokens.shape[0] / size
    dead = (counts < config.dead_below * even) | restart
    picked = latents[jax.random.randint(key, (size,), 0, latents.shape[0])]
    counts = jnp.where(dead, even, counts)
    sums = jnp.where(dead[:, None], picked * even, sums)
    return CodeUse(counts, sums, jnp.where(chosen > 0, 0, use.idle + 1)), dead


def perplexity(counts: Float[Array, "codes"]) -> Float[Array, ""]:
    """How many evenly used codes would be as hard to foresee."""
    shares = counts / counts.sum()
    return jnp.exp(-jnp.sum(shares * jnp.log(jnp.maximum(shares, 1e-12))))


def share_in_use(use: CodeUse, window: int) -> Float[Array, ""]:
    """The share of codes that one of the last `window` steps chose."""
    return jnp.mean(use.idle < window)
