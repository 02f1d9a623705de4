"""Could candidates that look hopeless half-way be given up, and the time for them be saved?

    python -m benchmarks.experiments.early_exit --ranker DIR [--model NAME] [--candidates N] [--seeds N]

An experiment: nothing of it is in the product. All candidates of the example prompts are drawn to their end. Half-way
each is looked at as far as it is drawn, the CLIP marks these halves, and only the better ones would be drawn on. Prints
one line of JSON, with a row for every share that is `kept`: how many of the best nine of all would still be among them
(`found`; `by_chance` if any others were kept), how often the best one would (`found_best`); the mean mark of the nine
that would be shown, and of those that are (`mark_of_all`); and what share of the time would be `saved`, by the measured
seconds of tokens, pixels and marks, with the halves' pixels and marks paid for.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

import dalle_mini
from dalle_mini.cli.machine import describe_machine
from dalle_mini.drawing import chunk_length
from dalle_mini.pipeline import DalleMini
from dalle_mini.pixels import decode_pixels
from dalle_mini.web.examples import read_examples

KEPT = (0.75, 0.5, 0.25)
SHOWN = 9


class Drawn(NamedTuple):
    """Marks of all candidates half-way and at the end, and the seconds of all their tokens, pixels and marks."""

    half: np.ndarray
    end: np.ndarray
    tokens: float
    pixels: float
    marks: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ranker", required=True, help="what `dalle-mini generate --ranker` takes")
    parser.add_argument("--model", default="nano", help="what `dalle-mini generate --model` takes")
    parser.add_argument("--candidates", type=int, default=36, help="pictures to choose from (default: 36)")
    parser.add_argument("--seeds", type=int, default=2, help="drawings of every prompt (default: 2)")
    options = parser.parse_args()
    model = dalle_mini.load(options.model, ranker=options.ranker)
    prompts = [example.prompt for example in read_examples()]
    draw(model, prompts[0], options.candidates, 0)  # compiles
    drawn = [draw(model, prompt, options.candidates, seed) for prompt in prompts for seed in range(options.seeds)]
    result = {
        "benchmark": "early_exit",
        "model": options.model,
        "candidates": options.candidates,
        "drawings": len(drawn),
        "rows": [compare(drawn, share) for share in KEPT],
        "machine": describe_machine(),
    }
    print(json.dumps(result))


def draw(model: DalleMini, prompt: str, candidates: int, seed: int) -> Drawn:
    """Draw all candidates to their end, and mark them half-way, too."""
    ranker = model.ranker
    assert ranker
    settings = model.settings(images=min(SHOWN, candidates), candidates=candidates)
    started, halves, spent, result = time.perf_counter(), [], 0.0, None
    chunks = model.config.image_length // chunk_length(model.config.image_length)
    for number, progress in enumerate(model.draw(prompt, settings, seed=seed), 1):
        if number % chunks == chunks // 2:
            seconds, pictures = clock(progress.preview)
            halves, spent = [*halves, *map(crop_drawn, pictures)], spent + seconds
        result = progress.result
    seconds = time.perf_counter() - started - spent
    assert result
    tokens, marks = result.candidates.tokens, result.candidates.marks
    assert marks is not None
    pixels, _ = clock(
        lambda: [np.asarray(decode_pixels(model.vqgan_params, model.vqgan_config, row)) for row in tokens]
    )
    marking, half = clock(lambda: ranker.marks(halves[:candidates], prompt))
    return Drawn(half, marks, seconds - pixels - marking, pixels, marking)


def crop_drawn(picture: Image.Image) -> Image.Image:
    """What a preview shows so far, without the rows that are transparent."""
    opaque = np.asarray(picture.convert("RGBA"))[..., 3].all(axis=1)
    return picture.convert("RGB").crop((0, 0, picture.width, max(int(opaque.sum()), 1)))


def compare(drawn: list[Drawn], share: float) -> dict[str, Any]:
    """What keeping this share half-way would find and save."""
    rows = [compare_one(each, share) for each in drawn]
    return {"kept": share, **{name: round(statistics.mean(row[name] for row in rows), 3) for name in rows[0]}}


def compare_one(drawn: Drawn, share: float) -> dict[str, float]:
    kept = np.argsort(-drawn.half)[: round(share * len(drawn.half))]
    best = np.argsort(-drawn.end)[:SHOWN]
    chosen = np.sort(drawn.end[kept])[::-1][:SHOWN]
    whole = drawn.tokens + drawn.pixels + drawn.marks
    ended = drawn.tokens * (1 + share) / 2 + (drawn.pixels + drawn.marks) * (1 + share)
    return {
        "found": float(np.isin(best, kept).mean()),
        "found_best": float(best[0] in kept),
        "by_chance": share,
        "mark": float(chosen.mean()),
        "mark_of_all": float(drawn.end[best].mean()),
        "saved": 1 - ended / whole,
    }


def clock(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


if __name__ == "__main__":
    main()
