"""Training the transformer: cross entropy of image tokens, with some captions left blank so that guidance can compare
(Ho & Salimans 2022, arXiv 2207.12598, algorithm 1).

The loss is the original's: the mean over all positions of the cross entropy over all `image_vocab_size + 1` classes.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image

from dalle_mini.arrays import Array, Float, Int32, Params
from dalle_mini.checkpoints.layout import stack_layers, unstack_layers
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.checkpoints.store import load_transformer, load_vqgan, save_transformer
from dalle_mini.config import GenerationConfig, TransformerConfig
from dalle_mini.data.loader import Batch, Loader, mix_batches
from dalle_mini.errors import ConfigError
from dalle_mini.grid import compose_grid, save_png
from dalle_mini.models import transformer
from dalle_mini.pipeline import DalleMini
from dalle_mini.pixels import decode_pixels
from dalle_mini.safety.options import UNCHECKED
from dalle_mini.text.tokenizer import FILES, Tokenizer
from dalle_mini.training.loop import LoopConfig
from dalle_mini.training.optimizer import OptimizerConfig, accumulate_gradients, build_optimizer, update_average
from dalle_mini.training.runfile import build_sections, require_choice, require_positive
from dalle_mini.training.sharding import MeshConfig, row_share
from dalle_mini.training.start import load_start
from dalle_mini.training.state import TrainState
from dalle_mini.training.tokens import TokenData


@dataclasses.dataclass(frozen=True)
class LearningConfig:
    """`blank_captions` is the share of captions left blank. `start_from` is the folder of a transformer of the same
    sizes, whose weights the run begins with in place of random ones. `scan_layers` stacks the layers for shorter
    compiles; `remat` computes a layer's insides again on the way back instead of keeping them. Parameters are float32
    whatever `dtype` products are computed in."""

    blank_captions: float = 0.1
    dropout: float = 0.0
    scan_layers: bool = True
    remat: bool = True
    dtype: str = "float32"
    start_from: str = ""

    def __post_init__(self) -> None:
        for name in ("blank_captions", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"learning.{name}={getattr(self, name)!r} must be from 0 to below 1")
        require_choice(self, "learning", "dtype", ("float32", "bfloat16"))


@dataclasses.dataclass(frozen=True)
class SampleConfig:
    """What is drawn into the sample sheets: a row of `images` for every prompt, and one of the set's own pictures."""

    prompts: tuple[str, ...] = ()
    images: int = 6
    guidance_scale: float = 3.0

    def __post_init__(self) -> None:
        require_positive(self, "samples", "images")
        GenerationConfig(images=self.images, guidance_scale=self.guidance_scale)


TABLES: dict[str, type] = {
    "data": TokenData,
    "model": TransformerConfig,
    "learning": LearningConfig,
    "samples": SampleConfig,
    "optimizer": OptimizerConfig,
    "loop": LoopConfig,
    "mesh": MeshConfig,
}
"""The tables of a run file."""


