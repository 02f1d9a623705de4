"""The table of what the bundled model reaches: `python -m recipes.nano.table --out out/nano/table`.

A row is a kind of prompts, 500 each, none of them trained on; its columns are what was judged: the first picture drawn,
the best of the first 9, 18 and 36 of one drawing by the model's CLIP, and for comparison random tokens, the nearest
training scene by caption, real renderings, and those through the VQGAN and back, the ceiling. Every cell is a report of
`dalle_mini.evaluate` in a folder of its own; those that are there are kept, so what was stopped goes on. `--count`
takes fewer prompts. ranking.md tells what choosing among so many gains and costs.
"""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any

import jax.numpy as jnp
import numpy as np
from PIL import Image

import dalle_mini
from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.checkpoints.releases import RANKER, resolve
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.compilation import enable_compilation_cache
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError
from dalle_mini.evaluate.pictures import Drawn, NearestScene, RandomTokens
from dalle_mini.evaluate.prompts import LabelledPrompt
from dalle_mini.evaluate.report import Setting, describe, write_report
from dalle_mini.evaluate.verdicts import PictureSource, evaluate
from dalle_mini.judging import Judge
from dalle_mini.pipeline import DalleMini
from dalle_mini.reports.folder import JSON
from dalle_mini.safety.options import UNCHECKED
from dalle_mini.training.vqgan import reconstruct
from recipes import refusal
from recipes.nano.ranking_table import Row, measure_seconds, write_ranking, write_table
from recipes.nano.ship import SETTINGS
from recipes.world import prompts as world_prompts
from recipes.world.facts import Facts
from recipes.world.scenes import draw_as
from recipes.world.settings import Settings, read_settings
from recipes.world.world import HERE as WORLD
from recipes.world.world import load_world

SEED = 1_000_003
"""Of the prompts, and of their pictures."""
BEST_OF = (9, 18, 36)
"""Pictures to choose from; the first so many of one drawing."""
MOST_TRIED = 20
"""Times as many prompts as are asked for, of which some name what the judge can't tell."""

ROWS = {
    "single things": ("single", "thing_top1"),
    "background": ("background", "background"),
    "the thing before it": ("background", "thing_top1"),
    "style": ("style", "style"),
    "the thing in that style": ("style", "thing_top1"),
    "color or material, seen": ("attribute", "attribute"),
    "the thing that has it": ("attribute", "thing_top1"),
    "color or material, held out": ("attribute-held-out", "attribute"),
    "the thing that has it, held out": ("attribute-held-out", "thing_top1"),
    "relation, held out: both things": ("relation-held-out", "relation_both"),
    "count": ("count", "count"),
    "synonyms": ("synonym", "thing_top1"),
    "handwritten prompts": ("natural", "thing_top1"),
}
"""By name, the kind of prompts and what is measured."""
KINDS = list(dict.fromkeys(kind for kind, _ in ROWS.values()))


@dataclass(frozen=True)
class Rendered:
    """Real renderings of what prompts are labelled with, `through` a VQGAN and back where there is one."""

    settings_of_world: Settings
    prompts: Sequence[LabelledPrompt]
    through: DalleMini | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return "reconstruction" if self.through else "rendering"

    def draw(self, index: int, prompt: str, seed: int) -> list[Image.Image]:
        world = load_world(self.settings_of_world.config)
        facts = read_facts(self.prompts[index].labels)
        pixels = draw_as(world, facts, Random(f"{seed}"), self.settings_of_world.size)
        if self.through:
            model = self.through
            pixels = np.asarray(reconstruct(model.vqgan_params, model.vqgan_config, jnp.asarray(pixels[None])))[0]
        return [Image.fromarray(pixels)]


def read_facts(labels: Mapping[str, str]) -> Facts:
    """The facts that `facts.labels` tells so."""
    attribute = labels.get("attribute", "")
    material = attribute.removeprefix("of ") if attribute.startswith("of ") else ""
    return Facts(
        tuple(labels[name] for name in ("thing", "second") if name in labels),
        color="" if material else attribute,
        material=material,
        size=labels.get("size", ""),
        background=labels.get("background", ""),
        style=labels.get("style", ""),
        count=int(labels.get("count", 1)),
        relation=labels.get("relation", ""),
    )


def gather(kind: str, settings: Settings, judge: Judge, count: int, *, seed: int = SEED) -> list[LabelledPrompt]:
    """The prompts of a kind that the judge can tell of, at most `count`; those written by hand know no seed."""
    if kind == "natural":
        found = iter(world_prompts.read_prompts(WORLD / "natural.tsv"))
    else:
        found = world_prompts.prompts(load_world(settings.config), kind, MOST_TRIED * count, seed)
    known = (
        LabelledPrompt(prompt, labels)
        for prompt, labels in found
        if all(value in judge.config.classes(name) for name, value in labels.items())
    )
    return list(islice(known, count))


