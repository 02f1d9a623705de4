"""Captions as people write them: short, with synonyms, few articles, and now and then a typo.

`phrase` says every fact of a scene in clean words; `write` roughens it up. The words are those of `words.toml` and,
for a share of the mentions, of the lexicon, so that a model learns these too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from recipes.world.facts import LIVING, Facts
from recipes.world.grammar import indefinite, plural
from recipes.world.vocabulary import Vocabulary, vocabulary
from recipes.world.world import World, read_table

LEXICON = 0.3  # how often a mention takes a word of the lexicon
CHATTER = 0.16  # how often a caption tells what no picture shows


@dataclass(frozen=True, eq=False)
class Wording:
    """The tables of `words.toml` that belong to no thing and no look."""

    phrases: Mapping[str, Any]
    chatter: Mapping[str, Any]
    numbers: Mapping[str, Any]
    sizes: Mapping[str, Any]
    relations: Mapping[str, Any]
    made: tuple[str, ...]
    uncounted: frozenset[str]


@cache
def wording() -> Wording:
    """Read them once."""
    table = read_table("words.toml")
    return Wording(
        table["phrases"], table["chatter"], table["numbers"], table["sizes"], table["relations"],
        tuple(table["made"]["words"]), frozenset(table["grammar"]["uncounted"]),
    )  # fmt: skip


def write(world: World, facts: Facts, random: Random) -> str:
    """A caption as somebody might have typed it."""
    if random.random() < 0.03:
        symbols = emoji(world, facts)
        if symbols:
            return symbols
    caption = Phrase(world, facts, random).text()
    draw, phrases = random.random(), wording().phrases
    if draw < 0.05:
        caption = f"{caption}, {random.choice(phrases['endings'])}"
    elif draw < 0.07:
        caption = f"{caption} {random.choice(phrases['endings'])}"
    elif draw < 0.10:
        caption = misspelled(caption, random)
    elif draw < 0.11:
        caption = caption.replace(",", "").replace("'", "")
    elif draw < 0.11 + CHATTER:
        caption = chattered(caption, random)
    return cased(caption, random)


def phrase(world: World, facts: Facts, random: Random) -> str:
    """A clean caption that names every fact."""
    return Phrase(world, facts, random).text()


@dataclass(frozen=True, eq=False)
class Phrase:
    """One way of saying the facts; `lexicon` is how often a mention takes a word of the lexicon."""

    world: World
    facts: Facts
    random: Random
    lexicon: float = LEXICON
    plain: bool = False  # without openings and fillers

    @property
    def words(self) -> Vocabulary:
        return vocabulary(self.world)

    def text(self) -> str:
        """The whole caption."""
        facts, random = self.facts, self.random
        opening, ending = self.style()
        # After an adjective such as "neon" no article can stand.
        articles = random.random() < 0.5 and (not opening or opening.endswith((" of", " with", " for")))
        if not facts.style and not self.plain:
            opening = self.opening()
        subject = self.subject(articles)
        if facts.relation:
            subject = f"{subject} {self.relation()} {self.second(articles)}"
        where = self.place()
        if where and not opening and random.random() < 0.07:
            caption = f"{where}, {subject}"
        else:
            comma = "," if where and random.random() < 0.12 else ""
            caption = f"{opening} {subject}{comma} {where}"
        joint = random.choice((", ", ", ", " - ", " "))
        return " ".join(caption.split()) + (f"{joint}{ending}" if ending else "")

    def opening(self) -> str:
        """A picture of, or a request for one, seldom."""
        draw, phrases = self.random.random(), wording().phrases
        if draw < 0.08:
            return self.random.choice(phrases["openings"])
        return self.random.choice(phrases["requests"]) if draw < 0.12 else ""

    def subject(self, articles: bool) -> str:
        """The first thing with its number, size, color and material."""
        facts, random = self.facts, self.random
        thing = self.world.things[facts.things[0]]
        noun = self.noun(thing.name)
        many = facts.count > 1
        shown = plural(self.world.plurals, noun) if many else noun
        before, after = [], ""
        if facts.size:
            before.append(random.choice(wording().sizes[facts.size]))
        if random.random() < 0.06 and not self.plain:
            praise = "praise" if thing.kind in LIVING else "plain_praise"
            before.append(random.choice(wording().phrases[praise]))
        if facts.color:
            before.append(self.word("color", facts.color, self.world.colors[facts.color]["words"]))
        if facts.material:
            if random.random() < 0.6:
                words = self.word("material", facts.material, self.world.materials[facts.material]["words"])
                made = "made of" if random.random() < 0.5 else random.choice(wording().made)
                after = f"{made} {words}"
            else:
                before.append(random.choice(self.world.materials[facts.material]["adjectives"]))
        if thing.kind in LIVING and not many and not self.plain and random.random() < 0.015:
            after = f"named {random.choice(wording().phrases['names'])} {after}"
        words = " ".join([*before, shown, after]).strip()
        if many:
            return f"{random.choice(wording().numbers[str(facts.count)])} {words}"
        return self.determined(words, noun, bool(before)) if articles else words

    def second(self, articles: bool) -> str:
        """The other thing of a relation."""
        noun = self.noun(self.facts.things[1])
        return self.determined(noun, noun, False) if articles or self.random.random() < 0.3 else noun

    def determined(self, words: str, noun: str, described: bool) -> str:
        """The phrase after "a", "an" or, rarely, "the" or "my"."""
        if self.random.random() < 0.08:
            return f"{self.random.choice(('the', 'the', 'my', 'this'))} {words}"
        if noun in wording().uncounted or noun.endswith("s") and self.words.is_plural(noun):
            return words
        return f"{indefinite(words)} {words}"

    def noun(self, thing: str) -> str:
        """A word for a thing."""
        return self.word("thing", thing, self.world.things[thing].words)

    def word(self, kind: str, name: str, words: tuple[str, ...] | list[str]) -> str:
        """A word of the lexicon at times, else the plain word mostly, else one of its synonyms."""
        random = self.random
        if random.random() < self.lexicon:
            found = self.words.draw(kind, name, random)
            if found:
                return found
        return words[0] if len(words) == 1 or random.random() < 0.65 else random.choice(words[1:])

    def relation(self) -> str:
        """How the things of a pair stand to one another."""
        first, second = (self.world.things[name] for name in self.facts.things)
        words = wording().relations[self.facts.relation]
        if self.facts.relation == "next to" and second.worn:
            words = [word for word in words if "with" not in word]
        if self.facts.relation == "next to" and first.kind not in LIVING:
            words = [word for word in words if "hanging" not in word]
        return self.random.choice(words)

    def style(self) -> tuple[str, str]:
        """What to write before and after the subject for a style."""
        if not self.facts.style:
            return "", ""
        words = self.world.styles[self.facts.style]
        if self.random.random() < 0.6:
            return self.random.choice(words["prefixes"]), ""
        return "", self.random.choice(words["suffixes"])

    def place(self) -> str:
        """Where the scene is, or "" when that is left open."""
        background, random = self.facts.background, self.random
        if not background:
            return ""
        if background.startswith("plain "):
            name = background.removeprefix("plain ")
            word = self.word("color", name, self.world.colors[name]["words"])
            pattern = random.choice(wording().phrases["ground"])
            return pattern.format(word, a=f"{indefinite(word)} {word}")
        entry = self.world.backgrounds[background]
        if random.random() < self.lexicon / 2:
            noun = self.words.draw("background", background, random) or random.choice(entry["nouns"])
            before = entry["before"]
            if before.endswith(" a"):
                before = f"{before[:-1]}{indefinite(noun)}"
            return f"{before} {noun}"
        return entry["words"][0] if random.random() < 0.4 else random.choice(entry["words"])


def emoji(world: World, facts: Facts) -> str:
    """The scene in emoji, or "" when they can't say all of it."""
    if facts.color or facts.style or facts.size or facts.relation not in ("", "next to"):
        return ""
    tables: list[tuple[Mapping[str, Any], str]] = [
        (world.materials, facts.material),
        (world.backgrounds, facts.background),
    ]
    symbols = [world.things[name].emoji for name in facts.things] * facts.count
    for table, name in tables:
        if name:
            symbols.append(table.get(name, {}).get("emoji", ""))
    return "".join(symbols) if all(symbols) else ""


