"""Cut the words of a hashtag apart: `throwbackthursday` is `throwback thursday`.

The cheapest way through the letters wins, where a word costs the logarithm of its rank in a list
of words sorted by frequency (the idea of the wordninja package). The list comes with the weights.
"""

import functools
import math
import pathlib
import re
from collections.abc import Sequence

from dalle_mini.errors import CheckpointError

WORDS_FILE = "enwiki-words-frequency.txt"

_GAPS = re.compile(r"[^a-zA-Z0-9']+")
_BORDERS = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[A-Z][a-z]|[0-9])|(?<=[0-9])(?=[A-Za-z])")
_START = 4  # words are indexed by this many first letters


def mark_borders(tag: str) -> str:
    """Put a `#`, later read as a space, where a capital or a digit shows that a word begins."""
    return _BORDERS.sub("#", tag)


class HashtagWords:
    """A word list, the most frequent word first; read when the first hashtag asks for it."""

    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    @functools.cached_property
    def costs(self) -> dict[str, float]:
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise CheckpointError(
                f"{self.path}: the word list can't be read: {error}",
                hint="fetch the checkpoint again, or delete the list to read hashtags without it",
            ) from error
        words = (line.split(maxsplit=1)[:1] for line in lines)
        return {word: math.log(rank) for rank, found in enumerate(words, 1) for word in found}

    @functools.cached_property
    def longest(self) -> dict[str, int]:
        """Length of the longest word for each beginning of `_START` letters."""
        longest: dict[str, int] = {}
        for word in self.costs:
            start = word[:_START]
            longest[start] = max(longest.get(start, 0), len(word))
        return longest

    def split(self, tag: str) -> str:
        """The words of `tag` (written without its `#`), in the case they had."""
        return " ".join(word for part in _GAPS.split(tag) for word in _rejoin(self._cut(part)))

    def _cut(self, text: str) -> list[str]:
        """The cheapest cut into listed words; of equal ones that with the shorter last word."""
        lowered = text.lower()
        # Quirk: a letter that no listed word can reach costs infinity, and so does everything that
        # follows; all of it falls apart into single letters.
        best = [(0.0, 0)] + [(math.inf, 1)] * len(text)  # (cost, length of the last word)
        for start in range(len(text)):
            so_far = best[start][0]
            if so_far == math.inf:
                continue
            reach = self.longest.get(lowered[start : start + _START], _START - 1)
            for end in range(start + 1, min(start + reach, len(text)) + 1):
                cost = so_far + self.costs.get(lowered[start:end], math.inf)
                best[end] = min(best[end], (cost, end - start))
        return _backtrack(text, [length for _, length in best])


def _backtrack(text: str, last_lengths: Sequence[int]) -> list[str]:
    pieces, end = [], len(text)
    while end:
        start = end - last_lengths[end]
        pieces.append(text[start:end])
        end = start
    return pieces[::-1]


def _rejoin(pieces: Sequence[str]) -> list[str]:
    """Put `'s` back on its word, and digits back into their number."""
    joined: list[str] = []
    for piece in reversed(pieces):
        digits = bool(joined) and piece[-1].isdigit() and joined[-1][0].isdigit()
        if piece != "'" and joined and (joined[-1] == "'s" or digits):
            joined[-1] = piece + joined[-1]
        else:
            joined.append(piece)
    return joined[::-1]
