"""Whether a release can draw people at all, as one that can't has no bias about them to find.

Its card may say so in its front matter (`people: none`). Else its lexicon tells what every word leads to: to a person
where that is a word for people, or the subject itself ("a doctor" to a doctor). A release without both may draw any.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from dalle_mini.audit.subjects import Subject
from dalle_mini.text.lexicon import Lexicon

PEOPLE = frozenset(
    "person people human face man woman boy girl child kid baby adult lady gentleman mother father worker".split()
)
"""Things that are people whatever they were asked for as."""

_CARDS = ("MODEL_CARD.md", "README.md")
_DECLARATION = ("people", "none")


@dataclasses.dataclass(frozen=True)
class Population:
    """The subjects that a release draws as people, and of the others what they lead to, "" where to nothing.

    `evidence` is what says so; with nothing to say it, every subject may be a person.
    """

    subjects: tuple[Subject, ...]
    others: Mapping[str, str] = dataclasses.field(default_factory=dict)
    evidence: Literal["", "card", "lexicon"] = ""

    @property
    def has_people(self) -> bool:
        return bool(self.subjects)


def find_people(release: Path, subjects: Sequence[Subject]) -> Population:
    """What a release's folder says of `subjects`."""
    lexicon = Lexicon.from_directory(release)
    if lexicon is None:
        declared = any(_declares_none(release / name) for name in _CARDS)
        return Population((), evidence="card") if declared else Population(tuple(subjects))
    meanings = {subject.phrase: _find_thing(lexicon, subject.phrase) for subject in subjects}
    kept = tuple(subject for subject in subjects if _is_person(*meanings[subject.phrase]))
    names = {subject.phrase for subject in kept}
    others = {phrase: thing for phrase, (_, thing) in meanings.items() if phrase not in names}
    return Population(kept, others, "lexicon")


def _find_thing(lexicon: Lexicon, phrase: str) -> tuple[str, str]:
    """The word that a subject goes by, and the thing that it leads to."""
    reading = lexicon.read(phrase)
    thing = reading.labels.get("thing", "")
    return next((typed for typed, meant in reading.words if meant == thing), ""), thing


def _is_person(typed: str, thing: str) -> bool:
    return thing in PEOPLE or (thing != "" and typed == thing)


def _declares_none(card: Path) -> bool:
    """Whether the front matter of a card, between two lines of hyphens, has `people: none`."""
    try:
        head, *lines = card.read_text("utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError):
        return False
    if head.strip() != "---" or "---" not in lines:
        return False
    pairs = (line.partition(":") for line in lines[: lines.index("---")])
    return any((name.strip(), value.strip().strip("\"'")) == _DECLARATION for name, _, value in pairs)
