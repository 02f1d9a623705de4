"""Training a judge: what is to be seen in a labelled picture, whatever has become of the picture.

Every label counts alike; a field that a picture is not labelled with has no part in the loss. What may be answered is
read from the labels of the set.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from PIL import Image

from dalle_mini.arrays import Array, Float, Int32, Params
from dalle_mini.checkpoints.store import load_judge, save_judge
from dalle_mini.config.judge import FIELDS, Field, JudgeConfig, order_things
from dalle_mini.config.residual import ResidualConfig
from dalle_mini.data.loader import Batch, Loader, read_in_order
from dalle_mini.data.records import read_labels
from dalle_mini.data.shards import RecordSet
from dalle_mini.data.sheet import contact_sheet
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.grid import save_png
from dalle_mini.judging import LANES, Judge, Labels, score
from dalle_mini.models import judge
from dalle_mini.training.distortion import DistortionConfig, distort, require_cells
from dalle_mini.training.loop import LoopConfig
from dalle_mini.training.optimizer import OptimizerConfig, accumulate_gradients, build_optimizer, update_average
from dalle_mini.training.runfile import build_sections
from dalle_mini.training.sharding import MeshConfig, row_share
from dalle_mini.training.start import LearningConfig, load_start
from dalle_mini.training.state import TrainState

_SHOWN = 32
_NONE = -1


@dataclasses.dataclass(frozen=True)
class LabelledData:
    """Folders of picture sets with labels: the one to learn from, and one of other seeds by which the exported judge is
    scored. Under the relations in `symmetric` nothing tells the first thing from the second."""

    pictures: str
    unseen: str
    symmetric: tuple[str, ...] = ("next to",)


@dataclasses.dataclass(frozen=True)
class AnswersConfig:
    """`smoothing` is the share of certainty that is spread over all answers."""

    smoothing: float = 0.05

    def __post_init__(self) -> None:
        if not 0 <= self.smoothing < 1:
            raise ConfigError(f"answers.smoothing={self.smoothing!r} must be from 0 to below 1")


TABLES: dict[str, type] = {
    "data": LabelledData,
    "model": ResidualConfig,
    "answers": AnswersConfig,
    "learning": LearningConfig,
    "distortion": DistortionConfig,
    "optimizer": OptimizerConfig,
    "loop": LoopConfig,
    "mesh": MeshConfig,
}
"""The tables of a run file."""


class JudgeTask:
    """A run of a judge's training; batches are a pure function of (seed, step)."""

    def __init__(self, tables: Mapping[str, dict[str, Any]]) -> None:
        self.sections: Mapping[str, Any] = build_sections(tables, **TABLES)
        self.loop, self.mesh, self._optimizer = (self.sections[name] for name in ("loop", "mesh", "optimizer"))
        self.steps = self._optimizer.steps
        data = self.sections["data"]
        self._pictures, self._unseen = (RecordSet.open(place, "pictures") for place in (data.pictures, data.unseen))
        resolution, other = self._pictures.manifest.resolution, self._unseen.manifest.resolution
        if resolution != other:
            raise DataError(
                f"data.pictures are of {resolution} pixels, data.unseen of {other}", hint="build both at one resolution"
            )
        require_cells(resolution)
        labels = map(read_labels, self._pictures.fields())
        fields = find_fields(order_things(each, data.symmetric) for each in labels)
        self.config = JudgeConfig(resolution, fields, self.sections["model"], data.symmetric)

    @property
    def start_weights(self) -> Params | None:
        """The weights in `start_from`, where the run file names it, for the answers of this run; ConfigError if they
        are of other sizes."""

        def load(folder: str) -> tuple[JudgeConfig, Params]:
            found, params = load_judge(folder)
            return dataclasses.replace(found, fields=self.config.fields), turn_heads(params, found, self.config)

        return load_start(self.sections["learning"].start_from, self.config, load)

    def init(self) -> TrainState:
        params = judge.init(jax.random.key(self.loop.seed), self.config)
        averaged = self._optimizer.ema_decay > 0
        return TrainState.fresh(params, build_optimizer(self._optimizer).init(params), averaged=averaged)

    def batches(self, first_step: int) -> Iterator[Batch]:
        """This process's rows of the steps from `first_step` on: pixels, and the places of their labels' classes."""
        share = row_share(self.mesh)
        loader = Loader(self._pictures, batch_size=self._optimizer.batch_size, seed=self.loop.seed, **share)
        for batch in loader.iterate(first_step):
            yield dataclasses.replace(batch, arrays={**batch.arrays, **place_labels(batch.labels, self.config)})

    def train_step(self, state: TrainState, arrays: dict[str, jax.Array]) -> tuple[TrainState, dict[str, Any]]:
        """One update; `right` is the share of labels that are answered right, then the same by field."""
        key = jax.random.fold_in(jax.random.key(self.loop.seed), state.step)
        pixels = distort(key, arrays["pixels"].astype(jnp.float32) / 255, self.sections["distortion"])
        smoothing = self.sections["answers"].smoothing

        def loss(params: Params, arrays, part):
            logits = judge.answer(params, self.config, arrays["pixels"])
            return label_loss(logits, arrays, smoothing), count_right(logits, arrays)

        (value, right), gradients = accumulate_gradients(
            loss, state.params, {**arrays, "pixels": pixels}, self._optimizer.accumulate
        )
        updates, optimizer = build_optimizer(self._optimizer).update(gradients, state.optimizer, state.params)
        params = optax.apply_updates(state.params, updates)
        average = update_average(state.average, params, state.step, self._optimizer.ema_decay)
        return TrainState(state.step + 1, params, average, optimizer), {"loss": value, **shares_right(right)}

    def sample(self, state: TrainState, path: Path) -> None:
        """Pictures that it has never seen, each above what the judge takes it for."""
        batch = next(read_in_order(self._unseen, 0, min(_SHOWN, len(self._unseen)), _SHOWN))
        named = Judge(self.config, state.weights).name(batch.arrays["pixels"])
        pictures = map(Image.fromarray, batch.arrays["pixels"])
        told = map(_tell, named, map(self.config.in_order, batch.labels))
        save_png(contact_sheet(list(zip(told, pictures, strict=True))), path)

    def export(self, state: TrainState, directory: Path) -> None:
        """The weights, with what the judge scores on pictures that it has never seen."""
        batches = read_in_order(self._unseen, 0, len(self._unseen), LANES)
        scores = score(Judge(self.config, state.weights), ((each.arrays["pixels"], each.labels) for each in batches))
        told = {"fields": {name: each.to_dict() for name, each in scores.items()}}
        save_judge(directory, self.config, state.weights, told, dtype="float16", overwrite=True)


