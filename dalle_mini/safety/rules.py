"""Rules for prompts, as they stand in `words.toml`, and what they find.

A rule is written in words:

    nude                        the word, its plural too
    behead*                     and whatever it goes on with
    take/taking off @her dress  words in a row; one of several; one of a group
    slashed @her? tires         with or without a word
    blood ... floor             with up to three words between
    ^hoe                        only where somebody hid it: h0e, h o e, h*e
    razor ~ wrist               near one another, in any order
    @minor & #sexual            both in the prompt; `#` is whatever a category refuses
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from dalle_mini.safety.letters import fold
from dalle_mini.safety.readings import HIDDEN, STEM, Readings, Vocabulary

GAP, GROUP, CATEGORY, BOTH, NEAR, OPTIONAL = "...", "@", "#", " & ", " ~ ", "?"
_MOST_BETWEEN, _NEAR = 3, 5

Pattern = tuple[Readings, ...]
"""Words in a row, each one of several; an empty one is a gap."""
Span = tuple[int, int]


@dataclass(frozen=True)
class Rule:
    """All of `terms` must be there; if `near`, close together. The first one is no category."""

    terms: tuple[str, ...]
    near: bool

    @classmethod
    def parse(cls, text: str) -> "Rule":
        near = NEAR in text
        terms = text.split(NEAR if near else BOTH)
        return cls(tuple(fold(term).lower().strip() for term in terms), near)


@dataclass(frozen=True, eq=False)
class Category:
    """What is refused for one reason; `strict` adds to `rules` in strict mode."""

    name: str
    sentence: str
    rules: tuple[Rule, ...]
    strict: tuple[Rule, ...]

    @cached_property
    def by_term(self) -> dict[str, list[Rule]]:
        return _by_term(self.rules)

    @cached_property
    def by_strict_term(self) -> dict[str, list[Rule]]:
        return _by_term(self.rules + self.strict)


class Rulebook:
    """The categories in the order in which a refusal names them, and what is allowed all the same."""

    def __init__(self, table: Mapping[str, Any]) -> None:
        self.groups: Mapping[str, Sequence[str]] = table["groups"]
        self.allow = _by_term(map(Rule.parse, table["allow"]))
        self.titles = _by_term(map(Rule.parse, table["titles"]))
        self.categories = {name: _read_category(name, entry) for name, entry in table["category"].items()}
        terms = {term for rule in self._all_rules() for term in rule.terms if not term.startswith(CATEGORY)}
        patterns = {term: list(self._compile(term.split())) for term in sorted(terms)}
        self.starts: dict[str, list[tuple[str, Pattern]]] = defaultdict(list)
        for term, found in patterns.items():
            for pattern in found:
                for word in sorted(pattern[0]):
                    self.starts[word].append((term, pattern))
        self.vocabulary = Vocabulary(
            words=frozenset(
                word for found in patterns.values() for pattern in found for part in pattern for word in part
            ),
            alone=self._alone(patterns),
            plain=frozenset(table["plain"]),
            glue=frozenset(table["glue"]),
            halves=frozenset(table["halves"]),
        )

    def refuse(self, positions: Sequence[Readings], *, strict: bool, only: Iterable[str] = ()) -> Category | None:
        """The first category that refuses these words, of all or of `only` some."""
        found = self._find(self._mask(positions, strict))
        names = tuple(only) or tuple(self.categories)
        return next((self.categories[name] for name in names if self._refuses(name, found, strict)), None)

    def _mask(self, positions: Sequence[Readings], strict: bool) -> list[Readings]:
        """`positions` without the words that are allowed where they stand."""
        found = self._find(positions)
        tables = (self.allow,) if strict else (self.allow, self.titles)
        spans = [
            span
            for table in tables
            for term in found
            if any(self._holds(rule, found) for rule in table.get(term, ()))
            for span in found[term]
        ]
        hidden = {index for start, end in spans for index in range(start, end)}
        return [frozenset() if index in hidden else readings for index, readings in enumerate(positions)]

    def _refuses(self, name: str, found: Mapping[str, list[Span]], strict: bool) -> bool:
        category = self.categories[name]
        rules = category.by_strict_term if strict else category.by_term
        return any(self._holds(rule, found) for term in found for rule in rules.get(term, ()))

    def _holds(self, rule: Rule, found: Mapping[str, list[Span]]) -> bool:
        for term in rule.terms:
            # What a category refuses in strict mode alone is no company to be refused for.
            there = self._refuses(term[1:], found, False) if term.startswith(CATEGORY) else term in found
            if not there:
                return False
        if not rule.near:
            return True
        first, second = (found[term] for term in rule.terms)
        return any(max(a[0], b[0]) - min(a[1], b[1]) < _NEAR for a in first for b in second)

    def _find(self, positions: Sequence[Readings]) -> dict[str, list[Span]]:
        """Where each term stands."""
        found: dict[str, list[Span]] = {}
        for start, readings in enumerate(positions):
            for word in readings:
                for term, pattern in self.starts.get(word, ()):
                    end = _match(pattern, positions, start)
                    if end:
                        found.setdefault(term, []).append((start, end))
        return found

    def _compile(self, words: Sequence[str]) -> Iterator[Pattern]:
        """The patterns of a term: several where a group holds phrases."""
        ways = []
        for word in words:
            entries = self._expand(word.removesuffix(OPTIONAL))
            single = frozenset(form for entry in entries if len(entry) == 1 for form in _inflect(entry[0]))
            phrases = [pattern for entry in entries if len(entry) > 1 for pattern in self._compile(entry)]
            nothing = [()] if word.endswith(OPTIONAL) else []
            ways.append(([(single,)] if single or word == GAP else []) + phrases + nothing)
        yield from (tuple(itertools.chain(*parts)) for parts in itertools.product(*ways))

    def _expand(self, word: str) -> list[list[str]]:
        """What may stand for a word of a rule: entries of a group, or alternatives."""
        if word == GAP:
            return []
        entries = []
        for part in word.split("/"):
            if part.startswith(GROUP):
                entries += [each for entry in self.groups[part[1:]] for each in self._phrase(entry)]
            else:
                entries.append([part])
        return entries

    def _phrase(self, entry: str) -> list[list[str]]:
        """An entry of a group, which may be another group."""
        return self._expand(entry) if entry.startswith(GROUP) and " " not in entry else [fold(entry).lower().split()]

    def _alone(self, patterns: Mapping[str, list[Pattern]]) -> frozenset[str]:
        """Words that are refused by themselves."""
        rules = [rule for category in self.categories.values() for rule in category.rules]
        single = [pattern for rule in rules if len(rule.terms) == 1 for pattern in patterns[rule.terms[0]]]
        return frozenset(word for pattern in single if len(pattern) == 1 for word in pattern[0] if word[0] != HIDDEN)

    def _all_rules(self) -> Iterator[Rule]:
        yield from itertools.chain(*self.allow.values(), *self.titles.values())
        for category in self.categories.values():
            yield from category.rules + category.strict


def _by_term(rules: Iterable[Rule]) -> dict[str, list[Rule]]:
    """Rules by their first term, without which they do not hold."""
    found = defaultdict(list)
    for rule in rules:
        found[rule.terms[0]].append(rule)
    return dict(found)


def _read_category(name: str, entry: Mapping[str, Any]) -> Category:
    rules, strict = (tuple(map(Rule.parse, entry.get(key, ()))) for key in ("rules", "strict"))
    return Category(name, entry["sentence"], rules, strict)


def _inflect(word: str) -> Iterator[str]:
    """The word and its plural."""
    yield word
    if word.endswith(STEM):
        yield word.removesuffix(STEM)
    elif word.endswith(("s", "x", "z", "ch", "sh")):
        yield f"{word}es"
    elif len(word) > 2 and word.endswith("y"):
        yield from (f"{word[:-1]}ies", f"{word}s")
    elif len(word) > 2:
        yield f"{word}s"


def _match(pattern: Pattern, positions: Sequence[Readings], start: int) -> int:
    """Where the pattern that begins at `start` ends; 0 where it does not fit."""
    at, between = start, 0
    for words in pattern:
        if not words:
            between = _MOST_BETWEEN
            continue
        at = next(
            (
                place
                for place in range(at, min(at + between + 1, len(positions)))
                if not words.isdisjoint(positions[place])
            ),
            -1,
        )
        if at < 0:
            return 0
        at, between = at + 1, 0
    return at
