"""Training a VQGAN (Esser et al. 2021, arXiv 2012.09841): reconstruction, a perceptual and an adversarial term, and
commitment to a codebook that follows its latents.

Pixels are compared by absolute and squared difference, and their steps to neighbors too, lest edges blur. A term of
weight 0 is left out when the step is compiled.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image

from dalle_mini.arrays import Array, Float, Params, UInt8
from dalle_mini.checkpoints.store import load_perceptual, load_vqgan, save_vqgan
from dalle_mini.config import DiscriminatorConfig, VQGANConfig
from dalle_mini.data.loader import Batch, Loader, read_in_order
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.grid import compose_grid, save_png
from dalle_mini.models import perceptual, vqgan
from dalle_mini.training.adversary import Adversary, AdversaryConfig, Duel
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
from dalle_mini.training.runfile import build_sections, require_choice, require_not_negative
from dalle_mini.training.sharding import MeshConfig, row_share
from dalle_mini.training.start import load_start
from dalle_mini.training.state import TrainState

Distance = Callable[[Any, Any], Array]
"""How unlike pictures are, one number a pair."""

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
        require_not_negative(self, "losses", "squared_weight", "edge_weight", "perceptual_weight", "commitment_weight")
        if self.perceptual_weight and not self.perceptual:
            raise ConfigError(
                f"losses.perceptual_weight={self.perceptual_weight!r}, but losses.perceptual names no network",
                hint="train one with `dalle-mini train features`, or set the weight to 0",
            )


@dataclasses.dataclass(frozen=True)
class PictureData:
    pictures: str


@dataclasses.dataclass(frozen=True)
class LearningConfig:
    """`start_from` is the folder of a VQGAN of the same sizes, whose weights the run begins with in place of random
    ones; `codebook.plain_steps` must then be 0. With `part = "decoder"` encoder and codebook stay as they are, and so
    does every token: a transformer that was trained on them still fits. The decoder may then have other sizes, and
    begins with random weights where it has. The other choice is "all"."""

    start_from: str = ""
    part: str = "all"

    def __post_init__(self) -> None:
        require_choice(self, "learning", "part", ("all", "decoder"))


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Companions:
    """What is trained beside the VQGAN; `adversary` is None where its weight is 0."""

    codes: CodeUse
    adversary: Adversary | None


TABLES: dict[str, type] = {
    "data": PictureData,
    "model": VQGANConfig,
    "learning": LearningConfig,
    "losses": LossConfig,
    "codebook": CodebookConfig,
    "adversary": AdversaryConfig,
    "discriminator": DiscriminatorConfig,
    "optimizer": OptimizerConfig,
    "loop": LoopConfig,
    "mesh": MeshConfig,
}
"""The tables of a run file."""


class VQGANTask:
    """A run of VQGAN training; batches are a pure function of (seed, step)."""

    def __init__(self, tables: dict[str, dict[str, Any]]) -> None:
        self.sections: Mapping[str, Any] = build_sections(tables, **TABLES)
        self.config, self.losses, self.codebook = (self.sections[name] for name in ("model", "losses", "codebook"))
        self.optimizer, self.loop, self.mesh = (self.sections[name] for name in ("optimizer", "loop", "mesh"))
        self.learning: LearningConfig = self.sections["learning"]
        self.steps = self.optimizer.steps
        if self.learning.start_from and self.codebook.plain_steps:
            raise ConfigError(
                f"codebook.plain_steps={self.codebook.plain_steps} would lose the codebook of learning.start_from",
                hint="set it to 0",
            )
        if self.optimizer.accumulate != 1:
            raise ConfigError(
                f"optimizer.accumulate={self.optimizer.accumulate}: a VQGAN's batch is not divided",
                hint="leave it at 1, and choose a smaller batch_size or more devices",
            )
        self._duel = self._read_duel()
        self._distance = self._read_perceptual()
        self._set = RecordSet.open(self.sections["data"].pictures, "pictures")
        found, expected = self._set.manifest.resolution, self.config.resolution
        if found != expected:
            raise DataError(f"pictures of the shape {(found, found)}, the model reads {(expected, expected)}")

    def _read_duel(self) -> Duel | None:
        config, sizes = self.sections["adversary"], self.sections["discriminator"]
        if not config.weight:
            return None
        self._check_resolution("discriminator", sizes.smallest_resolution)
        return Duel(config, sizes, self.optimizer)

    def _read_perceptual(self) -> Distance | None:
        if not self.losses.perceptual_weight:
            return None
        config, params = load_perceptual(self.losses.perceptual)
        self._check_resolution("perceptual network", config.smallest_resolution)
        return functools.partial(perceptual.distance, jax.device_get(params), config)

    def _check_resolution(self, name: str, smallest: int) -> None:
        if self.config.resolution < smallest:
            raise ConfigError(
                f"model.resolution={self.config.resolution} is too small for the {name}, which needs {smallest}",
                hint="give it fewer layers, or leave it out with weight 0",
            )

    @property
    def start_weights(self) -> Params | None:
        """The weights in `start_from`, where the run file names it; ConfigError if they are of other sizes."""
        load = load_vqgan if self.learning.part == "all" else self._load_tokens
        return load_start(self.learning.start_from, self.config, load)

    def _load_tokens(self, folder: str) -> tuple[VQGANConfig, Params]:
        """A VQGAN whose decoder is replaced by a fresh one where it has other sizes than the run's."""
        found, params = load_vqgan(folder)
        if found.decoder_sizes == self.config.decoder_sizes:
            return found, params
        fresh = vqgan.init(jax.random.key(self.loop.seed), self.config)["decoder"]
        decoder = {name: getattr(self.config, name) for name in ("decoder_ch", "decoder_ch_mult", "decoder_patch_size")}
        return dataclasses.replace(found, **decoder), {**params, "decoder": fresh}

    def init(self) -> TrainState:
        key = jax.random.key(self.loop.seed)
        params = vqgan.init(key, self.config)
        adversary = self._duel.begin(jax.random.fold_in(key, 1)) if self._duel else None
        extra = Companions(self._begin_codes(), adversary)
        averaged = self.optimizer.ema_decay > 0
        return TrainState.fresh(params, build_optimizer(self.optimizer).init(params), extra, averaged=averaged)

    def _begin_codes(self) -> CodeUse:
        start = self.start_weights
        if start is None:
            return CodeUse.fresh(self.config)
        cells = self.optimizer.batch_size * self.config.image_length
        return CodeUse.around(_codebook(start), cells / self.config.codebook_size)

    def batches(self, first_step: int) -> Iterator[Batch]:
        share = row_share(self.mesh)
        loader = Loader(self._set, batch_size=self.optimizer.batch_size, seed=self.loop.seed, **share)
        return loader.iterate(first_step)

    def train_step(self, state: TrainState, arrays) -> tuple[TrainState, dict[str, Any]]:
        """One update of the VQGAN by its gradient, of the codebook by its averages, and of the discriminator."""
        pixels = arrays["pixels"].astype(jnp.float32) / 255
        plain = state.step < self.codebook.plain_steps
        learns_all = self.learning.part == "all"

        def redraw(params: Params):
            latents = vqgan.encode_latents(params, self.config, pixels)
            latents = latents if learns_all else jax.lax.stop_gradient(latents)
            codes, tokens = quantize(params, self.config, latents)
            seen = jnp.where(plain, latents, straight_through(latents, codes))
            commitment = jnp.mean((latents - codes) ** 2)
            return (vqgan.decode_latents(params, self.config, seen), commitment), (latents, tokens)

        # The losses' gradients in the pixels come first: all that the VQGAN needs to know of them.
        (redrawn, commitment), pull_back, (latents, tokens) = jax.vjp(redraw, state.params, has_aux=True)
        compare = jax.value_and_grad(reconstruction_loss, has_aux=True)
        (loss, metrics), slope = compare(redrawn, pixels, self.losses, self._distance)
        adversary = state.extra.adversary
        if self._duel:
            last_layer = lambda slope: pull_back((slope, 0.0))[0]["decoder"]["conv_out"]["kernel"]  # noqa: E731
            toward_real, adversary, contest = self._duel.fight(
                adversary, state.step, pixels, redrawn, slope, last_layer
            )
            slope, metrics = slope + toward_real, metrics | contest
        (gradients,) = pull_back((slope, self.losses.commitment_weight))
        updates, optimizer = build_optimizer(self.optimizer).update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        codes, dead = self._move_codes(state, latents, tokens, plain)
        params = _with_codebook(params, codes.codebook)
        average = update_average(state.average, params, state.step, self.optimizer.ema_decay)
        if average:  # a code that was moved has no past worth averaging
            average = _with_codebook(average, jnp.where(dead[:, None], codes.codebook, _codebook(average)))
        if not learns_all:
            params, average = _keep_tokens(state.params, params), average and _keep_tokens(state.average, average)
        metrics |= {
            "loss": loss + self.losses.commitment_weight * commitment,
            "commitment": commitment,
            "code_perplexity": perplexity(codes.counts),
            "codes_in_use": share_in_use(codes, self.codebook.window),
            "moved_codes": dead.sum(),
        }
        return TrainState(state.step + 1, params, average, optimizer, Companions(codes, adversary)), metrics

    def _move_codes(self, state: TrainState, latents, tokens, plain):
        key = jax.random.fold_in(jax.random.key(self.loop.seed), state.step)
        cells = latents.reshape(-1, self.config.embed_dim)
        return follow_latents(key, state.extra.codes, cells, tokens.ravel(), self.codebook, plain)

    def sample(self, state: TrainState, path: Path) -> None:
        """Pictures above their reconstructions."""
        pixels = next(read_in_order(self._set, 0, _SHOWN, _SHOWN)).arrays["pixels"]
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


