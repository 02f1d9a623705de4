"""Training the perceptual network: which frequent words does a picture's caption contain?

Words of captions are enough to learn features from (Joulin et al. 2016, arXiv 1511.02251): as there, one softmax over
all words is asked for an even share to each word of the caption. Any captioned set will do; no pretrained network is
needed. Its features are what a VQGAN's perceptual term compares.
"""

import collections
import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image, ImageDraw

from dalle_mini.arrays import Array, Bool, Float, Params, UInt8
from dalle_mini.checkpoints.store import save_perceptual
from dalle_mini.config import PerceptualConfig
from dalle_mini.data.loader import Batch, Loader, read_in_order
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.grid import compose_grid, enlarge, save_png
from dalle_mini.models import perceptual
from dalle_mini.training.augmentation import AugmentationConfig, augment
from dalle_mini.training.loop import LoopConfig
from dalle_mini.training.optimizer import OptimizerConfig, accumulate_gradients, build_optimizer, update_average
from dalle_mini.training.runfile import build_sections
from dalle_mini.training.sharding import MeshConfig, row_share
from dalle_mini.training.state import TrainState

_SHOWN, _GUESSES = 16, 3
_WORD = re.compile(r"[^\W\d_]+")


@dataclasses.dataclass(frozen=True)
class WordConfig:
    """A word is learned if from `rarest` to `commonest` is the share of captions that contain it.

    What is in nearly every caption ("a") says nothing of a picture, and what is in few can't be learned.
    """

    rarest: float = 0.001
    commonest: float = 0.2

    def __post_init__(self) -> None:
        if not 0 <= self.rarest < self.commonest <= 1:
            raise ConfigError(
                f"words.rarest={self.rarest!r} and words.commonest={self.commonest!r} must be shares in rising order"
            )


@dataclasses.dataclass(frozen=True)
class CaptionedData:
    pictures: str


TABLES: dict[str, type] = {
    "data": CaptionedData,
    "model": PerceptualConfig,
    "words": WordConfig,
    "augmentation": AugmentationConfig,
    "optimizer": OptimizerConfig,
    "loop": LoopConfig,
    "mesh": MeshConfig,
}
"""The tables of a run file."""


class FeaturesTask:
    """A run of feature training; `model.num_words` of the run file is the most words to learn."""

    start_weights = None

    def __init__(self, tables: dict[str, dict[str, Any]]) -> None:
        self.sections: Mapping[str, Any] = build_sections(tables, **TABLES)
        self.optimizer, self.loop, self.mesh = (self.sections[name] for name in ("optimizer", "loop", "mesh"))
        self.steps = self.optimizer.steps
        model, self._augmentation = self.sections["model"], self.sections["augmentation"]
        self._set = RecordSet.open(self.sections["data"].pictures, "pictures")
        if self._set.manifest.resolution < model.smallest_resolution:
            found = self._set.manifest.resolution
            raise ConfigError(
                f"model.widths={model.widths!r} needs pictures of {model.smallest_resolution} pixels, found {found}",
                hint="give the network fewer stages",
            )
        captions = (fields["caption"] for fields in self._set.fields())
        self.words = choose_words(captions, self.sections["words"], most=model.num_words)
        self.config = dataclasses.replace(model, num_words=len(self.words))

    def init(self) -> TrainState:
        params = perceptual.init(jax.random.key(self.loop.seed), self.config)
        averaged = self.optimizer.ema_decay > 0
        return TrainState.fresh(params, build_optimizer(self.optimizer).init(params), averaged=averaged)

    def batches(self, first_step: int) -> Iterator[Batch]:
        share = row_share(self.mesh)
        loader = Loader(self._set, batch_size=self.optimizer.batch_size, seed=self.loop.seed, **share)
        for batch in loader.iterate(first_step):
            contains = mark_words(batch.captions, self.words)
            yield dataclasses.replace(batch, arrays={**batch.arrays, "contains": contains})

    def train_step(self, state: TrainState, arrays) -> tuple[TrainState, dict[str, Any]]:
        """One update; `arrays` has pixels uint8[batch, height, width, 3] and contains bool[batch, words]."""
        key = jax.random.fold_in(jax.random.key(self.loop.seed), state.step)
        pixels = augment(key, arrays["pixels"].astype(jnp.float32) / 255, self._augmentation)

        def loss(params: Params, arrays, part):
            logits = perceptual.word_logits(params, self.config, arrays["pixels"])
            return word_loss(logits, arrays["contains"]), words_found(logits, arrays["contains"])

        arrays = {"pixels": pixels, "contains": arrays["contains"]}
        parts = self.optimizer.accumulate
        (value, found), gradients = accumulate_gradients(loss, state.params, arrays, parts)
        updates, optimizer = build_optimizer(self.optimizer).update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        average = update_average(state.average, params, state.step, self.optimizer.ema_decay)
        return TrainState(state.step + 1, params, average, optimizer), {"loss": value, "found": found}

    def sample(self, state: TrainState, path: Path) -> None:
        """Pictures, each above the words that fit it best."""
        pixels = next(read_in_order(self._set, 0, _SHOWN, _SHOWN)).arrays["pixels"]
        logits = guess_words(state.weights, self.config, pixels)
        best = np.argsort(-np.asarray(logits), axis=1)[:, :_GUESSES]
        labels = [", ".join(self.words[index] for index in row) for row in best]
        tiles = [_labelled(Image.fromarray(array), label) for array, label in zip(pixels, labels, strict=True)]
        save_png(compose_grid(tiles), path)

    def export(self, state: TrainState, directory: Path) -> None:
        save_perceptual(directory, self.config, state.weights, self.words, overwrite=True)


