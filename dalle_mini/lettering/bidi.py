"""The order in which left-to-right and right-to-left characters of a line stand, by Unicode's algorithm (UAX #9).

Levels come from the characters alone: embeddings and isolates are dropped before, and brackets are as other neutrals.
"""

import unicodedata
from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")
_STRONG = {"L": 0, "R": 1, "AL": 1}
_NEUTRAL = {"ES", "ET", "CS", "B", "S", "WS", "ON", "BN"}


def base_level(text: str) -> int:
    """1 where the first letter is of a right-to-left script, else 0 (P2, P3)."""
    kinds = map(unicodedata.bidirectional, text)
    return next((_STRONG[kind] for kind in kinds if kind in _STRONG), 0)


def embedding_levels(characters: Sequence[str], base: int) -> list[int]:
    """A level for each character of a line; even ones run to the right, odd ones to the left."""
    kinds = _resolve_weak([unicodedata.bidirectional(character) or "L" for character in characters], base)
    return [_implicit_level(kind, base) for kind in _resolve_neutral(kinds, base)]


def visual_order(items: Sequence[Item], level: Callable[[Item], int]) -> list[Item]:
    """Items of a line from left to right: from the highest level down, runs are reversed (L2)."""
    order = list(items)
    for depth in range(max(map(level, order), default=0), 0, -1):
        start = 0
        while start < len(order):
            end = start
            while end < len(order) and level(order[end]) >= depth:
                end += 1
            order[start:end] = reversed(order[start:end])
            start = end + 1
    return order


def _resolve_weak(kinds: list[str], base: int) -> list[str]:
    """Marks, numbers and what stands in and around numbers (W1 to W7)."""
    start = "R" if base else "L"
    kinds = _follow(kinds, start)
    for index in range(1, len(kinds) - 1):
        before, kind, after = kinds[index - 1 : index + 2]
        if before == after and (kind == "CS" and before in ("EN", "AN") or kind == "ES" and before == "EN"):
            kinds[index] = before
    for indices in (range(1, len(kinds)), range(len(kinds) - 2, -1, -1)):
        for index in indices:
            beside = index - indices.step
            if kinds[index] == "ET" and kinds[beside] == "EN":
                kinds[index] = "EN"
    strong = start
    for index, kind in enumerate(kinds):
        strong = kind if kind in ("L", "R") else strong
        if kind in _NEUTRAL:
            kinds[index] = "ON"
        elif kind == "EN" and strong == "L":
            kinds[index] = "L"
    return kinds


def _follow(kinds: list[str], start: str) -> list[str]:
    """What takes after the letter before it: marks, and European digits after Arabic letters."""
    resolved: list[str] = []
    strong = start
    for kind in kinds:
        if kind == "NSM":
            kind = resolved[-1] if resolved else start
        if kind in _STRONG:
            strong = kind
        resolved.append("AN" if kind == "EN" and strong == "AL" else kind)
    return ["R" if kind == "AL" else kind for kind in resolved]


def _resolve_neutral(kinds: list[str], base: int) -> list[str]:
    """Neutrals between two of a direction take it, others the line's (N1, N2)."""
    edge = "R" if base else "L"
    resolved, index = list(kinds), 0
    while index < len(kinds):
        end = index
        while end < len(kinds) and kinds[end] == "ON":
            end += 1
        if end > index:
            before = _direction(kinds[index - 1]) if index else edge
            after = _direction(kinds[end]) if end < len(kinds) else edge
            resolved[index:end] = [before if before == after else edge] * (end - index)
        index = end + 1
    return resolved


def _direction(kind: str) -> str:
    return "L" if kind == "L" else "R"


def _implicit_level(kind: str, base: int) -> int:
    """I1 and I2."""
    if base:
        return 1 if kind == "R" else 2
    return {"L": 0, "R": 1}.get(kind, 2)
