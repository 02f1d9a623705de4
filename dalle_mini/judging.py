"""What pictures show, named by a judge, and how far its word is good.

A judge is a classifier of rendered scenes that was trained apart from all that draws or ranks. It is trusted in a field
only where it was right about `TRUSTED` of the real renderings that it had never seen.
"""

import dataclasses
import functools
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dalle_mini.arrays import Array, Int32, Params, UInt8
from dalle_mini.checkpoints.config_file import read_json
from dalle_mini.checkpoints.store import SCORES, load_judge
from dalle_mini.config.judge import JudgeConfig
from dalle_mini.errors import CheckpointError
from dalle_mini.models import judge
from dalle_mini.ranking import Pictures, prepare_pixels

LANES = 16
"""Pictures are judged this many at a time, the last rows unused where fewer are left: one compiled program."""

TRUSTED = 0.97

Labels = Mapping[str, str]


@dataclasses.dataclass(frozen=True)
class Score:
    """How often a judge is right in one field."""

    right: int
    pictures: int

    @property
    def accuracy(self) -> float:
        return self.right / self.pictures

    @property
    def trusted(self) -> bool:
        return self.accuracy >= TRUSTED

    def to_dict(self) -> dict[str, Any]:
        return {"accuracy": round(self.accuracy, 4), "pictures": self.pictures, "trusted": self.trusted}


@dataclasses.dataclass(frozen=True)
class Judge:
    """A judge, and by field what its folder says of its accuracy."""

    config: JudgeConfig
    params: Params
    scores: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)

    @classmethod
    def load(cls, directory: str | Path) -> "Judge":
        """The judge of a folder; CheckpointError says what is wrong with it."""
        config, params = load_judge(directory)
        return cls(config, params, read_scores(Path(directory)))

    def name(self, pictures: Pictures) -> list[dict[str, str]]:
        """The likeliest answer to every question, a picture each."""
        pixels = prepare_pixels(pictures, self.config.resolution)
        named = []
        for start in range(0, len(pixels), LANES):
            batch = pixels[start : start + LANES]
            unused = np.zeros((LANES - len(batch), *batch.shape[1:]), np.uint8)
            answers = choose_answers(self.params, self.config, np.concatenate([batch, unused]))
            rows = np.stack([np.asarray(answers[field.name]) for field in self.config.fields], axis=1)[: len(batch)]
            named += [
                {field.name: field.classes[index] for field, index in zip(self.config.fields, row, strict=True)}
                for row in rows
            ]
        return named

    def trusts(self, *fields: str) -> bool:
        """Whether its word is good in all of `fields`."""
        return all(self.scores.get(name, {}).get("trusted") is True for name in fields)


def score(judge: Judge, batches: Iterable[tuple[np.ndarray, Iterable[Labels]]]) -> dict[str, Score]:
    """How often `judge` is right, by field, about labelled pictures that come as (uint8[n, side, side, 3], labels).

    A label that the judge has no class for counts as a mistake; fields that it is not asked are left out.
    """
    right, asked = Counter(), Counter()
    for pixels, labels in batches:
        for named, known in zip(judge.name(pixels), labels, strict=True):
            for field, value in judge.config.in_order(known).items():
                if field in named:
                    asked[field] += 1
                    right[field] += named[field] == value
    return {
        field.name: Score(right[field.name], asked[field.name]) for field in judge.config.fields if asked[field.name]
    }


def read_scores(directory: Path) -> dict[str, Mapping[str, Any]]:
    """What a judge's folder says of its accuracy by field; nothing where nobody has measured it."""
    path = directory / SCORES
    if not path.exists():
        return {}
    fields = read_json(path, "measure it again, with dalle-mini evaluate --judge DIR --pictures DIR").get("fields", {})
    if not isinstance(fields, dict) or not all(isinstance(entry, dict) for entry in fields.values()):
        raise CheckpointError(f"{path} holds no scores by field", hint="copy it from where the judge came from")
    return fields


@functools.partial(jax.jit, static_argnames="config")
def choose_answers(
    params: Params, config: JudgeConfig, pixels: UInt8[Array, "batch height width 3"]
) -> dict[str, Int32[Array, "batch"]]:
    """The place of the likeliest class of every field."""
    logits = judge.answer(params, config, pixels.astype(jnp.float32) / 255)
    return {name: each.argmax(axis=1).astype(jnp.int32) for name, each in logits.items()}