def find_fields(labels: Iterable[Labels]) -> tuple[Field, ...]:
    """The questions that `labels` answer in more than one way, and the answers; DataError if there are none."""
    found: dict[str, set[str]] = {}
    for each in labels:
        for name, value in each.items():
            found.setdefault(name, set()).add(value)
    unknown = sorted(found.keys() - set(FIELDS))
    if unknown:
        raise DataError(f"the pictures are labelled with {unknown[0]!r}", hint=f"known: {', '.join(FIELDS)}")
    fields = tuple(Field(name, tuple(sorted(found[name]))) for name in FIELDS if len(found.get(name, ())) > 1)
    if not fields:
        raise DataError(
            "the pictures are not labelled, or all alike",
            hint="a judge learns from records with `labels`; see docs/evaluation.md",
        )
    return fields


def turn_heads(params: Params, found: JudgeConfig, wanted: JudgeConfig) -> Params:
    """The weights of a judge with heads for the answers that are `wanted`: those that were `found` as they are, all
    other ones at zero, as fresh ones."""
    known = {field.name: field.classes for field in found.fields}
    turned = {name: values for name, values in params.items() if not name.startswith("head_")}
    features = params[f"head_{found.fields[0].name}"]["kernel"].shape[0]
    empty = {"kernel": np.zeros((features, 0)), "bias": np.zeros(0)}
    for field in wanted.fields:
        answers = known.get(field.name, ())
        places = [answers.index(answer) if answer in answers else _NONE for answer in field.classes]
        head = params.get(f"head_{field.name}", empty)
        turned[f"head_{field.name}"] = {name: _pick_answers(values, places) for name, values in head.items()}
    return turned


def _pick_answers(values: Array | np.ndarray, places: Sequence[int]) -> np.ndarray:
    """The last axis at these places; zeros where the place is -1."""
    zero = np.zeros((*values.shape[:-1], 1), np.float32)
    return np.concatenate([values, zero], axis=-1, dtype=np.float32)[..., list(places)]


def place_labels(labels: Iterable[Labels], config: JudgeConfig) -> dict[str, Int32[np.ndarray, "batch"]]:
    """The class of every picture by field, -1 where it has no label."""
    places = {field.name: {value: place for place, value in enumerate(field.classes)} for field in config.fields}
    ordered = [config.in_order(each) for each in labels]
    return {
        name: np.array([known[each[name]] if name in each else _NONE for each in ordered], np.int32)
        for name, known in places.items()
    }


def label_loss(
    logits: Mapping[str, Float[Array, "batch _"]], places: Mapping[str, Array], smoothing: float
) -> Float[Array, ""]:
    """Nats a picture: the cross entropies of all its labels together."""
    return sum((_cross_entropy(each, places[name], smoothing).mean() for name, each in logits.items()), jnp.zeros(()))


def _cross_entropy(
    logits: Float[Array, "batch classes"], places: Int32[Array, "batch"], smoothing: float
) -> Float[Array, "batch"]:
    wanted = optax.smooth_labels(jax.nn.one_hot(places, logits.shape[1]), smoothing)
    return jnp.where(places == _NONE, 0, optax.softmax_cross_entropy(logits.astype(jnp.float32), wanted))


def count_right(logits: Mapping[str, Float[Array, "batch _"]], places: Mapping[str, Array]) -> dict[str, Any]:
    """By field the shares of pictures that are answered right, and that are labelled."""
    return {
        name: (jnp.mean(each.argmax(axis=1) == places[name]), jnp.mean(places[name] != _NONE))
        for name, each in logits.items()
    }


def shares_right(counted: Mapping[str, tuple[Any, Any]]) -> dict[str, Any]:
    """The share of labels that are answered right, over all fields and by field; 0 where a batch has none."""
    together = tuple(map(sum, zip(*counted.values(), strict=True)))
    return {
        name: right / jnp.maximum(labelled, 1e-9) for name, (right, labelled) in {"right": together, **counted}.items()
    }


def _tell(named: Labels, labels: Labels) -> str:
    """What a picture is taken for, and behind each mistake what it is."""
    pairs = [(named[name], value) for name, value in labels.items() if name in named]
    return ", ".join(found if found == value else f"{found} (no, {value})" for found, value in pairs)
