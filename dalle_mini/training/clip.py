"""Training a CLIP: every picture of a batch should find its caption, every caption its picture (Radford et al. 2021,
arXiv 2103.00020, sections 2.3 to 2.5: symmetric cross entropy, a learned temperature that is clipped).

A batch's other captions are the wrong answers, so the larger the batch, the harder the question. Pictures are distorted
on the way, since those that it will mark are a model's, which are never as clean as the ones it learns from.
"""

import dataclasses
import functools
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from dalle_mini.arrays import Array, Float, Params
from dalle_mini.checkpoints.store import load_clip, save_clip
from dalle_mini.config import CLIPConfig, CLIPResidualConfig, CLIPTextConfig, CLIPVisionConfig
from dalle_mini.data.loader import Batch, Loader
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.grid import save_png
from dalle_mini.models import clip
from dalle_mini.text.clip import read_clip_tokenizer
from dalle_mini.training.caption_sheet import compose_caption_sheet
from dalle_mini.training.distortion import DistortionConfig, distort, require_cells
from dalle_mini.training.loop import LoopConfig
from dalle_mini.training.optimizer import OptimizerConfig, build_optimizer, update_average
from dalle_mini.training.runfile import build_sections
from dalle_mini.training.sharding import MeshConfig, row_share
from dalle_mini.training.start import LearningConfig, load_start
from dalle_mini.training.state import TrainState

_SHOWN = 16
_OF_THE_TOKENIZER = ("vocab_size", "eos_token_id", "pooling")


@dataclasses.dataclass(frozen=True)
class CaptionedPictures:
    """The folders of the picture set and of the tokenizer, which the exported model takes along. `kin` pictures in a
    row of the set are in one batch: where they differ in little, they are the hardest to tell apart."""

    pictures: str
    tokenizer: str
    kin: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.kin, bool) or not isinstance(self.kin, int) or self.kin < 1:
            raise ConfigError(f"data.kin={self.kin!r} must be a whole number from 1 on")


@dataclasses.dataclass(frozen=True)
class SpaceConfig:
    """The space that both towers project into; the logits' factor starts at `exp(logit_scale_init_value)`."""

    projection_dim: int = CLIPConfig.projection_dim
    logit_scale_init_value: float = CLIPConfig.logit_scale_init_value


TABLES: dict[str, type] = {
    "data": CaptionedPictures,
    "model": SpaceConfig,
    "text": CLIPTextConfig,
    "vision": CLIPVisionConfig,
    "residual": CLIPResidualConfig,
    "learning": LearningConfig,
    "distortion": DistortionConfig,
    "optimizer": OptimizerConfig,
    "loop": LoopConfig,
    "mesh": MeshConfig,
}
"""The tables of a run file; `[residual]` in place of `[vision]` for an image tower of convolutions."""


