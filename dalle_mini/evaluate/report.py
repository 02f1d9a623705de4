"""What an evaluation leaves: report.json with every number, report.md to read, sheet.png to look at."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import dalle_mini
from dalle_mini.evaluate.sheet import compose_sheet
from dalle_mini.evaluate.verdicts import MEASURES, Judged, Share, Verdict, tally
from dalle_mini.grid import encode_png
from dalle_mini.judging import TRUSTED, Judge
from dalle_mini.reports.folder import ReportFolder

TABLE, SHEET = "report.md", "sheet.png"
_MADE_BY = "dalle-mini evaluate"


@dataclasses.dataclass(frozen=True)
class Setting:
    """How an evaluation was made: `model` is who drew, `images` how many for a prompt, `digests` name the files,
    `skipped` is what the judge could not say of prompts, and `settings` are a model's."""

    model: str
    images: int
    seed: int
    digests: Mapping[str, str]
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def report_folder(directory: Path) -> ReportFolder:
    """The folder of an evaluation's report."""
    return ReportFolder(directory, _MADE_BY, frozenset((TABLE, SHEET)))


def describe(setting: Setting, judge: Judge, judged: Sequence[Judged]) -> dict[str, Any]:
    """The contents of report.json."""
    counts = sorted({count for each in judged for count in each.best})
    best = {str(count): _describe_shares(tally(each.best[count] for each in judged)) for count in counts}
    return {
        "made_by": _MADE_BY,
        "version": dalle_mini.__version__,
        **dataclasses.asdict(setting),
        "fields": _describe_shares(tally(each.first for each in judged)),
        "best_by_clip": best,
        "trusted": {name: judge.trusts(*fields) for name, fields in MEASURES.items()},
        "judge": dict(judge.scores),
        "prompts": [_describe_judged(each) for each in judged],
    }


def write_report(directory: Path, values: Mapping[str, Any], judged: Sequence[Judged]) -> None:
    """The three files of an evaluation, all of them or none."""
    sheet = compose_sheet([(each.prompt.text, _find_shown(each)) for each in judged])
    files = {TABLE: write_table(values).encode(), SHEET: encode_png(sheet)}
    report_folder(directory).write(values, files)


def write_table(values: Mapping[str, Any]) -> str:
    """report.md: a row for every measure that some prompt says something of."""
    best = values["best_by_clip"]
    head = ["measure", "first picture", *(f"best of {count} by CLIP" for count in best), "prompts", "judge"]
    rows = [head, ["---"] * len(head)]
    for name, entry in values["fields"].items():
        if entry["prompts"]:
            shares = [_percent(each[name]["share"]) for each in (values["fields"], *best.values())]
            rows.append([name, *shares, str(entry["prompts"]), _describe_trust(name, values)])
    lines = [f"# {values['model']}", "", *_table(rows), "", *_notes(values)]
    return "\n".join(lines) + "\n"


def describe_judge(scores: Mapping[str, Mapping[str, Any]], digests: Mapping[str, str]) -> dict[str, Any]:
    """The contents of report.json where the judge itself was measured."""
    return {
        "made_by": _MADE_BY,
        "version": dalle_mini.__version__,
        "digests": dict(digests),
        "judge": {name: dict(entry) for name, entry in scores.items()},
    }


def write_judge_report(directory: Path, values: Mapping[str, Any]) -> None:
    """report.json and report.md of a judge."""
    report_folder(directory).write(values, {TABLE: write_judge_table(values).encode()})


def write_judge_table(values: Mapping[str, Any]) -> str:
    """How often a judge is right, by field."""
    rows = [["field", "right", "pictures", "trusted"], ["---"] * 4]
    for name, entry in values["judge"].items():
        trusted = "yes" if entry["trusted"] else "no"
        rows.append([name, _percent(entry["accuracy"]), str(entry["pictures"]), trusted])
    return "\n".join(["# The judge", "", *_table(rows), "", f"Trusted from {TRUSTED:.0%} on."]) + "\n"


def _describe_shares(shares: Mapping[str, Share]) -> dict[str, Any]:
    return {
        name: {"share": each.share if each.share is None else round(each.share, 4), "prompts": each.prompts}
        for name, each in shares.items()
    }


def _describe_judged(judged: Judged) -> dict[str, Any]:
    values: dict[str, Any] = {"prompt": judged.prompt.text, "labels": dict(judged.prompt.labels), "seed": judged.seed}
    values["first"] = _describe_verdict(judged.first)
    if judged.best:
        values["best"] = {str(count): _describe_verdict(verdict) for count, verdict in judged.best.items()}
    return values


def _find_shown(judged: Judged) -> Verdict:
    """The picture that stands for a prompt: the best of the most."""
    return judged.best[max(judged.best)] if judged.best else judged.first


def _describe_verdict(verdict: Verdict) -> dict[str, Any]:
    return {"named": dict(verdict.named), "right": dict(verdict.right)}


def _describe_trust(name: str, values: Mapping[str, Any]) -> str:
    """How often the judge is right in the fields of a measure, the worst of them counting."""
    scores = [values["judge"].get(field) for field in MEASURES[name]]
    if not all(scores):
        return "not measured"
    accuracy = _percent(min(entry["accuracy"] for entry in scores))
    return accuracy if values["trusted"][name] else f"{accuracy}, not trusted"


def _notes(values: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"{len(values['prompts'])} prompts, seed {values['seed']}. The last column says how often the judge is right "
        f"about real pictures that it had never seen; it is trusted from {TRUSTED:.0%} on."
    )
    for name, count in values["skipped"].items():
        yield f"The judge has no answer for the {name} of {count} prompts, which is not judged."


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    return (f"| {' | '.join(row)} |" for row in rows)


def _percent(share: float) -> str:
    return f"{share:.1%}"
