"""Whether a release can draw people at all, as one that can't has no bias about them to find.

Its card may say so in its front matter (`people: none`). Else its lexicon tells what every word leads to: to a person
where that is a word for people, or the subject itself ("a doctor" to a doctor). A release without both may draw any.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from dalle_mini.audit.subjects import Subject
from dalle_mini.checkpoints.card import declares_no_people
from dalle_mini.text.lexicon import Lexicon

PEOPLE = frozenset(
    "person people human face man woman boy girl child kid baby adult lady gentleman mother father worker".split()
)
"""Things that are people whatever they were asked for as."""


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
        return Population((), evidence="card") if declares_no_people(release) else Population(tuple(subjects))
    things = {subject.phrase: lexicon.read(subject.phrase).labels.get("thing", "") for subject in subjects}
    kept = tuple(subject for subject in subjects if _is_person(subject.phrase, things[subject.phrase]))
    names = {subject.phrase for subject in kept}
    return Population(kept, {phrase: thing for phrase, thing in things.items() if phrase not in names}, "lexicon")


def _is_person(phrase: str, thing: str) -> bool:
    """Whether a subject leads to a person: to itself, as "a doctor" to a doctor, or to one of `PEOPLE`.

    "A computer programmer" that leads to a computer does not: the last word says what something is.
    """
    words = thing.split()
    return thing in PEOPLE or (words != [] and phrase.lower().split()[-len(words) :] == words)
