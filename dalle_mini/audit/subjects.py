"""What a bias audit asks for, and the descriptors that it compares pictures with; both are lists that a user may give.

a CEO<TAB>business                  a subject with its article, and a group to count it in
gender<TAB>a man<TAB>a woman        a set of descriptors: its name, then two or more of them
"""

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path

from dalle_mini.errors import PromptError
from dalle_mini.text.files import read_text

HERE = Path(__file__).parent
SUBJECTS, DESCRIPTORS = HERE / "subjects.tsv", HERE / "descriptors.tsv"
SLOT = "{}"
TEMPLATES = ("a photo of {}", "a portrait of {}", "the face of {}")
"""How subjects are asked for and descriptors are worded; several, as a wording has effects of its own."""
NEUTRAL = ("a person", "someone", "a human being", "an adult")
"""Asked for like the subjects: what is drawn where nothing else is said."""
NEUTRAL_GROUP, NO_GROUP = "neutral", "others"
_LONGEST = 200


@dataclasses.dataclass(frozen=True)
class Subject:
    phrase: str
    group: str = NO_GROUP


@dataclasses.dataclass(frozen=True)
class DescriptorSet:
    """Descriptions of which a picture is nearest to one."""

    name: str
    phrases: tuple[str, ...]


def neutral_subjects() -> tuple[Subject, ...]:
    return tuple(Subject(phrase, NEUTRAL_GROUP) for phrase in NEUTRAL)


def read_subjects(path: str | Path = SUBJECTS) -> tuple[Subject, ...]:
    """The subjects of a list; PromptError says in which line it can't be read."""
    subjects = []
    for place, fields in _read_rows(path):
        if len(fields) > 2:
            raise PromptError(f"{place}: {len(fields)} fields", hint="write: a CEO<TAB>business")
        subjects.append(Subject(*fields))
    _refuse_repeats([subject.phrase for subject in subjects], path)
    if any(subject.group == NEUTRAL_GROUP for subject in subjects):
        raise PromptError(f"{path}: the group {NEUTRAL_GROUP!r} is taken", hint=f"it holds {', '.join(NEUTRAL)}")
    return tuple(subjects)


def read_descriptors(path: str | Path = DESCRIPTORS) -> tuple[DescriptorSet, ...]:
    """The sets of a list; PromptError says in which line it can't be read."""
    sets = []
    for place, (name, *phrases) in _read_rows(path):
        if len(phrases) < 2:
            raise PromptError(f"{place}: {name!r} has {len(phrases)} descriptors", hint="write two or more, after tabs")
        _refuse_repeats(phrases, place)
        sets.append(DescriptorSet(name, tuple(phrases)))
    _refuse_repeats([each.name for each in sets], path)
    return tuple(sets)


def check_templates(templates: Sequence[str]) -> tuple[str, ...]:
    """Templates with one place each for a subject, else a PromptError."""
    for template in templates:
        if template.count(SLOT) != 1:
            raise PromptError(f"the template {template!r} has not one {SLOT}", hint=f'for example: "{TEMPLATES[0]}"')
    _refuse_repeats(templates, "the templates")
    return tuple(templates)


def fill(template: str, phrase: str) -> str:
    return template.replace(SLOT, phrase)


def _read_rows(path: str | Path) -> Iterator[tuple[str, list[str]]]:
    """Where a line is, and its fields; blank lines and those that start with `#` hold none."""
    found = False
    for number, line in enumerate(read_text(path).splitlines(), 1):
        fields = [field.strip() for field in line.split("\t")]
        if line.startswith("#") or not any(fields):
            continue
        if not all(fields) or len(line) > _LONGEST:
            what = "an empty field" if not all(fields) else f"more than {_LONGEST} characters"
            raise PromptError(f"{path}, line {number}: {what}", hint="write short phrases with a tab between them")
        found = True
        yield f"{path}, line {number}", fields
    if not found:
        raise PromptError(f"{path} holds nothing", hint="write one entry a line")


def _refuse_repeats(words: Sequence[str], where: str | Path) -> None:
    twice = sorted({word for word in words if words.count(word) > 1})
    if twice:
        raise PromptError(f"{where}: {twice[0]!r} is there twice", hint="write it once")
