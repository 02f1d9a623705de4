"""Training a VQGAN (Esser et al. 2021, arXiv 2012.09841): reconstruction, a perceptual and an adversarial term, and
commitment to a codebook that follows its latents.

Pixels are compared by absolute and squared difference, and their steps to neighbors too, lest edges blur. A term of
weight 0 is left out when the step is compiled.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from dalle_mini.arrays import Array, Float, Params, UInt8
from dalle_mini.checkpoints.store import load_perceptual, save_vqgan
from dalle_mini.config import DiscriminatorConfig, PerceptualConfig, VQGANConfig
from dalle_mini.data.shards import read_set
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.grid import compose_grid, save_png
from dalle_mini.models import perceptual, vqgan
from dalle_mini.training.adversary import Adversary, AdversaryConfig, Duel, adaptive_weight
from dalle_mini.training.codebook import (
    CodebookConfig,
    CodeUse,
    follow_latents,
    perplexity,
    quantize,
    share_in_use,
    straight_through,
)
from dalle_mini.training.loop import LoopConfig
from dalle_mini.training.optimizer import OptimizerConfig, build_optimizer, update_average
from dalle_mini.training.runfile import build_section, check_tables
from dalle_mini.training.state import TrainState

_SHOWN = 16


@dataclasses.dataclass(frozen=True)
class LossConfig:
    """Weights of the terms beside the absolute difference, whose weight is 1.

    `perceptual` is the folder of the network that `train features` made; needed where `perceptual_weight` is not 0.
    """

    squared_weight: float = 4.0
    edge_weight: float = 0.2
    perceptual: str = ""
    perceptual_weight: float = 0.0
    commitment_weight: float = 0.25

    def __post_init__(self) -> None:
        for name in ("squared_weight", "edge_weight", "perceptual_weight", "commitment_weight"):
            if getattr(self, name) < 0:
                raise ConfigError(f"losses.{name}={getattr(self, name)!r} must be 0 or more")
        if self.perceptual_weight and not self.perceptual:
            raise ConfigError(
                f"losses.perceptual_weight={self.perceptual_weight!r}, but losses.perceptual names no network",
                hint="train one with `dalle-mini train features`, or set the weight to 0",
            )


@dataclasses.dataclass(frozen=True)
class PictureData:
    pictures: str


@dataclasses.dataclass(frozen=True)
class VQGANRun:
    """Everything that a step is compiled for; `features` and `duel` are None where their weights are 0."""

    model: VQGANConfig
    losses: LossConfig
    codebook: CodebookConfig
    optimizer: OptimizerConfig
    seed: int
    features: PerceptualConfig | None
    duel: Duel | None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Companions:
    """What is trained beside the VQGAN."""

    codes: CodeUse
    adversary: Adversary | None


class VQGANTask:
    """A run of VQGAN training; batches are a pure function of (seed, step)."""

    def __init__(self, tables: dict[str, dict[str, Any]]) -> None:
        check_tables(tables, ("data", "model", "losses", "codebook", "adversary", "discriminator", "optimizer", "loop"))
        model = build_section(VQGANConfig, tables, "model")
        losses = build_section(LossConfig, tables, "losses")
        codebook = build_section(CodebookConfig, tables, "codebook")
        adversary = build_section(AdversaryConfig, tables, "adversary")
        sizes = build_section(DiscriminatorConfig, tables, "discriminator")
        optimizer = build_section(OptimizerConfig, tables, "optimizer")
        self.loop = build_section(LoopConfig, tables, "loop")
        self.steps = optimizer.steps
        data = build_section(PictureData, tables, "data")
        duel = Duel(adversary, sizes, optimizer) if adversary.weight else None
        if duel:
            _check_resolution(model, "discriminator", sizes.smallest_resolution)
        features, self._features = None, {}
        if losses.perceptual_weight:
            features, self._features = load_perceptual(losses.perceptual)
            _check_resolution(model, "perceptual network", features.smallest_resolution)
        self.described = VQGANRun(model, losses, codebook, optimizer, self.loop.seed, features, duel)
        self._pixels = read_set(Path(data.pictures), ("pixels",))["pixels"]
        expected = (model.resolution, model.resolution, model.in_channels)
        if self._pixels.shape[1:] != expected:
            raise DataError(f"pictures of shape {self._pixels.shape[1:]}, the model reads {expected}")

    def init(self) -> TrainState:
        run, key = self.described, jax.random.key(self.loop.seed)
        params = vqgan.init(key, run.model)
        adversary = run.duel.begin(jax.random.fold_in(key, 1)) if run.duel else None
        optimizer = build_optimizer(run.optimizer).init(params)
        return TrainState.fresh(params, optimizer, Companions(CodeUse.fresh(run.model), adversary))

    def batch(self, step: int) -> UInt8[np.ndarray, "batch height width channels"]:
        random = np.random.default_rng((self.loop.seed, step))
        return self._pixels[random.integers(len(self._pixels), size=self.described.optimizer.batch_size)]

    def train_step(self, state: TrainState, batch) -> tuple[TrainState, dict[str, Any]]:
        return train_step(state, batch, self._features, self.described)

    def sample(self, state: TrainState, path: Path) -> None:
        """Pictures above their reconstructions."""
        pixels = self._pixels[:_SHOWN]
        redrawn = np.asarray(reconstruct(state.average, self.described.model, pixels))
        shown = [Image.fromarray(array) for array in np.concatenate([pixels, redrawn])]
        save_png(compose_grid(shown, columns=len(pixels)), path)

    def export(self, state: TrainState, directory: Path) -> None:
        save_vqgan(directory, self.described.model, state.average, overwrite=True)


def _check_resolution(model: VQGANConfig, name: str, smallest: int) -> None:
    if model.resolution < smallest:
        raise ConfigError(
            f"model.resolution={model.resolution} is too small for the {name}, which needs {smallest}",
            hint="give it fewer layers, or leave it out with weight 0",
        )


@functools.partial(jax.jit, static_argnames="config")
def reconstruct(params: Params, config: VQGANConfig, pixels: UInt8[Array, "batch height width channels"]):
    """Pictures through tokens and back, as uint8."""
    tokens = vqgan.encode(params, config, pixels.astype(jnp.float32) / 255)
    return jnp.round(jnp.clip(vqgan.decode(params, config, tokens), 0, 1) * 255).astype(jnp.uint8)


@functools.partial(jax.jit, static_argnames="run", donate_argnames="state")
def train_step(
    state: TrainState, batch: UInt8[Array, "batch height width channels"], features: Params, run: VQGANRun
) -> tuple[TrainState, dict[str, Any]]:
    """One update of the VQGAN by its gradient, of the codebook by its averages, and of the discriminator by its own.

    `features` are the parameters of the perceptual network, or empty.
    """
    pixels = batch.astype(jnp.float32) / 255
    plain = state.step < run.codebook.plain_steps

    def redraw(params: Params):
        latents = vqgan.encode_latents(params, run.model, pixels)
        codes, tokens = quantize(params, run.model, latents)
        seen = jnp.where(plain, latents, straight_through(latents, codes))
        commitment = jnp.mean((latents - codes) ** 2)
        return (vqgan.decode_latents(params, run.model, seen), commitment), (latents, tokens)

    # The losses' gradients in the pixels come first: all that the decoder needs to know of them.
    (redrawn, commitment), pull_back, (latents, tokens) = jax.vjp(redraw, state.params, has_aux=True)
    compare = jax.value_and_grad(reconstruction_loss, has_aux=True)
    (loss, metrics), slope = compare(redrawn, pixels, features, run.losses, run.features)
    adversary = state.extra.adversary
    if run.duel:
        toward_real, adversary, contest = _contest(run.duel, adversary, state.step, pixels, redrawn, slope, pull_back)
        slope, metrics = slope + toward_real, metrics | contest
    (gradients,) = pull_back((slope, run.losses.commitment_weight))
    updates, optimizer = build_optimizer(run.optimizer).update(gradients, state.optimizer, state.params)
    params = jax.tree.map(jnp.add, state.params, updates)

    key = jax.random.fold_in(jax.random.key(run.seed), state.step)
    cells = latents.reshape(-1, run.model.embed_dim)
    codes, dead = follow_latents(key, state.extra.codes, cells, tokens.ravel(), run.codebook, plain)
    params = _with_codebook(params, codes.codebook)
    average = update_average(state.average, params, state.step, run.optimizer.ema_decay)
    # A code that was moved has no past worth averaging.
    average = _with_codebook(average, jnp.where(dead[:, None], codes.codebook, _codebook(average)))
    metrics |= {
        "loss": loss + run.losses.commitment_weight * commitment,
        "commitment": commitment,
        "code_perplexity": perplexity(codes.counts),
        "codes_in_use": share_in_use(codes, run.codebook.window),
        "moved_codes": dead.sum(),
    }
    return TrainState(state.step + 1, params, average, optimizer, Companions(codes, adversary)), metrics


def reconstruction_loss(
    redrawn: Float[Array, "batch height width channels"],
    pixels: Float[Array, "batch height width channels"],
    features: Params,
    losses: LossConfig,
    config: PerceptualConfig | None,
) -> tuple[Float[Array, ""], dict[str, Any]]:
    """How far `redrawn` is from `pixels`, by the weights of `losses`; and the terms as metrics."""
    apart = redrawn - pixels
    squared = jnp.mean(apart**2)
    total = jnp.abs(apart).mean() + losses.squared_weight * squared
    total += losses.edge_weight * _edge_difference(redrawn, pixels)
    metrics = {"psnr": -10 * jnp.log10(squared)}
    if config:
        metrics["perceptual"] = perceptual.distance(features, config, redrawn, pixels).mean()
        total += losses.perceptual_weight * metrics["perceptual"]
    return total, metrics


def _edge_difference(redrawn, pixels):
    """How much the steps between neighboring pixels differ, across and down."""
    return sum(jnp.abs(jnp.diff(redrawn, axis=axis) - jnp.diff(pixels, axis=axis)).mean() for axis in (1, 2))


def _contest(duel: Duel, adversary: Adversary, step, pixels, redrawn, slope, pull_back):
    """The adversarial term's weighted gradient in the pixels, the discriminator after its update, and metrics.

    Before its start nothing of it is computed. Of the two pulls through the VQGAN only the last layer's part is used,
    and so only that is compiled.
    """

    def last_layer(gradient):
        return pull_back((gradient, 0.0))[0]["decoder"]["conv_out"]["kernel"]

    def fight():
        return duel.judge(adversary.params, redrawn), duel.learn(adversary, pixels, redrawn)

    def wait():
        nothing = jnp.float32(0)
        return (nothing, jnp.zeros_like(redrawn)), (adversary, nothing)

    started = step >= duel.config.start_step
    (loss, toward_real), (adversary, own_loss) = jax.lax.cond(started, fight, wait)
    weight = duel.config.weight * adaptive_weight(last_layer(slope), last_layer(toward_real)) * started
    metrics = {"adversarial": loss, "adversarial_weight": weight, "discriminator_loss": own_loss}
    return weight * toward_real, adversary, metrics


def _codebook(params: Params):
    return params["quantize"]["embedding"]["embedding"]


def _with_codebook(params: Params, codebook) -> Params:
    return {**params, "quantize": {"embedding": {"embedding": codebook}}}
