"""Training the transformer: cross entropy of image tokens, with some captions left blank so that guidance can compare.

The loss is the original's: the mean over all positions of the cross entropy over all `image_vocab_size + 1` classes.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax

from dalle_mini.arrays import Array, Float, Int32, Params
from dalle_mini.checkpoints.layout import unstack_layers
from dalle_mini.checkpoints.store import load_vqgan, save_transformer
from dalle_mini.config import GenerationConfig, TransformerConfig, check_names
from dalle_mini.data.loader import Loader
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.grid import compose_grid, save_png
from dalle_mini.models import transformer
from dalle_mini.pipeline import DalleMini
from dalle_mini.text.tokenizer import Tokenizer
from dalle_mini.training.loop import LoopConfig
from dalle_mini.training.optimizer import OptimizerConfig, build_optimizer, update_average
from dalle_mini.training.runfile import build_section, check_tables
from dalle_mini.training.state import TrainState


@dataclasses.dataclass(frozen=True)
class TokenData:
    """Where the token set lies, and what it was made with; `prompts` are drawn into the sample sheets."""

    tokens: str
    tokenizer: str
    vqgan: str
    prompts: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class LearningConfig:
    """`blank_captions` is the share of captions left blank; `scan_layers` stacks the layers for shorter compiles."""

    blank_captions: float = 0.1
    dropout: float = 0.0
    scan_layers: bool = True
    guidance_scale: float = 3.0

    def __post_init__(self) -> None:
        for name in ("blank_captions", "dropout"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"learning.{name}={getattr(self, name)!r} must be from 0 to below 1")


class TransformerTask:
    """A run of transformer training; batches are a pure function of (seed, step)."""

    def __init__(self, tables: dict[str, dict[str, Any]]) -> None:
        check_tables(tables, ("data", "model", "learning", "optimizer", "loop"))
        self.config = TransformerConfig.from_dict(
            check_names(TransformerConfig, tables.get("model", {}), "name in [model]")
        )
        self.learning = build_section(LearningConfig, tables, "learning")
        self.optimizer = build_section(OptimizerConfig, tables, "optimizer")
        self.loop = build_section(LoopConfig, tables, "loop")
        self.steps = self.optimizer.steps
        self.data = build_section(TokenData, tables, "data")
        c = self.config
        self._tokenizer = Tokenizer.from_directory(
            Path(self.data.tokenizer), max_length=c.max_text_length, normalize=c.normalize_text
        )
        self._set = RecordSet.open(self.data.tokens, "tokens")
        self._check_set()
        self._loader = Loader(self._set, batch_size=self.optimizer.batch_size, seed=self.loop.seed)
        self._empty = np.asarray(self._tokenizer.encode_empty(1).tokens)

    def _check_set(self) -> None:
        c, made = self.config, self._set.manifest
        for name, length, size, most_length, most_size in (
            ("text", made.text_length, made.vocab_size, c.max_text_length, c.encoder_vocab_size),
            ("image", made.image_length, made.codebook_size, c.image_length, c.image_vocab_size),
        ):
            if length != most_length or size > most_size:
                raise DataError(
                    f"{name} tokens: {length} a row below {size}, not {most_length} below {most_size}",
                    hint="encode the pictures with this model's tokenizer and VQGAN",
                )

    def init(self) -> TrainState:
        params = transformer.init(jax.random.key(self.loop.seed), self.config, scan=self.learning.scan_layers)
        return TrainState.fresh(params, build_optimizer(self.optimizer).init(params))

    def batch(self, step: int) -> dict[str, np.ndarray]:
        arrays = self._loader.at(step).arrays
        random = np.random.default_rng((self.loop.seed, step))
        blank = random.random(len(arrays["text"])) < self.learning.blank_captions
        return {**arrays, "text": np.where(blank[:, None], self._empty, arrays["text"])}

    def train_step(self, state: TrainState, batch) -> tuple[TrainState, dict[str, Any]]:
        pad = self._tokenizer.pad_id
        return train_step(state, batch, self.config, self.learning, self.optimizer, self.loop.seed, pad)

    def sample(self, state: TrainState, path: Path) -> None:
        """Three pictures of every prompt of the run file, a row a prompt."""
        vqgan_config, vqgan_params = load_vqgan(Path(self.data.vqgan))
        model = DalleMini(
            name="training",
            config=self.config,
            params=self._unstacked(state.average),
            vqgan_config=vqgan_config,
            vqgan_params=vqgan_params,
            tokenizer=self._tokenizer,
            defaults=GenerationConfig(guidance_scale=self.learning.guidance_scale),
        )
        rows = [model.generate(prompt, images=6, seed=0).images for prompt in self.data.prompts]
        if rows:
            save_png(compose_grid([image for row in rows for image in row], columns=12), path)

    def export(self, state: TrainState, directory: Path) -> None:
        save_transformer(directory, self.config, self._unstacked(state.average), overwrite=True)

    def _unstacked(self, params: Params) -> Params:
        return unstack_layers(params) if self.learning.scan_layers else params


def cross_entropy(
    logits: Float[Array, "batch image vocab"], labels: Int32[Array, "batch image"]
) -> Float[Array, "batch image"]:
    """Nats per token, over every class of the logits."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels)


@functools.partial(jax.jit, static_argnames=("config", "learning", "optimizer", "seed", "pad"), donate_argnames="state")
def train_step(
    state: TrainState,
    batch: dict[str, Int32[Array, "batch _"]],
    config: TransformerConfig,
    learning: LearningConfig,
    optimizer: OptimizerConfig,
    seed: int,
    pad: int,
) -> tuple[TrainState, dict[str, Any]]:
    """One update; `pad` is the padding id of the text tokens."""
    model = transformer.Transformer(config, learning.dropout, learning.scan_layers)
    inputs = transformer.shift_right(batch["image"], config)
    key = jax.random.fold_in(jax.random.key(seed), state.step)

    def loss(params: Params):
        logits = model.apply({"params": params}, batch["text"], batch["text"] != pad, inputs, rngs={"dropout": key})
        return cross_entropy(logits, batch["image"]).mean()

    value, gradients = jax.value_and_grad(loss)(state.params)
    updates, optimizer_state = build_optimizer(optimizer).update(gradients, state.optimizer, state.params)
    params = optax.apply_updates(state.params, updates)
    average = update_average(state.average, params, state.step, optimizer.ema_decay)
    metrics = {"loss": value, "gradient_norm": optax.tree.norm(gradients)}
    return TrainState(state.step + 1, params, average, optimizer_state), metrics
