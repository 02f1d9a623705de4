"""Training a CLIP: every picture of a batch should find its caption, every caption its picture (Radford et al. 2021,
arXiv 2103.00020, sections 2.3 to 2.5: symmetric cross entropy, a learned temperature that is clipped).

A batch's other captions are the wrong answers, so the larger the batch, the harder the question.
"""

import dataclasses
import functools
import math
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dalle_mini.arrays import Array, Float, Key, Params, UInt8
from dalle_mini.checkpoints.store import save_clip
from dalle_mini.config import CLIPConfig, CLIPTextConfig, CLIPVisionConfig
from dalle_mini.data.loader import Batch, Loader
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.grid import save_png
from dalle_mini.models import clip
from dalle_mini.text.clip import read_clip_tokenizer
from dalle_mini.training.caption_sheet import compose_caption_sheet
from dalle_mini.training.loop import LoopConfig
from dalle_mini.training.optimizer import OptimizerConfig, build_optimizer, update_average
from dalle_mini.training.runfile import build_section, check_tables
from dalle_mini.training.state import TrainState

_SHOWN = 16
_OF_THE_TOKENIZER = ("vocab_size", "eos_token_id", "pooling")


@dataclasses.dataclass(frozen=True)
class CaptionedPictures:
    """The folders of the picture set and of the tokenizer, which the exported model takes along."""

    pictures: str
    tokenizer: str


@dataclasses.dataclass(frozen=True)
class SpaceConfig:
    """The space that both towers project into; the logits' factor starts at `exp(logit_scale_init_value)`."""

    projection_dim: int = CLIPConfig.projection_dim
    logit_scale_init_value: float = CLIPConfig.logit_scale_init_value


@dataclasses.dataclass(frozen=True)
class AugmentationConfig:
    """`shift` moves a picture by up to so many pixels, its edge repeated; `flip` mirrors every second one, which does
    harm where captions tell left from right."""

    shift: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        if self.shift < 0:
            raise ConfigError(f"augmentation.shift={self.shift!r} must be 0 (off) or more")


class CLIPTask:
    """A run of CLIP training; batches are a pure function of (seed, step)."""

    def __init__(self, tables: dict[str, dict[str, Any]]) -> None:
        check_tables(tables, ("data", "model", "text", "vision", "augmentation", "optimizer", "loop"))
        self.augmentation = build_section(AugmentationConfig, tables, "augmentation")
        self.optimizer = build_section(OptimizerConfig, tables, "optimizer")
        self.loop = build_section(LoopConfig, tables, "loop")
        self.steps = self.optimizer.steps
        self.data = build_section(CaptionedPictures, tables, "data")
        text = _read_text_section(tables)
        self._tokenizer = read_clip_tokenizer(
            self.data.tokenizer, max_length=text.max_position_embeddings, normalize=text.normalize_text
        )
        self.config = CLIPConfig(
            dataclasses.replace(
                text, vocab_size=self._tokenizer.vocab_size, eos_token_id=self._tokenizer.byte_pairs.end_id
            ),
            build_section(CLIPVisionConfig, tables, "vision"),
            **dataclasses.asdict(build_section(SpaceConfig, tables, "model")),
        )
        pictures = RecordSet.open(self.data.pictures, "pictures")
        self._check_resolution(pictures.manifest.resolution)
        self._loader = Loader(pictures, batch_size=self.optimizer.batch_size, seed=self.loop.seed)

    def _check_resolution(self, found: int) -> None:
        size = self.config.vision_config.image_size
        if found != size:
            raise DataError(
                f"pictures of {found} pixels a side, the model reads {size}",
                hint="set vision.image_size, or build the pictures at that size",
            )

    def init(self) -> TrainState:
        params = clip.init(jax.random.key(self.loop.seed), self.config)
        return TrainState.fresh(params, build_optimizer(self.optimizer).init(params))

    def batch(self, step: int) -> dict[str, np.ndarray]:
        return self._read(self._loader.at(step))

    def train_step(self, state: TrainState, batch) -> tuple[TrainState, dict[str, Any]]:
        return train_step(state, batch, self.config, self.augmentation, self.optimizer, self.loop.seed)

    def sample(self, state: TrainState, path: Path) -> None:
        """Pictures of the first batch with their own caption, and with that of the batch which fits best."""
        batch = self._loader.at(0)
        cosines = compare(state.average, self.config, self._read(batch))
        best = [batch.captions[index] for index in np.asarray(cosines).argmax(axis=1)]
        save_png(compose_caption_sheet(batch.arrays["pixels"][:_SHOWN], batch.captions[:_SHOWN], best[:_SHOWN]), path)

    def export(self, state: TrainState, directory: Path) -> None:
        save_clip(directory, self.config, state.average, tokenizer=self.data.tokenizer, overwrite=True)

    def _read(self, batch: Batch) -> dict[str, np.ndarray]:
        return {**batch.arrays, "text": self._tokenizer.encode(batch.captions).tokens}


