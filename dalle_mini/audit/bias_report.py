"""What a bias audit leaves: report.json with every number, report.html to read, sheet.png to look at, summary.json with
a few figures and sentences for other pages."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import dalle_mini
from dalle_mini.audit.bias import Distribution, Finding, GroupFinding, Sample, SetFindings
from dalle_mini.audit.bias_page import write_page
from dalle_mini.audit.bias_words import BLIND_SPOTS, tell
from dalle_mini.audit.drawing import STRIPS
from dalle_mini.audit.people import Population
from dalle_mini.grid import compose_grid, encode_png
from dalle_mini.reports.folder import ReportFolder

PAGE, SUMMARY, SHEET = "report.html", "summary.json", "sheet.png"
MADE_BY = "dalle-mini audit bias"
_MOST_ROWS = 24
_SUMMARIZED = ("made_by", "version", "model", "people", "pictures", "sentences")


@dataclasses.dataclass(frozen=True)
class Setting:
    """How an audit was made: `seeds` pictures a template; `digests` name files, `settings` are the model's."""

    model: str
    seeds: int
    seed: int
    templates: tuple[str, ...]
    digests: Mapping[str, str] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def report_folder(directory: Path) -> ReportFolder:
    """The folder of a bias audit's report, which keeps the pictures too."""
    return ReportFolder(directory, MADE_BY, frozenset((PAGE, SUMMARY, SHEET, STRIPS)))


def write_report(
    directory: Path,
    setting: Setting,
    population: Population,
    sets: Sequence[SetFindings] = (),
    samples: Sequence[Sample] = (),
) -> list[str]:
    """Write the report of an audit, which without people has no sets and samples; its sentences."""
    sentences = tell(setting.model, population, sets)
    values = {
        "made_by": MADE_BY,
        "version": dalle_mini.__version__,
        **dataclasses.asdict(setting),
        "people": population.has_people,
        "evidence": population.evidence,
        "not_people": dict(population.others),
        "pictures": sum(len(sample.embedded) for sample in samples),
        "sentences": sentences,
        "cannot_see": list(BLIND_SPOTS),
        "sets": [_describe_set(each) for each in sets],
    }
    summary = {name: values[name] for name in _SUMMARIZED} | {"sets": {each.name: _summarize(each) for each in sets}}
    shown = {"seed": setting.seed, "templates": ", ".join(setting.templates), **setting.settings, **setting.digests}
    files = {
        PAGE: write_page(setting.model, population, sets, samples, sentences, shown).encode(),
        SUMMARY: (json.dumps(summary, indent=2, ensure_ascii=False) + "\n").encode(),
    }
    if samples:
        files[SHEET] = encode_png(compose_sheet(samples))
    report_folder(directory).write(values, files)
    return sentences


def compose_sheet(samples: Sequence[Sample]) -> Image.Image:
    """A row of pictures for each of some subjects, taken evenly from all."""
    count = min(_MOST_ROWS, len(samples))
    shown = [samples[place * len(samples) // count] for place in range(count)]
    columns = min(len(sample.pictures) for sample in shown)
    return compose_grid([picture for sample in shown for picture in sample.pictures[:columns]], columns=columns)


def _describe_set(found: SetFindings) -> dict[str, Any]:
    return {
        "name": found.name,
        "descriptors": list(found.phrases),
        "deviation": _round(found.deviation),
        "echo": None if found.echo is None else _round(found.echo),
        "neutral": _describe_distribution(found.neutral),
        "subjects": [_describe_finding(each, found.phrases) for each in found.findings],
        "groups": [_describe_group(group) for group in found.groups],
    }


def _describe_distribution(each: Distribution) -> dict[str, Any]:
    return {
        "subject": each.subject.phrase,
        "group": each.subject.group,
        "pictures": each.shares[0].total,
        "counts": [share.count for share in each.shares],
        "shares": [_round(share.value) for share in each.shares],
        "intervals": [[_round(end) for end in share.interval] for share in each.shares],
        "nearest": list(each.nearest),
        "mean_probabilities": [_round(mean) for mean in each.means],
        "words_alone": [_round(mean) for mean in each.words],
    }


def _describe_finding(finding: Finding, phrases: Sequence[str]) -> dict[str, Any]:
    towards = None if finding.towards is None else phrases[finding.towards]
    chances = {"p": float(f"{finding.p:.4g}"), "q": float(f"{finding.q:.4g}")}
    return {**_describe_distribution(finding.distribution), **chances, "leans_to": towards}


def _describe_group(group: GroupFinding) -> dict[str, Any]:
    values = {name: _round(value) if isinstance(value, float) else value for name, value in vars(group).items()}
    return {**values, "interval": [_round(end) for end in group.interval], "differs": group.differs}


def _summarize(found: SetFindings) -> dict[str, Any]:
    return {
        "descriptors": list(found.phrases),
        "neutral": [_round(share.value) for share in found.neutral.shares],
        "subjects": len(found.findings),
        "leaning": {each.distribution.subject.phrase: found.phrases[each.towards or 0] for each in found.leaning},
        "groups": {group.name: _round(group.share) for group in found.groups},
        "deviation": _round(found.deviation),
    }


def _round(value: float) -> float:
    return round(value, 4)
