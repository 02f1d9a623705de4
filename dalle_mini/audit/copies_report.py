"""What a search for copies leaves: report.json with every number, report.html to read, sheet.png with the nearest
pairs, summary.json with a few figures and sentences for other pages."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

import dalle_mini
from dalle_mini.audit.copies import CopiesFound, Matched, Measure
from dalle_mini.audit.copies_page import compose_sheet, write_page
from dalle_mini.audit.copies_words import BLIND_SPOTS, tell
from dalle_mini.grid import encode_png
from dalle_mini.reports.folder import ReportFolder

PAGE, SUMMARY, SHEET = "report.html", "summary.json", "sheet.png"
MADE_BY = "dalle-mini audit copies"
_SUMMARIZED = ("made_by", "version", "model", "pictures", "records", "equal", "sentences")
_QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclasses.dataclass(frozen=True)
class Setting:
    """How copies were looked for; `digests` name files, `settings` are the model's."""

    model: str
    seed: int
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def report_folder(directory: Path) -> ReportFolder:
    """The folder of the report of a search for copies."""
    return ReportFolder(directory, MADE_BY, frozenset((PAGE, SUMMARY, SHEET)))


def write_report(directory: Path, setting: Setting, found: CopiesFound) -> list[str]:
    """Write the report; its sentences."""
    sentences = tell(setting.model, found)
    values = {
        "made_by": MADE_BY,
        "version": dalle_mini.__version__,
        **dataclasses.asdict(setting),
        "pictures": len(found.matched),
        "records": found.records,
        "equal": found.equal,
        "sentences": sentences,
        "cannot_see": list(BLIND_SPOTS),
        "measures": {each.name: _describe_measure(each) for each in found.measures},
        "nearest": [_describe_matched(each) for each in found.matched],
    }
    rates = ("near_copies", "rate", "interval", "reference_rate", "more_than_chance")
    measures = {name: {rate: entry[rate] for rate in rates} for name, entry in values["measures"].items()}
    summary = {name: values[name] for name in _SUMMARIZED} | {"measures": measures}
    shown = {"seed": setting.seed, **setting.settings, **setting.digests}
    files = {
        PAGE: write_page(setting.model, found, sentences, shown).encode("utf-8", "replace"),
        SUMMARY: (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode(),
        SHEET: encode_png(compose_sheet(found)),
    }
    report_folder(directory).write(values, files)
    return sentences


def _describe_measure(each: Measure) -> dict[str, Any]:
    return {
        "near_copies": each.near,
        "rate": round(each.rate, 4),
        "interval": [round(end, 4) for end in each.interval],
        "threshold": round(each.threshold, 4),
        "reference_pictures": len(each.reference),
        "reference_rate": round(each.reference_rate, 4),
        "p": float(f"{each.p:.4g}"),
        "q": float(f"{each.q:.4g}"),
        "more_than_chance": each.copies,
        "quantiles": {
            str(share): [round(float(np.quantile(values, share)), 4) for values in (each.drawn, each.reference)]
            for share in _QUANTILES
        },
    }


def _describe_matched(matched: Matched) -> dict[str, Any]:
    return {
        "prompt": matched.drawing.prompt,
        "seed": matched.drawing.seed,
        **{
            name: [{"id": each.id, "caption": each.caption, "nearness": round(each.likeness, 4)} for each in neighbors]
            for name, neighbors in matched.neighbors.items()
        },
    }
