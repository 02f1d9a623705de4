"""The words of a world: those of `words.toml`, and those of the lexicon that lead to something the world has.

A row of the lexicon has up to four targets; of these the first counts that the world knows. `release` gives what a
model needs at run time to tell which words it went by.
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import accumulate
from random import Random
from typing import NamedTuple

from recipes.world.grammar import plural
from recipes.world.world import HERE, World, read_table


class Word(NamedTuple):
    """What a word stands for, and how often people use it."""

    word: str
    kind: str
    target: str
    weight: int


@cache
def read_lexicon() -> tuple[tuple[str, str, tuple[str, ...], int], ...]:
    """The rows of `lexicon.tsv`: word, kind, targets, weight."""
    rows = []
    for line in (HERE / "lexicon.tsv").read_text(encoding="utf-8").splitlines():
        word, kind, targets, weight = line.split("\t")
        rows.append((word, kind, tuple(targets.split("|")), int(weight)))
    return tuple(rows)


class Vocabulary:
    """The lexicon as one world can use it."""

    def __init__(self, world: World) -> None:
        self.world = world
        known = {
            "thing": world.things, "color": world.colors, "material": world.materials,
            "background": world.backgrounds, "style": world.styles,
        }  # fmt: skip
        self.rows = [
            Word(word, kind, target, weight)
            for word, kind, targets, weight in read_lexicon()
            if (target := next((name for name in targets if name in known[kind]), ""))
        ]
        self._drawn: dict[tuple[str, str], tuple[list[str], list[int]]] = {}
        gathered = defaultdict(list)
        for row in self.rows:
            if row.word.isascii():
                gathered[row.kind, row.target].append(row)
        for key, rows in gathered.items():
            weights = list(accumulate(row.weight for row in rows))
            self._drawn[key] = [row.word for row in rows], weights

    def draw(self, kind: str, name: str, random: Random) -> str:
        """A word of the lexicon for something, frequent ones more often; "" where it has none."""
        words, weights = self._drawn.get((kind, name), ([], []))
        return random.choices(words, cum_weights=weights)[0] if words else ""

    def is_plural(self, noun: str) -> bool:
        """Whether a word of the lexicon names several, and takes no article: "binoculars"."""
        return noun.endswith("s") and not noun.endswith(("ss", "us", "is", "os", "as"))

    def words_of(self, kind: str, name: str) -> list[Word]:
        """The words of the lexicon for something."""
        return [row for row in self.rows if row.kind == kind and row.target == name]


@cache
def vocabulary(world: World) -> Vocabulary:
    """A world's vocabulary, kept."""
    return Vocabulary(world)


def release(world: World) -> str:
    """The text of a release's `lexicon.tsv`, for `dalle_mini.text.lexicon`: word, kind, what it stands for."""
    lines = dict.fromkeys((*stated(world), *((row.word, row.kind, row.target) for row in vocabulary(world).rows)))
    return "".join("\t".join(line) + "\n" for line in sorted(lines))


def stated(world: World) -> Iterator[tuple[str, str, str]]:
    """What `words.toml` says, as rows of a release's lexicon."""
    table = read_table("words.toml")
    for thing in world.things.values():
        for word in thing.words:
            yield word, "thing", thing.name
            many = plural(world.plurals, word)
            if many != word:
                yield many, "things", thing.name
        yield thing.emoji, "thing", thing.name
        if thing.worn:
            yield thing.name, "worn", thing.name
    for name, entry in world.colors.items():
        yield from ((word, "color", name) for word in entry["words"])
    for name, entry in world.materials.items():
        yield from (
            (word, "material", name) for word in (*entry["words"], *entry["adjectives"], entry.get("emoji", "")) if word
        )
    for name, entry in world.backgrounds.items():
        yield from ((word, "place", name) for word in (*entry["words"], entry.get("emoji", "")) if word)
        yield from ((word, "background", name) for word in entry["nouns"])
    for name, entry in world.styles.items():
        yield from ((word, "style", name) for word in (*entry["prefixes"], *entry["suffixes"]))
    for kind, field in (("relation", "relations"), ("size", "sizes"), ("count", "numbers")):
        yield from ((word, kind, name) for name, words in table[field].items() for word in words)
    yield from ((word, "made", "") for word in table["made"]["words"])
    for field in ("openings", "requests", "endings", "praise", "plain_praise"):
        yield from ((word, "filler", "") for word in table["phrases"][field])
