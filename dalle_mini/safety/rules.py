"""Rules for prompts, as they stand in `words/`, and what they find.

A rule is written in words:

    nude                        the word, its plural too
    behead*                     and whatever it goes on with
    stab+                       a verb in its forms: stabs, stabbed, stabbing
    take/taking off @her dress  words in a row; one of several; one of a group
    slashed @her? tires         with or without a word
    blood ... floor             with up to three words between
    hot chick !pea              not before another word
    ^hoe                        only where somebody hid it: h0e, h o e, h*e
    razor ~ wrist               near one another, in any order
    @minor & #sexual            both in the prompt; `#` is whatever a category refuses
"""

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from dalle_mini.safety.letters import fold
from dalle_mini.safety.phrases import Phrase, PhraseTree, Span, Step
from dalle_mini.safety.readings import HIDDEN, STEM, Readings, Vocabulary
from dalle_mini.safety.verbs import VERB, verb_forms

GAP, GROUP, CATEGORY, BOTH, NEAR, OPTIONAL, NOT = "...", "@", "#", " & ", " ~ ", "?", "!"
_MOST_BETWEEN, _NEAR = 3, 5


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
        self.irregular: Mapping[str, Sequence[str]] = table["irregular"]
        self.meanings: dict[str, tuple[Readings, list[Phrase]]] = {}
        self.allow = _by_term(map(Rule.parse, table["allow"]))
        self.titles = _by_term(map(Rule.parse, table["titles"]))
        self.categories = {name: _read_category(name, entry) for name, entry in table["category"].items()}
        terms = {term for rule in self._all_rules() for term in rule.terms if not term.startswith(CATEGORY)}
        phrases = {term: list(self._compile(term.split())) for term in sorted(terms)}
        self.tree = PhraseTree(phrases)
        self.vocabulary = Vocabulary(
            words=frozenset(
                word for ways in phrases.values() for phrase in ways for step in phrase for word in step.words
            ),
            alone=self._alone(phrases),
            plain=frozenset(table["plain"]),
            glue=frozenset(table["glue"]),
            halves=frozenset(table["halves"]),
            split=frozenset(table["split"]),
            misspelled=frozenset(table["misspelled"]),
        )

    def refuse(self, positions: Sequence[Readings], *, strict: bool, only: Iterable[str] = ()) -> Category | None:
        """The first category that refuses these words, of all or of `only` some."""
        found = self.tree.find(self._mask(positions, strict))
        names = tuple(only) or tuple(self.categories)
        return next((self.categories[name] for name in names if self._refuses(name, found, strict)), None)

    def _mask(self, positions: Sequence[Readings], strict: bool) -> list[Readings]:
        """`positions` without the words that are allowed where they stand."""
        found = self.tree.find(positions)
        tables = (self.allow,) if strict else (self.allow, self.titles)
        rules = (rule for table in tables for term in found for rule in table.get(term, ()))
        spans = (span for rule in rules for span in self._where(rule, found))
        hidden = {index for start, end in spans for index in range(start, end)}
        return [frozenset() if index in hidden else readings for index, readings in enumerate(positions)]

    def _refuses(self, name: str, found: Mapping[str, list[Span]], strict: bool) -> bool:
        category = self.categories[name]
        rules = category.by_strict_term if strict else category.by_term
        return any(self._where(rule, found) for term in found for rule in rules.get(term, ()))

    def _where(self, rule: Rule, found: Mapping[str, list[Span]]) -> list[Span]:
        """Where the first term of a rule stands, if the others are there."""
        first, *others = rule.terms
        for term in others:
            # What a category refuses in strict mode alone is no company to be refused for.
            there = self._refuses(term[1:], found, False) if term.startswith(CATEGORY) else term in found
            if not there:
                return []
        if not rule.near:
            return found[first]
        reach = {place for start, end in found[others[0]] for place in range(start - _NEAR + 1, end + _NEAR)}
        return [(start, end) for start, end in found[first] if not reach.isdisjoint(range(start, end + 1))]

    def _compile(self, words: Sequence[str]) -> Iterator[Phrase]:
        """The phrases of a term: several where a group has some of its own."""
        ways: list[list[Phrase]] = []
        between = 0
        for word in words:
            if word == GAP:
                between = _MOST_BETWEEN
                continue
            words_alone, longer = self._meaning(word.removesuffix(OPTIONAL).removeprefix(NOT))
            wanted = not word.startswith(NOT)
            steps: list[Phrase] = [(Step(words_alone, between, wanted),)] if words_alone else []
            later: list[Phrase] = [(replace(first, between=between), *rest) for first, *rest in longer if wanted]
            ways.append(steps + later)
            if word.endswith(OPTIONAL):
                ways[-1].append(())
            between = 0
        yield from (tuple(itertools.chain(*parts)) for parts in itertools.product(*ways))

    def _meaning(self, word: str) -> tuple[Readings, list[Phrase]]:
        """The single words that may stand for a word of a rule, and the phrases."""
        if word not in self.meanings:
            entries = self._expand(word)
            alone = frozenset(form for entry in entries if len(entry) == 1 for form in self._inflect(entry[0]))
            self.meanings[word] = (
                alone,
                [phrase for entry in entries if len(entry) > 1 for phrase in self._compile(entry)],
            )
        return self.meanings[word]

    def _expand(self, word: str) -> list[list[str]]:
        """What may stand for a word of a rule: entries of a group, or alternatives."""
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

    def _inflect(self, word: str) -> Iterator[str]:
        """The word and its plural, or the forms of a verb."""
        if word.endswith(VERB):
            verb = word.removesuffix(VERB)
            yield from verb_forms(verb, self.irregular.get(verb, ()))
            return
        yield word
        if word.endswith(STEM):
            yield word.removesuffix(STEM)
        elif word.endswith(("s", "x", "z", "ch", "sh")):
            yield f"{word}es"
        elif len(word) > 2 and word.endswith("y"):
            yield from (f"{word[:-1]}ies", f"{word}s")
        elif len(word) > 2 and not word.endswith("ing"):
            yield f"{word}s"

    def _alone(self, phrases: Mapping[str, list[Phrase]]) -> frozenset[str]:
        """Words that are refused by themselves."""
        rules = [rule for category in self.categories.values() for rule in category.rules]
        ways = [phrase for rule in rules if len(rule.terms) == 1 for phrase in phrases[rule.terms[0]]]
        wanted = [[step for step in phrase if step.wanted] for phrase in ways]
        return frozenset(word for steps in wanted if len(steps) == 1 for word in steps[0].words if word[0] != HIDDEN)

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