class CLIPTask:
    """A run of CLIP training; batches are a pure function of (seed, step)."""

    def __init__(self, tables: Mapping[str, dict[str, Any]]) -> None:
        self.sections: Mapping[str, Any] = _read_sections(tables)
        self._distortion: DistortionConfig = self.sections["distortion"]
        self._optimizer: OptimizerConfig = self.sections["optimizer"]
        self._data: CaptionedPictures = self.sections["data"]
        self.loop: LoopConfig = self.sections["loop"]
        self.mesh: MeshConfig = self.sections["mesh"]
        self.steps = self._optimizer.steps
        text: CLIPTextConfig = self.sections["text"]
        self._tokenizer = read_clip_tokenizer(
            self._data.tokenizer, max_length=text.max_position_embeddings, normalize=text.normalize_text
        )
        known = {"vocab_size": self._tokenizer.vocab_size, "eos_token_id": self._tokenizer.byte_pairs.end_id}
        space = dataclasses.asdict(self.sections["model"])
        image_tower = self.sections.get("residual") or self.sections["vision"]
        self.config = CLIPConfig(dataclasses.replace(text, **known), image_tower, **space)
        self._pictures = RecordSet.open(self._data.pictures, "pictures")
        self._check_resolution()

    def _check_resolution(self) -> None:
        found, size = self._pictures.manifest.resolution, self.config.vision_config.image_size
        if found != size:
            raise DataError(
                f"pictures of {found} pixels a side, the model reads {size}",
                hint="set image_size, or build the pictures at that size",
            )
        require_cells(size)

    @property
    def start_weights(self) -> Params | None:
        """The weights in `start_from`, where the run file names it; of a CLIP with the other kind of image tower those
        of its text tower, the other fresh. ConfigError if they are of other sizes."""

        def load(folder: str) -> tuple[CLIPConfig, Params]:
            found, params = load_clip(folder)
            wanted = self.config.vision_config
            if type(found.vision_config) is type(wanted):
                return found, params
            return dataclasses.replace(found, vision_config=wanted), {**params, "image": self._init_params()["image"]}

        return load_start(self.sections["learning"].start_from, self.config, load)

    def init(self) -> TrainState:
        params = self._init_params()
        averaged = self._optimizer.ema_decay > 0
        return TrainState.fresh(params, build_optimizer(self._optimizer).init(params), averaged=averaged)

    def _init_params(self) -> Params:
        return clip.init(jax.random.key(self.loop.seed), self.config)

    def batches(self, first_step: int) -> Iterator[Batch]:
        """This process's rows of the steps from `first_step` on: pixels, and the text tokens of their captions."""
        return map(self._read, self._loader().iterate(first_step))

    def train_step(self, state: TrainState, arrays: dict[str, jax.Array]) -> tuple[TrainState, dict[str, Any]]:
        return train_step(state, arrays, self.config, self._distortion, self._optimizer, self.loop.seed)

    def sample(self, state: TrainState, path: Path) -> None:
        """Pictures of the first batch with their own caption, and with that of the batch which fits best."""
        batch = self._read(self._loader().at(0))
        cosines = compare(state.weights, self.config, batch.arrays)
        best = [batch.captions[index] for index in np.asarray(cosines).argmax(axis=1)]
        save_png(compose_caption_sheet(batch.arrays["pixels"][:_SHOWN], batch.captions[:_SHOWN], best[:_SHOWN]), path)

    def export(self, state: TrainState, directory: Path) -> None:
        """The weights, with the tokenizer's files beside them."""
        save_clip(directory, self.config, state.weights, tokenizer=self._data.tokenizer, overwrite=True)

    def _loader(self) -> Loader:
        share = row_share(self.mesh)
        size, seed, kin = self._optimizer.batch_size, self.loop.seed, self._data.kin
        return Loader(self._pictures, batch_size=size, seed=seed, kin=kin, **share)

    def _read(self, batch: Batch) -> Batch:
        tokens = self._tokenizer.encode(batch.captions).tokens
        return dataclasses.replace(batch, arrays={**batch.arrays, "text": tokens})


def _read_sections(tables: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The tables of a run file as dataclasses, by name; ConfigError for what they can't hold."""
    for name in _OF_THE_TOKENIZER:
        if name in tables.get("text", {}):
            raise ConfigError(f"text.{name} is not the run file's to say", hint="leave it out: the tokenizer decides")
    sections = build_sections(tables, **TABLES)
    if "vision" in tables and "residual" in tables:
        raise ConfigError("the run file has [vision] and [residual], two image towers", hint="leave one out")
    del sections["vision" if "residual" in tables else "residual"]
    if (parts := sections["optimizer"].accumulate) > 1:
        raise ConfigError(
            f"optimizer.accumulate={parts}: the captions of one part would not compete with those of another",
            hint="lower optimizer.batch_size, or divide it among devices with [mesh]",
        )
    return sections


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


def train_step(
    state: TrainState,
    batch: dict[str, Array],
    config: CLIPConfig,
    distortion: DistortionConfig,
    optimizer: OptimizerConfig,
    seed: int,
) -> tuple[TrainState, dict[str, Any]]:
    """One update; afterwards the logits' factor is at most 100 again."""
    key = jax.random.fold_in(jax.random.key(seed), state.step)
    pixels = distort(key, batch["pixels"].astype(jnp.float32) / 255, distortion)

    def loss(params: Params):
        texts = clip.embed_text(params, config, batch["text"])
        images = clip.embed_images(params, config, pixels)
        return contrastive_loss(texts, images, jnp.exp(params["logit_scale"]))

    (value, accuracies), gradients = jax.value_and_grad(loss, has_aux=True)(state.params)
    updates, optimizer_state = build_optimizer(optimizer).update(gradients, state.optimizer, state.params)
    params = jax.tree.map(jnp.add, state.params, updates)
    params |= {"logit_scale": jnp.minimum(params["logit_scale"], math.log(clip.MAX_SCALE))}
    average = update_average(state.average, params, state.step, optimizer.ema_decay)
    scale, norm = jnp.exp(params["logit_scale"]), optax.tree.norm(gradients)
    metrics = {"loss": value, **accuracies, "scale": scale, "gradient_norm": norm}
    return TrainState(state.step + 1, params, average, optimizer_state), metrics
