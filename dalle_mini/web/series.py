"""Templates on the page: a prompt with choices becomes one grid of several prompts, drawn one after the other.

All are drawn with the same seed, so that what differs between pictures is the words' doing.
"""

import contextlib
import dataclasses
import itertools
import math
import re
import secrets
import time
from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from PIL import Image

from dalle_mini.config import MAX_SEED
from dalle_mini.generation import Candidates, Generation
from dalle_mini.serving.order import Order
from dalle_mini.templates import Variant, expand_template, fill_grid
from dalle_mini.text.tokenizer import PromptReading
from dalle_mini.web.studio import Drawing, Finished, Studio, Update

_CHOICE = re.compile(r"(?<!\\)\{[^{}]*\|[^{}]*\}")
"""What makes a prompt a template; other braces are ordinary characters."""
_BLANK = "#8a8c84"


@dataclasses.dataclass(frozen=True)
class Series(Generation):
    """Pictures of several prompts; `variants` are one a picture, and the prompt is their template."""

    variants: tuple[Variant, ...] = ()

    def candidate_recipe(self, place: int) -> dict[str, Any]:
        return {**super().candidate_recipe(place), "prompt": self.variants[place].prompt}


def find_variant(generation: Generation, index: int) -> Variant:
    """The prompt of a picture, and what tells it from the others' if it has its own."""
    if isinstance(generation, Series):
        return generation.variants[index]
    return Variant("", generation.reading.prompt)


def draw(studio: Studio, order: Order, *, visitor: str = "") -> Generator[Update]:
    """Draw an order whose prompt may be a template; PromptError where that can't be read, or has too many prompts."""
    if not _CHOICE.search(order.prompt):
        return studio.draw(order, visitor=visitor)
    variants = fill_grid(expand_template(order.prompt), images=order.settings.images)
    return _draw_series(studio, order, variants, visitor)


def _draw_series(studio: Studio, order: Order, variants: tuple[Variant, ...], visitor: str) -> Generator[Update]:
    seed = secrets.randbelow(MAX_SEED + 1) if order.seed is None else order.seed
    groups = [(variant, len(list(group))) for variant, group in itertools.groupby(variants)]
    finished: list[Finished] = []
    least = math.inf
    for variant, count in groups:
        settings = dataclasses.replace(order.settings, images=count, candidates=None)
        part, began = dataclasses.replace(order, prompt=variant.prompt, settings=settings, seed=seed), time.monotonic()
        with contextlib.closing(studio.draw(part, visitor=visitor)) as updates:
            for update in updates:
                match update:
                    case Finished():
                        finished.append(update)
                    case Drawing(seconds_left=left):
                        drawn = [each.seconds for each in finished] or [time.monotonic() - began + left]
                        rest = len(groups) - len(finished) - 1
                        least = min(least, left + rest * sum(drawn) / len(drawn))
                        yield _widen(update, order, finished, len(groups), least)
                    case _:
                        yield update
    parts = [each.generation for each in finished]
    yield Finished(_combine(order, variants, seed, parts), sum(each.seconds for each in finished))


def _widen(update: Drawing, order: Order, finished: Sequence[Finished], groups: int, seconds_left: float) -> Drawing:
    """News of one drawing as news of the whole series."""
    pictures: list[Image.Image] = []
    if update.pictures:
        pictures = [image for each in finished for image in each.generation.images] + list(update.pictures)
        blank = Image.new("RGB", pictures[0].size, _BLANK)
        pictures += [blank] * (order.settings.images - len(pictures))
    done = len(finished) * update.total + update.done
    return Drawing(done, groups * update.total, order.settings, seconds_left, tuple(pictures))


def _combine(order: Order, variants: tuple[Variant, ...], seed: int, parts: Sequence[Generation]) -> Series:
    """The shown pictures of all parts, without marks, which don't compare pictures of different words."""
    first = parts[0]
    candidates = Candidates(
        seeds=tuple(seed for part in parts for seed in part.seeds),
        tokens=np.concatenate([part.tokens for part in parts]),
        pixels=np.concatenate([part.candidates.pixels[list(part.candidates.shown)] for part in parts]),
        shown=tuple(range(len(variants))),
    )
    notes = tuple(dict.fromkeys(note for part in parts for note in part.reading.notes))
    verdicts = tuple(verdict for part in parts for verdict in part.verdicts or ())
    return Series(
        release=first.release,
        reading=PromptReading(order.prompt, order.prompt, notes, order.prompt, first.reading.cut_text),
        seed=seed,
        settings=order.settings,
        candidates=candidates,
        verdicts=verdicts or None,
        variants=variants,
    )