def reconstruction_loss(
    redrawn: Float[Array, "batch height width channels"],
    pixels: Float[Array, "batch height width channels"],
    losses: LossConfig,
    distance: Distance | None,
) -> tuple[Float[Array, ""], dict[str, Any]]:
    """How far `redrawn` is from `pixels`, by the weights of `losses`; and the terms as metrics."""
    apart = redrawn - pixels
    squared = jnp.mean(apart**2)
    total = jnp.abs(apart).mean() + losses.squared_weight * squared
    total += losses.edge_weight * _edge_difference(redrawn, pixels)
    metrics = {"psnr": -10 * jnp.log10(squared)}
    if distance:
        metrics["perceptual"] = distance(redrawn, pixels).mean()
        total += losses.perceptual_weight * metrics["perceptual"]
    return total, metrics


def _edge_difference(redrawn, pixels):
    """How much the steps between neighboring pixels differ, across and down."""
    return sum(jnp.abs(jnp.diff(redrawn, axis=axis) - jnp.diff(pixels, axis=axis)).mean() for axis in (1, 2))


def _keep_tokens(before: Params, after: Params) -> Params:
    """`after` where tokens become pixels, `before` where pixels become tokens."""
    return {**before, **{name: after[name] for name in ("post_quant_conv", "decoder")}}


def _codebook(params: Params):
    return params["quantize"]["embedding"]["embedding"]


def _with_codebook(params: Params, codebook) -> Params:
    return {**params, "quantize": {"embedding": {"embedding": codebook}}}
