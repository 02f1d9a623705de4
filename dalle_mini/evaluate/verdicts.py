"""What a judge says of the pictures of prompts, and how often they are what was asked for."""

import dataclasses
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
from PIL import Image

from dalle_mini.config.judge import JudgeConfig
from dalle_mini.evaluate.prompts import LabelledPrompt
from dalle_mini.judging import Judge, Labels
from dalle_mini.ranking import rank

MEASURES: dict[str, tuple[str, ...]] = {
    "thing_top1": ("thing",),
    "relation_both": ("thing", "second"),
    "relation": ("relation",),
    "attribute": ("attribute",),
    "count": ("count",),
    "background": ("background",),
    "style": ("style",),
    "size": ("size",),
}
"""What is measured, and the fields that a prompt must be labelled with to count."""


class PictureSource(Protocol):
    """Who draws: `name` and `settings` are for the report; `draw` gives a prompt's pictures, the first of them from
    `seed`."""

    @property
    def name(self) -> str: ...

    @property
    def settings(self) -> Mapping[str, Any]: ...

    def draw(self, index: int, prompt: str, seed: int) -> Sequence[Image.Image]: ...


class Ranker(Protocol):
    """What tells how well pictures fit a prompt; see `ranking.Clip`."""

    def marks(self, images: Sequence[Image.Image], prompt: str) -> np.ndarray: ...


@dataclasses.dataclass(frozen=True)
class Verdict:
    """A picture, by field what was asked for and what it was taken for, and which measures it passed."""

    picture: Image.Image
    wanted: Labels
    named: Labels
    right: Mapping[str, bool]


@dataclasses.dataclass(frozen=True)
class Judged:
    """A prompt with the verdict on its first picture and, where pictures were ranked, by number on the best of the
    first so many; drawing all of them took `drawing` seconds, marking them `ranking`."""

    prompt: LabelledPrompt
    seed: int
    first: Verdict
    best: Mapping[int, Verdict] = dataclasses.field(default_factory=dict)
    drawing: float = 0.0
    ranking: float = 0.0


@dataclasses.dataclass(frozen=True)
class Share:
    """How many of the prompts that say something of a measure got it."""

    right: int
    prompts: int

    @property
    def share(self) -> float | None:
        return self.right / self.prompts if self.prompts else None


def evaluate(
    source: PictureSource,
    judge: Judge,
    prompts: Sequence[LabelledPrompt],
    *,
    seed: int,
    ranker: Ranker | None = None,
    best_of: Sequence[int] = (),
    on_progress: Callable[[float, int], None] | None = None,
) -> list[Judged]:
    """Draw every prompt, prompt i from `seed` + i; judge the first picture, and those that `ranker` prefers.

    For every number in `best_of` it chooses among the first so many of the same pictures; without one, among all.
    `on_progress` gets the share of prompts that are done, and their number.
    """
    judged = []
    for index, prompt in enumerate(prompts):
        own_seed = (seed + index) % 2**32
        started = time.perf_counter()
        pictures = source.draw(index, prompt.text, own_seed)
        drawn = time.perf_counter()
        places = _find_best(ranker, pictures, prompt.text, best_of)
        marked = time.perf_counter()
        chosen, wanted = sorted({0, *places.values()}), judge.config.in_order(prompt.labels)
        verdicts = {
            place: Verdict(pictures[place], wanted, names, compare(prompt.labels, names, judge.config))
            for place, names in zip(chosen, judge.name([pictures[place] for place in chosen]), strict=True)
        }
        best = {count: verdicts[place] for count, place in places.items()}
        judged.append(Judged(prompt, own_seed, verdicts[0], best, drawn - started, marked - drawn))
        if on_progress:
            on_progress((index + 1) / len(prompts), index + 1)
    return judged


def _find_best(
    ranker: Ranker | None, pictures: Sequence[Image.Image], prompt: str, best_of: Sequence[int]
) -> dict[int, int]:
    """By number, the place of the best of the first so many."""
    if ranker is None or len(pictures) == 1:
        return {}
    marks = ranker.marks(pictures, prompt)
    return {count: rank(marks[:count])[0] for count in best_of or [len(pictures)]}


def compare(wanted: Labels, named: Labels, config: JudgeConfig) -> dict[str, bool]:
    """Which measures a picture passes, of those that its prompt says something of.

    Of a symmetric relation, the main thing is right where the judge names it as either.
    """
    right = {}
    ordered = config.in_order(wanted)
    for measure, fields in MEASURES.items():
        if all(name in ordered and name in named for name in fields):
            right[measure] = all(ordered[name] == named[name] for name in fields)
    if "thing_top1" in right and wanted.get("relation") in config.symmetric and "second" in wanted:
        right["thing_top1"] = wanted["thing"] in (named["thing"], named.get("second"))
    return right


def tally(verdicts: Iterable[Verdict]) -> dict[str, Share]:
    """By measure, how many verdicts there are and how many are right."""
    kept = list(verdicts)
    votes = {name: [each.right[name] for each in kept if name in each.right] for name in MEASURES}
    return {name: Share(sum(each), len(each)) for name, each in votes.items()}
