"""Under which settings the model draws best: `python -m recipes.nano.sampling --count 40`.

Nine pictures of every prompt are judged under each of the settings, by the kinds of the table but with prompts of
another seed, and none written by hand: those are for measuring. Prints the shares that are what was asked for, and
their mean. What serves the model best is kept in ship.py.
"""

import argparse
import itertools
import statistics
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import dalle_mini
from dalle_mini.checkpoints.releases import resolve
from dalle_mini.compilation import enable_compilation_cache
from dalle_mini.drawing import LANES
from dalle_mini.evaluate.prompts import LabelledPrompt
from dalle_mini.evaluate.verdicts import compare
from dalle_mini.judging import Judge
from dalle_mini.pipeline import DalleMini
from dalle_mini.safety.options import UNCHECKED
from recipes import refusal
from recipes.nano.ranking_table import write_table
from recipes.nano.ship import SETTINGS
from recipes.nano.table import ROWS, SEED, gather
from recipes.world.settings import read_settings

TRIED = (
    "single things",
    "style",
    "color or material, seen",
    "color or material, held out",
    "relation, held out: both things",
    "synonyms",
)
"""Rows of the table; places and numbers of things are right under any settings."""
KINDS = dict(ROWS[name] for name in TRIED)
"""The kinds of prompts, and what is measured of each."""


def share_right(model: DalleMini, judge: Judge, prompts: Sequence[LabelledPrompt], measure: str, **settings) -> float:
    """The share of nine pictures a prompt that pass a measure."""
    passed = []
    for index, prompt in enumerate(prompts):
        pictures = model.generate(prompt.text, seed=SEED + index, images=LANES, **settings).images
        passed += [compare(prompt.labels, named, judge.config)[measure] for named in judge.name(pictures)]
    return statistics.mean(passed)


def combine(options: argparse.Namespace) -> Iterator[Mapping[str, float]]:
    """Every combination of the settings that are to be tried."""
    for guidance, temperature, top_p in itertools.product(options.guidance, options.temperature, options.top_p):
        yield {"guidance_scale": guidance, "temperature": temperature, "top_p": top_p}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.nano.sampling",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", default="nano", help="name or directory, with a judge inside (default: nano)")
    parser.add_argument("--world", type=Path, default=SETTINGS, help="what its scenes were made of (default: nano's)")
    parser.add_argument("--count", type=int, default=40, help="prompts of each kind (default: 40)")
    parser.add_argument("--guidance", type=float, nargs="+", default=[1.5, 2.0, 3.0], metavar="SCALE")
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.5, 0.7, 0.9], metavar="T")
    parser.add_argument("--top-p", type=float, nargs="+", default=[0.85], metavar="P")
    options = parser.parse_args()
    with refusal.told():
        enable_compilation_cache()
        model = dalle_mini.load(options.model, safety=UNCHECKED).without_ranker()
        judge, world = Judge.load(resolve(options.model).transformer / "judge"), read_settings(options.world)
        prompts = {kind: gather(kind, world, judge, options.count, seed=SEED + 1) for kind in KINDS}
        print(write_table(["guidance", "temperature", "top-p", *KINDS, "mean"], []), end="")
        for settings in combine(options):
            shares = [share_right(model, judge, prompts[kind], KINDS[kind], **settings) for kind in KINDS]
            told = [f"{value:g}" for value in settings.values()]
            told += [f"{share:.1%}" for share in (*shares, statistics.mean(shares))]
            print(f"| {' | '.join(told)} |", flush=True)


if __name__ == "__main__":
    main()
