"""Prompts to evaluate: one a line, and behind tabs what should be seen, such as `thing=cat` and `count=2`."""

import dataclasses
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from dalle_mini.config import suggest
from dalle_mini.config.judge import JudgeConfig
from dalle_mini.data.records import read_labels
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import DataError, PromptError
from dalle_mini.judging import Labels
from dalle_mini.text.files import read_text
from dalle_mini.text.lexicon import Lexicon

Reader = Callable[[str], Labels]
"""Tells a prompt's labels from its words."""


@dataclasses.dataclass(frozen=True)
class LabelledPrompt:
    """A prompt, and by field what its picture should be taken for; fields without a label are not judged."""

    text: str
    labels: Labels


@dataclasses.dataclass(frozen=True)
class PromptList:
    """`skipped` counts, by field, what a lexicon said of prompts and the judge has no answer for."""

    prompts: tuple[LabelledPrompt, ...]
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)


def read_prompts(path: str | Path, config: JudgeConfig, reader: Reader | None = None) -> PromptList:
    """The prompts of a file; blank lines and those that start with `#` hold none.

    Labels that stand in the file must be the judge's, else a PromptError names the nearest. Lines without any are read
    by `reader`, of whose labels the judge's are kept.
    """
    prompts, skipped = [], Counter()
    for number, line in enumerate(read_text(path).splitlines(), 1):
        text, *pairs = (part.strip() for part in line.split("\t"))
        if not text or text.startswith("#"):
            continue
        written = [pair for pair in pairs if pair]
        if written or reader is None:
            prompts.append(LabelledPrompt(text, _read_labels(written, config, f"{path}, line {number}")))
            continue
        read = {name: value for name, value in reader(text).items() if value}
        known = {name: value for name, value in read.items() if value in config.classes(name)}
        skipped.update(read.keys() - known.keys())
        prompts.append(LabelledPrompt(text, known))
    if not prompts:
        raise PromptError(f"{path} holds no prompt", hint="write one a line")
    if not any(prompt.labels for prompt in prompts):
        hint = "write labels behind tabs, such as thing=cat; only a model that brings a lexicon.tsv needs none"
        raise PromptError(f"no prompt of {path} says what is to be seen", hint=hint)
    return PromptList(tuple(prompts), dict(skipped))


def find_reader(release: Path) -> Reader | None:
    """What reads prompts by the lexicon in a release's folder; None where it has none."""
    lexicon = Lexicon.from_directory(release)
    return (lambda prompt: lexicon.read(prompt).labels) if lexicon else None


def read_captions(pictures: str | Path, config: JudgeConfig) -> PromptList:
    """The captions of a picture set as prompts, with those of its labels that the judge can give; DataError if it is
    not labelled."""
    prompts, skipped = [], Counter()
    for fields in RecordSet.open(pictures, "pictures").fields():
        labels = read_labels(fields)
        known = {name: value for name, value in labels.items() if value in config.classes(name)}
        skipped.update(labels.keys() - known.keys())
        prompts.append(LabelledPrompt(fields["caption"], known))
    if not any(prompt.labels for prompt in prompts):
        raise DataError(
            f"{pictures} has no labels that the judge knows", hint="use the kind of set that it learned from"
        )
    return PromptList(tuple(prompts), dict(skipped))


def _read_labels(pairs: Iterable[str], config: JudgeConfig, place: str) -> dict[str, str]:
    labels: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = (part.strip() for part in pair.partition("="))
        if not equals or name in labels:
            what = f"{name!r} is there twice" if name in labels else f"{pair!r} is not field=value"
            raise PromptError(f"{place}: {what}", hint="for example: a cat<TAB>thing=cat")
        _check_known(name, [field.name for field in config.fields], f"{place}: the judge knows no field")
        _check_known(value, config.classes(name), f"{place}: the judge knows no {name}")
        labels[name] = value
    return labels


def _check_known(word: str, known: Sequence[str], what: str) -> None:
    if word not in known:
        hint = suggest(word, list(known))
        raise PromptError(f"{what} {word!r}", hint=hint if len(hint) < 400 else f"{hint[:400]} …")