def words_of(caption: str) -> set[str]:
    """The words of a caption, in lower case; numbers are none."""
    return set(_WORD.findall(caption.casefold()))


def choose_words(captions: Iterable[str], config: WordConfig, *, most: int) -> tuple[str, ...]:
    """At most `most` words within the bounds of `config`, the commonest first; DataError if fewer than two are."""
    counts, total = collections.Counter(), 0
    for caption in captions:
        counts.update(words_of(caption))
        total += 1
    low, high = config.rarest * total, config.commonest * total
    fitting = sorted((-count, word) for word, count in counts.items() if low <= count <= high)
    if len(fitting) < 2:
        raise DataError(
            f"of {len(counts)} words in {total} captions {len(fitting)} are frequent enough, and not too frequent",
            hint="use more pictures, or set words.rarest and words.commonest wider apart",
        )
    return tuple(word for _, word in fitting[:most])


def mark_words(captions: Sequence[str], words: Sequence[str]) -> Bool[np.ndarray, "batch words"]:
    """Which of `words` each caption contains."""
    found = [words_of(caption) for caption in captions]
    return np.array([[word in present for word in words] for present in found])


@functools.partial(jax.jit, static_argnames="config")
def guess_words(params: Params, config: PerceptualConfig, pixels: UInt8[Array, "batch height width 3"]):
    """Logits of the words."""
    return perceptual.word_logits(params, config, pixels.astype(jnp.float32) / 255)


def word_loss(logits: Float[Array, "batch words"], contains: Bool[Array, "batch words"]) -> Float[Array, ""]:
    """Nats a caption: the cross entropy against an even share to each of its words; none has none."""
    counts = contains.sum(1, keepdims=True)
    shares = contains / jnp.maximum(counts, 1)
    return -jnp.sum(shares * jax.nn.log_softmax(logits), axis=1).mean()


def words_found(logits: Float[Array, "batch words"], contains: Bool[Array, "batch words"]) -> Float[Array, ""]:
    """The share of the captions' words that are among as many best guesses as the caption has words."""
    ranks = jnp.argsort(jnp.argsort(-logits, axis=1), axis=1)
    found = contains & (ranks < contains.sum(1, keepdims=True))
    return found.sum() / jnp.maximum(contains.sum(), 1)


def _labelled(picture: Image.Image, label: str) -> Image.Image:
    picture = enlarge(picture)
    tile = Image.new("RGB", (picture.width, picture.height + 20), "white")
    tile.paste(picture, (0, 0))
    ImageDraw.Draw(tile).text((4, picture.height + 4), label, fill="black")
    return tile
