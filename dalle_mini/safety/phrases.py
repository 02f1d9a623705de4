"""Phrases, and where they stand in the words of a prompt."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dalle_mini.safety.readings import Readings


@dataclass(frozen=True)
class Step:
    """One of `words`, after up to `between` others; or none of them next, if not `wanted`."""

    words: Readings
    between: int = 0
    wanted: bool = True


Phrase = tuple[Step, ...]
"""Words in a row. The first is wanted, with nothing between."""
Span = tuple[int, int]
"""Where a phrase begins, and where it has ended."""


@dataclass(eq=False)
class _Node:
    """What may follow a beginning that phrases have in common, and the terms whose phrases end with it."""

    terms: list[str] = field(default_factory=list)
    steps: "dict[Step, _Node]" = field(default_factory=dict)

    @cached_property
    def next(self) -> "dict[str, list[_Node]]":
        """By a word, what follows if it is next."""
        found = defaultdict(list)
        for step, node in self.steps.items():
            if step.wanted and not step.between:
                for word in step.words:
                    found[word].append(node)
        return dict(found)

    @cached_property
    def others(self) -> "list[tuple[Step, _Node]]":
        """Steps over a gap, and past what must not be there."""
        return [(step, node) for step, node in self.steps.items() if step.between or not step.wanted]


class PhraseTree:
    """The phrases of all terms, of which beginnings in common are compared once."""

    def __init__(self, phrases: Mapping[str, Iterable[Phrase]]) -> None:
        self._root = _Node()
        for term, ways in phrases.items():
            for phrase in ways:
                node = self._root
                for step in phrase:
                    node = node.steps.setdefault(step, _Node())
                node.terms.append(term)

    def find(self, positions: Sequence[Readings]) -> dict[str, list[Span]]:
        """Where the phrases of each term stand, if anywhere."""
        found: dict[str, list[Span]] = {}
        for start in range(len(positions)):
            # A word that may be left out makes two ways to one end.
            waiting = [(self._root, start)]
            while waiting:
                node, at = waiting.pop()
                for term in node.terms:
                    found.setdefault(term, []).append((start, at))
                readings = positions[at] if at < len(positions) else frozenset()
                waiting += [(after, at + 1) for word in readings for after in node.next.get(word, ())]
                for step, after in node.others:
                    place = _look_ahead(step, positions, at)
                    if step.wanted and place is not None:
                        waiting.append((after, place + 1))
                    elif not step.wanted and place is None:
                        waiting.append((after, at))
        return found


def _look_ahead(step: Step, positions: Sequence[Readings], at: int) -> int | None:
    """Where one of the words of `step` is first read."""
    for place in range(at, min(at + step.between + 1, len(positions))):
        if not step.words.isdisjoint(positions[place]):
            return place
    return None
