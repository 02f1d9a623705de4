"""Training a VQGAN: reconstruction, commitment, and a codebook that follows its latents (van den Oord et al. 2017,
arXiv 1711.00937, appendix A.1: moving averages instead of a codebook loss).

Codes that nothing chooses for a while are put where latents are (Dhariwal et al. 2020, arXiv 2005.00341, section 3.1).
Pixels are compared by absolute and squared difference, and their steps to neighbors too, lest edges blur.
"""

import dataclasses
import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from dalle_mini.arrays import Array, Params, UInt8
from dalle_mini.checkpoints.store import save_vqgan
from dalle_mini.config import VQGANConfig
from dalle_mini.data.loader import Batch, Loader
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import DataError
from dalle_mini.grid import compose_grid, save_png
from dalle_mini.models import vqgan
from dalle_mini.training.loop import LoopConfig
from dalle_mini.training.optimizer import OptimizerConfig, build_optimizer, update_average
from dalle_mini.training.runfile import build_sections
from dalle_mini.training.sharding import MeshConfig, row_share
from dalle_mini.training.state import TrainState

_SHOWN = 16


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Weights of the terms; `code_decay` is the rate of the codebook's averages, `dead_below` the share of an even
    use under which a code is moved. The first `plain_steps` train an autoencoder without a codebook to start from."""

    squared_weight: float = 4.0
    edge_weight: float = 0.2
    commitment_weight: float = 0.25
    code_decay: float = 0.99
    dead_below: float = 0.1
    plain_steps: int = 300


@dataclasses.dataclass(frozen=True)
class PictureData:
    pictures: str


@dataclasses.dataclass(frozen=True)
class CodeUse:
    """Moving averages behind the codebook: how often each code is chosen, `counts` [codes], and the sum of what chose
    it, `sums` [codes, embed_dim]. No shapes in the types: abstract arrays and shardings stand here too."""

    counts: Array
    sums: Array


jax.tree_util.register_dataclass(CodeUse, data_fields=["counts", "sums"], meta_fields=[])


class VQGANTask:
    """A run of VQGAN training; batches are a pure function of (seed, step)."""

    def __init__(self, tables: dict[str, dict[str, Any]]) -> None:
        self.sections = build_sections(
            tables,
            data=PictureData,
            model=VQGANConfig,
            loss=LossConfig,
            optimizer=OptimizerConfig,
            loop=LoopConfig,
            mesh=MeshConfig,
        )
        self.config, self.losses = self.sections["model"], self.sections["loss"]
        self.optimizer, self.loop, self.mesh = (self.sections[name] for name in ("optimizer", "loop", "mesh"))
        self.steps = self.optimizer.steps
        pictures = RecordSet.open(self.sections["data"].pictures, "pictures")
        if pictures.manifest.resolution != self.config.resolution:
            found, expected = pictures.manifest.resolution, self.config.resolution
            raise DataError(f"pictures of the shape {(found, found)}, the model reads {(expected, expected)}")
        self._pictures = pictures

    def init(self) -> TrainState:
        params = vqgan.init(jax.random.key(self.loop.seed), self.config)
        codes, width = self.config.codebook_size, self.config.embed_dim
        use = CodeUse(jnp.zeros(codes), jnp.zeros((codes, width)))
        averaged = self.optimizer.ema_decay > 0
        return TrainState.fresh(params, build_optimizer(self.optimizer).init(params), use, averaged=averaged)

    def batches(self, first_step: int) -> Iterator[Batch]:
        return self._loader().iterate(first_step)

    def _loader(self) -> Loader:
        share = row_share(self.mesh)
        return Loader(self._pictures, batch_size=self.optimizer.batch_size, seed=self.loop.seed, **share)

    def train_step(self, state: TrainState, arrays) -> tuple[TrainState, dict[str, Any]]:
        return train_step(state, arrays["pixels"], self.config, self.losses, self.optimizer, self.loop.seed)

    def sample(self, state: TrainState, path: Path) -> None:
        """Pictures above their reconstructions."""
        pixels = self._loader().at(0).arrays["pixels"][:_SHOWN]
        redrawn = np.asarray(reconstruct(state.weights, self.config, pixels))
        shown = [Image.fromarray(array) for array in np.concatenate([pixels, redrawn])]
        save_png(compose_grid(shown, columns=len(pixels)), path)

    def export(self, state: TrainState, directory: Path) -> None:
        save_vqgan(directory, self.config, state.weights, overwrite=True)


@functools.partial(jax.jit, static_argnames="config")
def reconstruct(params: Params, config: VQGANConfig, pixels: UInt8[Array, "batch height width channels"]):
    """Pictures through tokens and back, as uint8."""
    tokens = vqgan.encode(params, config, pixels.astype(jnp.float32) / 255)
    return jnp.round(jnp.clip(vqgan.decode(params, config, tokens), 0, 1) * 255).astype(jnp.uint8)


def train_step(
    state: TrainState,
    batch: UInt8[Array, "batch height width channels"],
    config: VQGANConfig,
    losses: LossConfig,
    optimizer: OptimizerConfig,
    seed: int,
) -> tuple[TrainState, dict[str, Any]]:
    """One update of the network by its gradient and of the codebook by its averages."""
    pixels = batch.astype(jnp.float32) / 255
    quantizes = state.step >= losses.plain_steps

    def loss(params: Params):
        latents = vqgan.encode_latents(params, config, pixels)
        tokens = vqgan.nearest_tokens(params, config, jax.lax.stop_gradient(latents))
        codes = jax.lax.stop_gradient(vqgan.lookup(params, config, tokens))
        # Straight through: the decoder sees codes, the encoder gets the decoder's gradient.
        seen = latents + jnp.where(quantizes, jax.lax.stop_gradient(codes - latents), 0)
        redrawn = vqgan.decode_latents(params, config, seen)
        apart = redrawn - pixels
        squared = jnp.mean(apart**2)
        error = jnp.abs(apart).mean() + losses.squared_weight * squared
        error += losses.edge_weight * _edge_difference(redrawn, pixels)
        commitment = jnp.mean((latents - codes) ** 2)
        total = error + losses.commitment_weight * commitment
        return total, (latents, tokens, commitment, squared)

    gradient_of = jax.value_and_grad(loss, has_aux=True)
    (total, (latents, tokens, commitment, squared)), gradients = gradient_of(state.params)
    updates, optimizer_state = build_optimizer(optimizer).update(gradients, state.optimizer, state.params)
    params = jax.tree.map(jnp.add, state.params, updates)
    key = jax.random.fold_in(jax.random.key(seed), state.step)
    latents = latents.reshape(-1, config.embed_dim)
    use, codebook, dead = _follow_latents(key, state.extra, latents, tokens.ravel(), losses, ~quantizes)
    params = {**params, "quantize": {"embedding": {"embedding": codebook}}}
    average = update_average(state.average, params, state.step, optimizer.ema_decay)
    metrics = {"loss": total, "psnr": -10 * jnp.log10(squared), "commitment": commitment, "moved_codes": dead}
    return TrainState(state.step + 1, params, average, optimizer_state, use), metrics


def _edge_difference(redrawn, pixels):
    """How much the steps between neighboring pixels differ, across and down."""
    return sum(jnp.abs(jnp.diff(redrawn, axis=axis) - jnp.diff(pixels, axis=axis)).mean() for axis in (1, 2))


def _follow_latents(key, use: CodeUse, latents, tokens, losses: LossConfig, restart):
    """Move every code towards what chose it, and unused codes (all, at a restart) onto latents of this batch."""
    size = use.counts.shape[0]
    chosen = jax.ops.segment_sum(jnp.ones_like(tokens, jnp.float32), tokens, size)
    summed = jax.ops.segment_sum(latents, tokens, size)
    counts = losses.code_decay * use.counts + (1 - losses.code_decay) * chosen
    sums = losses.code_decay * use.sums + (1 - losses.code_decay) * summed
    even = tokens.shape[0] / size
    dead = (counts < losses.dead_below * even) | restart
    picked = latents[jax.random.randint(key, (size,), 0, latents.shape[0])]
    counts = jnp.where(dead, even, counts)
    sums = jnp.where(dead[:, None], picked * even, sums)
    return CodeUse(counts, sums), sums / counts[:, None], dead.sum()