def _read_text_section(tables: dict[str, dict[str, Any]]) -> CLIPTextConfig:
    for name in _OF_THE_TOKENIZER:
        if name in tables.get("text", {}):
            raise ConfigError(f"text.{name} is not the run file's to say", hint="leave it out: the tokenizer decides")
    return build_section(CLIPTextConfig, tables, "text")


def contrastive_loss(
    texts: Float[Array, "batch projection"], images: Float[Array, "batch projection"], scale: Float[Array, ""]
) -> tuple[Float[Array, ""], dict[str, Float[Array, ""]]]:
    """Nats a choice, over choosing a caption for each picture and a picture for each caption; and how many are right.

    Rows of length 1, a text's at the place of its picture's.
    """
    logits = scale * images @ texts.T
    own = jnp.arange(len(logits))
    choices = {"caption": logits, "picture": logits.T}
    losses = [optax.softmax_cross_entropy_with_integer_labels(choice, own).mean() for choice in choices.values()]
    accuracies = {f"{name}_accuracy": jnp.mean(choice.argmax(axis=1) == own) for name, choice in choices.items()}
    return sum(losses) / len(losses), accuracies


@functools.partial(jax.jit, static_argnames="config")
def compare(params: Params, config: CLIPConfig, batch: dict[str, Array]) -> Float[Array, "pictures captions"]:
    """The cosine of every picture with every caption of a batch."""
    texts = clip.embed_text(params, config, batch["text"])
    return clip.embed_images(params, config, batch["pixels"].astype(jnp.float32) / 255) @ texts.T


@functools.partial(jax.jit, static_argnames=("config", "augmentation", "optimizer", "seed"), donate_argnames="state")
def train_step(
    state: TrainState,
    batch: dict[str, Array],
    config: CLIPConfig,
    augmentation: AugmentationConfig,
    optimizer: OptimizerConfig,
    seed: int,
) -> tuple[TrainState, dict[str, Any]]:
    """One update; afterwards the logits' factor is at most 100 again."""
    pixels = augment(jax.random.fold_in(jax.random.key(seed), state.step), batch["pixels"], augmentation)

    def loss(params: Params):
        texts = clip.embed_text(params, config, batch["text"])
        images = clip.embed_images(params, config, pixels.astype(jnp.float32) / 255)
        return contrastive_loss(texts, images, jnp.exp(params["logit_scale"]))

    (value, accuracies), gradients = jax.value_and_grad(loss, has_aux=True)(state.params)
    updates, optimizer_state = build_optimizer(optimizer).update(gradients, state.optimizer, state.params)
    params = jax.tree.map(jnp.add, state.params, updates)
    params |= {"logit_scale": jnp.minimum(params["logit_scale"], math.log(clip.MAX_SCALE))}
    average = update_average(state.average, params, state.step, optimizer.ema_decay)
    metrics = {"loss": value, **accuracies, "scale": jnp.exp(params["logit_scale"])}
    return TrainState(state.step + 1, params, average, optimizer_state), metrics


def augment(
    key: Key[Array, ""], pixels: UInt8[Array, "batch height width channels"], config: AugmentationConfig
) -> UInt8[Array, "batch height width channels"]:
    """The pictures, each moved and mirrored by chance of its own."""
    shifts, flips = jax.random.split(key)
    if config.shift:
        reach = config.shift
        wide = jnp.pad(pixels, ((0, 0), (reach, reach), (reach, reach), (0, 0)), mode="edge")
        starts = jax.random.randint(shifts, (len(pixels), 2), 0, 2 * reach + 1)
        cut = jax.vmap(lambda picture, start: jax.lax.dynamic_slice(picture, (*start, 0), pixels.shape[1:]))
        pixels = cut(wide, starts)
    if config.flip:
        mirrored = jax.random.bernoulli(flips, shape=(len(pixels), 1, 1, 1))
        pixels = jnp.where(mirrored, pixels[:, :, ::-1], pixels)
    return pixels