@dataclass(frozen=True)
class Bench:
    """Everything that cells are made with; `scenes` is the training set, if it is there."""

    model: DalleMini
    judge: Judge
    settings: Settings
    scenes: RecordSet | None
    digests: Mapping[str, str]

    @classmethod
    def open(cls, name: str, settings: Settings, scenes: Path) -> "Bench":
        release = resolve(name)
        folders = {"model": release.transformer, "vqgan": release.vqgan, "judge": release.transformer / "judge"}
        model = dalle_mini.load(name, safety=UNCHECKED)
        if model.ranker:
            folders["clip"] = release.transformer / RANKER
        return cls(
            model,
            Judge.load(folders["judge"]),
            settings,
            RecordSet.open(scenes, "pictures") if scenes.is_dir() else None,
            {of: model_digest(folder) for of, folder in folders.items()},
        )

    def sources(self, kind: str, prompts: Sequence[LabelledPrompt]) -> Iterator[PictureSource]:
        """Who draws: the model first."""
        yield Drawn(self.model, max(BEST_OF) if self.model.ranker else 1)
        yield RandomTokens(self.model.vqgan_params, self.model.vqgan_config)
        if self.scenes:
            yield NearestScene.of(self.scenes)
        if kind != "natural":  # people ask for what the world can't arrange
            yield Rendered(self.settings, prompts)
            yield Rendered(self.settings, prompts, self.model)


def measure(bench: Bench, kind: str, out: Path, count: int) -> dict[str, dict[str, Any]]:
    """The reports of a row by who drew; those that are there are read."""
    prompts, reports = gather(kind, bench.settings, bench.judge, count), {}
    if not prompts:
        return {}
    for source in bench.sources(kind, prompts):
        drawn = isinstance(source, Drawn)
        name = "model" if drawn else source.name
        folder = out / kind / name.replace(" ", "-")
        found = read_report(folder, bench.digests, len(prompts))
        if not found:
            say = partial(print, f"{kind}, {name}:", flush=True)
            judged = evaluate(
                source,
                bench.judge,
                prompts,
                seed=SEED,
                ranker=bench.model.ranker if drawn else None,
                best_of=BEST_OF,
                on_progress=lambda share, done, say=say: say(f"{done} of {len(prompts)}") if done % 50 == 0 else None,
            )
            images = source.images if isinstance(source, Drawn) else 1
            setting = Setting(source.name, images, SEED, bench.digests, settings=source.settings)
            found = describe(setting, bench.judge, judged) | {"seconds": measure_seconds(judged)}
            write_report(folder, found, judged)
        reports[name] = found
    return reports


def read_report(folder: Path, digests: Mapping[str, str], prompts: int) -> dict[str, Any] | None:
    """An earlier report by the same weights about as many prompts."""
    path = folder / JSON
    if not path.is_file():
        return None
    found = json.loads(path.read_text("utf-8"))
    return found if found["digests"] == dict(digests) and len(found["prompts"]) == prompts else None


def write_row(name: str, measure: str, reports: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """A row of the table: the share of each who drew, and the number of prompts."""
    model = reports.get("model", {})
    cells = [model.get("fields"), *(model.get("best_by_clip", {}).get(str(count)) for count in BEST_OF)]
    others = ("random tokens", "nearest scene", "rendering", "reconstruction")
    cells += [reports.get(other, {}).get("fields") for other in others]
    shares = [each[measure]["share"] if each else None for each in cells]
    counted = cells[0][measure]["prompts"] if cells[0] else 0
    return [name, *("" if share is None else f"{share:.1%}" for share in shares), str(counted)]


HEAD = [
    "judged right",
    "first drawn",
    *(f"best of {count}" for count in BEST_OF),
    "random tokens",
    "nearest scene",
    "real renderings",
    "through the VQGAN",
    "prompts",
]


def write_tables(out: Path, reports: Mapping[str, Mapping[str, Any]]) -> None:
    """table.md and ranking.md of the kinds that have been measured."""
    rows = {name: (counted, reports[kind]) for name, (kind, counted) in ROWS.items() if kind in reports}
    table = write_table(HEAD, [write_row(name, *row) for name, row in rows.items()])
    measured = [Row(name, counted, by["model"]) for name, (counted, by) in rows.items() if by]
    write_whole(out / "table.md", table.encode())
    write_whole(out / "ranking.md", write_ranking(measured, BEST_OF).encode())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.nano.table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano", help="name or directory, with a judge inside (default: nano)")
    parser.add_argument("--world", type=Path, default=SETTINGS, help="what its scenes were made of (default: nano's)")
    parser.add_argument("--scenes", type=Path, default=Path("out/nano/scenes"), help="the scenes that it learned from")
    parser.add_argument("--out", type=Path, required=True, help="folder of the reports and of table.md")
    parser.add_argument("--count", type=int, default=500, help="prompts of each kind")
    parser.add_argument("--rows", default=",".join(KINDS), help="kinds of prompts, commas between")
    options = parser.parse_args()
    with refusal.told():
        wanted = options.rows.split(",")
        if unknown := [kind for kind in wanted if kind not in KINDS]:
            raise ConfigError(f"--rows: there is no {unknown[0]!r}", hint=f"choose among {', '.join(KINDS)}")
        enable_compilation_cache()
        bench = Bench.open(options.model, read_settings(options.world), options.scenes)
        reports: dict[str, dict[str, Any]] = {}
        for kind in wanted:
            reports[kind] = measure(bench, kind, options.out, options.count)
            write_tables(options.out, reports)
        print((options.out / "table.md").read_text("utf-8"), end="")


if __name__ == "__main__":
    main()
