"""Nouns of WordNet 3.0, read from the files of the Debian package `wordnet-base`.

A sense is named "word number", "bat 1" being the first sense of bat, as in `index.noun`. Names of persons, towns and
the like (instances) and whatever has a capital letter are left out.
"""

import functools
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The lexicographer files whose senses can be drawn, by number (lexnames(5)).
LEXNAMES = {
    "05": "animal", "06": "artifact", "08": "body", "13": "food", "15": "location", "17": "object", "18": "person",
    "19": "phenomenon", "20": "plant", "07": "attribute", "27": "substance", "28": "time",
}  # fmt: skip


@dataclass(frozen=True)
class Sense:
    """A set of synonyms; `hypernyms` are the offsets of what it is a kind of, `topics` those of its domains."""

    offset: int
    lexname: str
    words: tuple[str, ...]
    hypernyms: tuple[int, ...]
    topics: tuple[int, ...]
    gloss: str


@dataclass(frozen=True, eq=False)
class WordNet:
    """`senses` by offset; `order` lists the offsets of a word's senses, the most frequent first."""

    senses: dict[int, Sense]
    order: dict[str, tuple[int, ...]]
    counts: dict[tuple[str, int], int]
    elsewhere: dict[str, int]  # how often a word is a verb or an adjective

    def find(self, name: str) -> int:
        """The offset of a sense such as "bat 1"."""
        word, _, number = name.rpartition(" ")
        return self.order[word][int(number) - 1]

    @functools.cached_property
    def hyponyms(self) -> dict[int, list[int]]:
        """The kinds of every sense, by offset."""
        below = defaultdict(list)
        for sense in self.senses.values():
            for above in sense.hypernyms:
                below[above].append(sense.offset)
        return below

    def above(self, offset: int) -> Iterator[tuple[int, int]]:
        """The sense and all that it is a kind of, nearest first, as (offset, steps)."""
        seen, row = {offset}, [offset]
        steps = 0
        while row:
            yield from ((each, steps) for each in row)
            row = [up for each in row for up in self.senses[each].hypernyms if up in self.senses and up not in seen]
            row = list(dict.fromkeys(row))
            seen.update(row)
            steps += 1

    def below(self, offset: int) -> Iterator[int]:
        """The sense and every kind of it."""
        seen, left = set(), [offset]
        while left:
            each = left.pop()
            if each not in seen:
                seen.add(each)
                yield each
                left += self.hyponyms[each]


def read_wordnet(folder: Path) -> WordNet:
    """Read the nouns that lie in `folder`."""
    senses = {}
    for line in (folder / "data.noun").read_text(encoding="utf-8").splitlines():
        if not line.startswith("  "):
            sense = read_sense(line)
            senses[sense.offset] = sense
    order = {}
    for line in (folder / "index.noun").read_text(encoding="utf-8").splitlines():
        if not line.startswith("  "):
            fields = line.split()
            order[fields[0].replace("_", " ")] = tuple(map(int, fields[-int(fields[2]) :]))
    return WordNet(senses, order, *read_counts(folder / "cntlist.rev"))


def read_sense(line: str) -> Sense:
    """One line of `data.noun` (wndb(5))."""
    data, _, gloss = line.partition(" | ")
    fields = data.split()
    size = int(fields[3], 16)
    words = tuple(word.replace("_", " ") for word in fields[4 : 4 + 2 * size : 2])
    pointers = fields[5 + 2 * size :]
    links = [(pointers[at], int(pointers[at + 1])) for at in range(0, len(pointers), 4)]
    return Sense(
        offset=int(fields[0]),
        lexname=LEXNAMES.get(fields[1], ""),
        words=words,
        hypernyms=tuple(offset for mark, offset in links if mark == "@"),
        topics=tuple(offset for mark, offset in links if mark in (";c", ";u")),
        gloss=gloss.strip(),
    )


def read_counts(path: Path) -> tuple[dict[tuple[str, int], int], dict[str, int]]:
    """How often the senses of nouns, by word and number, and other words stand in WordNet's tagged texts."""
    counts, elsewhere = {}, defaultdict(int)
    for line in path.read_text(encoding="utf-8").splitlines():
        key, number, count = line.split()
        word, _, rest = key.partition("%")
        word = word.replace("_", " ")
        if rest.startswith("1:"):
            counts[word, int(number)] = int(count)
        else:
            elsewhere[word] += int(count)
    return counts, dict(elsewhere)