def read_sections(tables: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """The tables of a run file as dataclasses, by name; ConfigError for what they can't hold."""
    return build_sections(tables, **TABLES)


def init_state(sections: Mapping[str, Any]) -> TrainState:
    """The state before the first step."""
    config, learning, optimizer = (sections[name] for name in ("model", "learning", "optimizer"))
    params = transformer.init(jax.random.key(sections["loop"].seed), config, scan=learning.scan_layers)
    return TrainState.fresh(params, build_optimizer(optimizer).init(params), averaged=optimizer.ema_decay > 0)


def batch_shapes(sections: Mapping[str, Any]) -> dict[str, jax.ShapeDtypeStruct]:
    """The arrays of a whole batch."""
    config, rows = sections["model"], sections["optimizer"].batch_size
    return {
        "text": jax.ShapeDtypeStruct((rows, config.max_text_length), jnp.int32),
        "mask": jax.ShapeDtypeStruct((rows, config.max_text_length), jnp.bool_),
        "image": jax.ShapeDtypeStruct((rows, config.image_length), jnp.int32),
    }


def cross_entropy(
    logits: Float[Array, "batch image vocab"], labels: Int32[Array, "batch image"]
) -> Float[Array, "batch image"]:
    """Nats per token, over every class of the logits."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


def train_step(
    state: TrainState, arrays: dict[str, jax.Array], *, sections: Mapping[str, Any]
) -> tuple[TrainState, dict[str, Any]]:
    """One update."""
    config, learning, optimizer = (sections[name] for name in ("model", "learning", "optimizer"))
    model = transformer.Transformer(config, learning.dropout, learning.scan_layers, learning.remat)
    key = jax.random.fold_in(jax.random.key(sections["loop"].seed), state.step)

    def loss(params: Params, rows: dict[str, jax.Array], part):
        computed = jax.tree.map(lambda leaf: leaf.astype(learning.dtype), params)
        inputs = transformer.shift_right(rows["image"], config)
        streams = {"dropout": jax.random.fold_in(key, part)}
        logits = model.apply({"params": computed}, rows["text"], rows["mask"], inputs, rngs=streams)
        return cross_entropy(logits, rows["image"]).mean(), ()

    (value, _), gradients = accumulate_gradients(loss, state.params, arrays, optimizer.accumulate)
    updates, optimizer_state = build_optimizer(optimizer).update(gradients, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    average = update_average(state.average, params, state.step, optimizer.ema_decay)
    metrics = {"loss": value, "gradient_norm": optax.tree.norm(gradients)}
    return TrainState(state.step + 1, params, average, optimizer_state), metrics


class TransformerTask:
    """A run of transformer training; batches are a pure function of (seed, step)."""

    def __init__(self, tables: Mapping[str, dict[str, Any]]) -> None:
        self.sections = read_sections(tables)
        self._config: TransformerConfig = self.sections["model"]
        self._learning: LearningConfig = self.sections["learning"]
        self._samples: SampleConfig = self.sections["samples"]
        self._optimizer: OptimizerConfig = self.sections["optimizer"]
        self._data: TokenData = self.sections["data"]
        self.loop: LoopConfig = self.sections["loop"]
        self.mesh: MeshConfig = self.sections["mesh"]
        self.steps = self._optimizer.steps
        self._tokenizer = Tokenizer.from_directory(
            Path(self._data.tokenizer),
            max_length=self._config.max_text_length,
            normalize=self._config.normalize_text,
        )
        self._tokenizer.encode(self._samples.prompts)
        self._empty = np.asarray(self._tokenizer.encode_empty(1).tokens)
        self._sets = self._data.open(self._config)

    @property
    def start_weights(self) -> Params | None:
        """The weights in `start_from`, where the run file names it; ConfigError if they are of other sizes."""
        params = load_start(self._learning.start_from, self._config, load_transformer)
        return stack_layers(params) if params and self._learning.scan_layers else params

    def init(self) -> TrainState:
        return init_state(self.sections)

    def train_step(self, state: TrainState, arrays: dict[str, jax.Array]) -> tuple[TrainState, dict[str, Any]]:
        return train_step(state, arrays, sections=self.sections)

    def batches(self, first_step: int) -> Iterator[Batch]:
        """This process's rows of the steps from `first_step` on: text and its mask, and image tokens."""
        share = row_share(self.mesh)
        rows = self._data.divide(self._optimizer.batch_size)
        loaders = [
            Loader(record_set, batch_size=count, seed=self.loop.seed, **share)
            for record_set, count in zip(self._sets, rows, strict=True)
        ]
        parts = zip(*(loader.iterate(first_step) for loader in loaders), strict=True)
        for step, batch in enumerate(map(mix_batches, parts), start=first_step):
            blank = np.random.default_rng((self.loop.seed, step)).random(self._optimizer.batch_size)
            mine = np.split(blank < self._learning.blank_captions, share["processes"])[share["process"]]
            text = np.where(mine[:, None], self._empty, batch.arrays["text"])
            arrays = {"text": text, "mask": text != self._tokenizer.pad_id, "image": batch.arrays["image"]}
            yield dataclasses.replace(batch, arrays=arrays)

    def sample(self, state: TrainState, path: Path) -> None:
        """A row of pictures for every prompt of the run file, and a row of the set's own, as the VQGAN shows them."""
        count = self._samples.images
        if not self._samples.prompts:
            return
        vqgan_config, vqgan_params = load_vqgan(Path(self._data.vqgan))
        params = jax.device_put(state.weights)
        model = DalleMini(
            name="training",
            config=self._config,
            params=unstack_layers(params) if self._learning.scan_layers else params,
            vqgan_config=vqgan_config,
            vqgan_params=vqgan_params,
            tokenizer=self._tokenizer,
            defaults=GenerationConfig(images=count, guidance_scale=self._samples.guidance_scale),
            safety=UNCHECKED,
        )
        drawn = [image for prompt in self._samples.prompts for image in model.generate(prompt, seed=0).images]
        known = [
            Image.fromarray(np.asarray(decode_pixels(vqgan_params, vqgan_config, tokens)))
            for tokens in Loader(self._sets[0], batch_size=count, seed=self.loop.seed).at(0).arrays["image"]
        ]
        save_png(compose_grid(drawn + known, columns=count), path)

    def export(self, state: TrainState, directory: Path) -> None:
        """The weights, with the tokenizer's files beside them."""
        save_transformer(directory, self._config, state.weights, overwrite=True)
        for source in filter(Path.is_file, (Path(self._data.tokenizer) / name for name in FILES)):
            write_whole(directory / source.name, source.read_bytes())