def chattered(caption: str, random: Random) -> str:
    """What is to be seen, in a story that no picture shows."""
    words = wording().chatter
    draw = random.random()
    if draw < 0.2:
        return f"{random.choice(words['before'])} {caption}"
    does, doing = random.choice(words["deeds"])
    chosen = {"who": "people", "what": "matters", "mood": "moods", "when": "times"}
    told = random.choice(words["patterns"]).format(
        does=does, doing=doing, **{name: random.choice(words[table]) for name, table in chosen.items()}
    )
    return f"{caption}{random.choice((' ', ' ', ', '))}{told}"


def misspelled(caption: str, random: Random) -> str:
    """One slip of the fingers in one of the longer words."""
    words = caption.split(" ")
    places = [at for at, word in enumerate(words) if len(word) > 4]
    if not places:
        return caption
    at = random.choice(places)
    word = words[at]
    spot = random.randrange(1, len(word) - 2)
    match random.randrange(3):
        case 0:
            words[at] = word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :]
        case 1:
            words[at] = word[:spot] + word[spot + 1 :]
        case _:
            words[at] = word[:spot] + word[spot] + word[spot:]
    return " ".join(words)


def cased(caption: str, random: Random) -> str:
    """Lower case mostly, sometimes a capital, a full stop or all capitals."""
    draw = random.random()
    if draw < 0.14:
        return caption[0].upper() + caption[1:] + ("." if draw < 0.05 else "!" if draw < 0.06 else "")
    return caption.upper() if draw < 0.155 else caption
