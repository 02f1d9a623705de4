"""What a word of a prompt may have been written to be read as: `p0rn`, `nuuude`, `s e x`, `f*ck`, `hotnudegirls`.

A reading is always a word that some rule knows. Rules for words with an innocent meaning may ask for those that
somebody hid; these readings begin with `HIDDEN`.
"""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from dalle_mini.safety.letters import ELL, LEET, MASKS, Token

HIDDEN = "^"
STEM = "*"
"""Ends a word that may go on."""

Readings = frozenset[str]

_RUNS = re.compile(r"(.)\1*")
_SOUNDS = tuple(
    str.maketrans(written, meant) for written, meant in (("z", "s"), ("v", "u"), ("zv", "su"), ("y", "u"), ("l", "i"))
)
_VOWELS = re.compile("[aeiouy]+")
_SHORTEST_STEM, _SHORTEST_RUN, _SHORTEST_MISSPELLED, _STRETCHED, _LONGEST = 3, 3, 7, 3, 64


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Words of rules. `alone` are refused by themselves; `plain` has no second reading; what is glued to a refused word
    must be in `glue`; refused words and `split` ones are read across a gap, unless its sides are both in `halves`; the
    vowels of what begins like one of `misspelled` may be wrong."""

    words: frozenset[str]
    alone: frozenset[str]
    plain: frozenset[str]
    glue: frozenset[str]
    halves: frozenset[str]
    split: frozenset[str]
    misspelled: frozenset[str]
    known: dict[str, Readings] = field(default_factory=dict)

    def read(self, tokens: Sequence[Token]) -> list[Readings]:
        """What each word of a prompt may mean; letters that stand by themselves are one word."""
        positions: list[Readings] = []
        places: list[int] = []
        for single, group in itertools.groupby(tokens, key=lambda token: len(token.text) == 1):
            words = list(group)
            if single and len(words) >= _SHORTEST_RUN:
                places += [len(positions)] * len(words)
                positions += [self.of_letters(letters) for letters in _cut(words)]
            else:
                places += range(len(positions), len(positions) + len(words))
                positions += [self.of(token.text) for token in words]
        # What is read across gaps stands where it begins, so that what allows its words allows it too.
        for index, readings in itertools.chain(self._across(tokens), self._chunks(tokens)):
            positions[places[index]] |= readings
        return positions

    def of(self, word: str) -> Readings:
        """All readings of one word."""
        found = self.known.get(word)
        if found is None:
            found = self._look_up(word.lower()) | (_NAMED if word.istitle() and word.isalpha() else _NOTHING)
            if len(self.known) < 2**14:
                self.known[word] = found
        return found

    def of_letters(self, letters: str) -> Readings:
        """Readings of a word whose letters stood apart; small words may be spelled with it."""
        word = letters.lower()
        if word in self.plain:
            return frozenset()
        hidden = self._hide([word, *self._decode(word)])
        return self._finish({*hidden, *self._squeeze(word), *self._split(word, small=True)})

    def _look_up(self, word: str) -> Readings:
        if word in self.plain or len(word) > _LONGEST:
            return self._finish({word})
        decoded = self._decode(word)
        hidden = {*decoded, *self._unmask(word)} - {word}
        # Words of their own are near to others in sound, so nothing more is made of these.
        heard = {each.translate(sounds) for each in (word, *decoded) for sounds in _SOUNDS} - {word}
        similar = {each for each in heard if each in self.alone or HIDDEN + each in self.words}
        forms = {word, *self._squeeze(word), *self._split(word), *self._spell(word), *self._hide(hidden)}
        forms |= {*similar, *(HIDDEN + each for each in similar)}
        if word[::-1] in self.alone and len(word) > 3:
            forms.add(word[::-1])
        return self._finish(forms)

    def _hide(self, words: Iterable[str]) -> Iterator[str]:
        for word in words:
            squeezed = set(self._squeeze(word))
            yield from (word, HIDDEN + word, *squeezed, *(HIDDEN + known for known in squeezed))
            yield from (*self._split(word), *self._spell(word))

    def _finish(self, forms: Iterable[str]) -> Readings:
        """Those that rules know, and what they begin with."""
        stems = (form[:end] + STEM for form in forms for end in range(_SHORTEST_STEM, len(form) + 1))
        return frozenset(form for form in itertools.chain(forms, stems) if form in self.words)

    def _decode(self, word: str) -> set[str]:
        """Digits and signs inside a word as letters; a number stays one."""
        if word.isalpha() or not any(sign.isalpha() or sign in "@$" for sign in word):
            return set()
        bare = word.lstrip("@")
        ways = (word, word.translate(ELL), bare, bare.translate(ELL), word.replace("8", "ate"))
        return {each.translate(LEET) for each in ways}

    def _unmask(self, word: str) -> Iterator[str]:
        """Refused words that fit `f*ck`, the first letter known."""
        if not any(mask in word for mask in MASKS) or sum(map(str.isalpha, word)) < 2:
            return
        for end in range(_SHORTEST_STEM, len(word) + 1):
            shape = re.compile("".join("[a-z]" if sign in MASKS else re.escape(sign) for sign in word[:end]))
            known = self._by_start.get((word[0], end), ())
            yield from (
                each for each in known if (end == len(word) or each + STEM in self.alone) and shape.fullmatch(each)
            )

    def _spell(self, word: str) -> Iterator[str]:
        """What `decapatated` was meant to be."""
        if len(word) >= _SHORTEST_MISSPELLED and word.isalpha():
            heard = _hear(word)
            yield from (self._by_sound[heard[:end]] for end in range(len(heard) + 1) if heard[:end] in self._by_sound)

    def _squeeze(self, word: str) -> Iterator[str]:
        """Known words of which letters were doubled, and those that it begins with."""
        runs = [found.end() - found.start() for found in _RUNS.finditer(word)]
        if len(runs) == len(word):
            return
        letters = _RUNS.sub(r"\1", word)
        for end in range(_SHORTEST_STEM, len(runs) + 1):
            for known, lengths in self._by_letters.get(letters[:end], ()):
                whole = end == len(runs) or (known + STEM in self.alone and not word.startswith(known))
                if whole and known != word and all(run >= length for run, length in zip(runs, lengths, strict=False)):
                    yield known
                    if max(runs) >= _STRETCHED and whole:
                        yield HIDDEN + known

    def _split(self, word: str, *, small: bool = False) -> Readings:
        """The words that are glued together in this one, if one of them is refused.

        Where letters stood apart, `small` words may be among them, and `split` ones count as well.
        """
        if not (4 if small else 5) <= len(word) <= _LONGEST or not word.isalpha():
            return frozenset()
        wanted, parts = (self._sought, self._spelled_parts) if small else (self._stems, self._parts)
        ways: list[tuple[str, ...] | None] = [()] + [None] * len(word)
        for end in range(1, len(word) + 1):
            for start in range(end):
                before, part = ways[start], word[start:end]
                if before is not None and part in parts:
                    ways[end] = (*before, part)
                    break
        found = frozenset(ways[-1] or ())
        return found if found & wanted else frozenset()

    def _across(self, tokens: Sequence[Token]) -> Iterator[tuple[int, Readings]]:
        """Refused words with one gap in them, unless the gap is one between words."""
        for index, (first, second) in enumerate(itertools.pairwise(tokens)):
            left, right = first.text.lower(), second.text.lower()
            whole = left + right
            if HIDDEN + whole in self.words or self._is_split(whole, len(left)):
                ordinary = all(len(part) == 1 or part in self.halves for part in (left, right))
                if not (ordinary and second.gap.isspace()):
                    yield index, self._finish({whole, HIDDEN + whole})

    def _is_split(self, word: str, gap: int) -> bool:
        """Whether it is a word to be found with a gap well inside it."""
        if word in self.plain or len(word) > _LONGEST:
            return False
        stems = (word[:end] + STEM for end in range(gap + _SHORTEST_STEM, len(word)))
        return word in self._joined or any(stem in self.alone for stem in stems)

    def _chunks(self, tokens: Sequence[Token]) -> Iterator[tuple[int, Readings]]:
        """Refused words with signs between their letters, without a space."""
        chunks: list[tuple[int, str]] = []
        for index, token in enumerate(tokens):
            if chunks and token.gap and not any(map(str.isspace, token.gap)):
                chunks[-1] = (chunks[-1][0], chunks[-1][1] + token.text.lower())
            else:
                chunks.append((index, token.text.lower()))
        for index, word in chunks:
            if word != tokens[index].text.lower() and len(word) <= _LONGEST and word not in self.plain:
                yield index, self._finish({word, HIDDEN + word})

    @cached_property
    def _stems(self) -> frozenset[str]:
        return frozenset(word.rstrip(STEM) for word in self.alone)

    @cached_property
    def _sought(self) -> frozenset[str]:
        return self._stems | self.split

    @cached_property
    def _joined(self) -> frozenset[str]:
        return self._sought | self.misspelled

    @cached_property
    def _spelled_parts(self) -> frozenset[str]:
        return self._parts | self.split | _SMALL

    @cached_property
    def _parts(self) -> frozenset[str]:
        return frozenset(word for word in self._stems if len(word) > 3) | self.glue

    @cached_property
    def _maskable(self) -> frozenset[str]:
        return self._stems | {word[1:] for word in self.words if word.startswith(HIDDEN)}

    @cached_property
    def _by_start(self) -> dict[tuple[str, int], list[str]]:
        places = defaultdict(list)
        for word in sorted(self._maskable):
            places[word[0], len(word)].append(word)
        return places

    @cached_property
    def _by_sound(self) -> dict[str, str]:
        return {_hear(word): word for word in self.misspelled}

    @cached_property
    def _by_letters(self) -> dict[str, list[tuple[str, tuple[int, ...]]]]:
        """Known words by what is left of them without doubled letters."""
        places = defaultdict(list)
        for word in sorted({each.rstrip(STEM).lstrip(HIDDEN) for each in self.words}):
            if len(word) > 2:
                runs = tuple(found.end() - found.start() for found in _RUNS.finditer(word))
                places[_RUNS.sub(r"\1", word)].append((word, runs))
        return dict(places)


_NOTHING: Readings = frozenset()
_NAMED: Readings = frozenset(("<name>",))
_SMALL = frozenset(("a", "i", "an", "the", "in", "on", "of", "and", "with", "my", "me", "her", "his"))
"""Words that may stand between spelled ones."""


def _hear(word: str) -> str:
    """The first letter, and the others with all vowels alike."""
    return word[0] + _VOWELS.sub("a", word[1:])


def _cut(letters: Sequence[Token]) -> Iterator[str]:
    """Spelled words: apart where the gap is wider than the others."""
    tight = any(not any(map(str.isspace, token.gap)) for token in letters[1:])
    word = ""
    for token in letters:
        wide = any(map(str.isspace, token.gap)) if tight else len(token.gap) > 1
        if word and wide:
            yield word
            word = ""
        word += token.text
    yield word
