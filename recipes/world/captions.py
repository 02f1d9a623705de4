"""Captions as people write them: short, with synonyms, few articles, and now and then a typo.

`phrase` says every fact of a scene in clean words; `write` roughens it up.
"""

from collections.abc import Mapping
from random import Random
from typing import Any

from recipes.world.facts import Facts
from recipes.world.world import World

OPENINGS = ("a picture of", "picture of", "an image of", "a photo of", "photo of", "a drawing of")
ENDINGS = (
    "trending on artstation", "4k", "high quality", "digital art", "highly detailed", "hd",
    "please", "very detailed", "award winning", "cute",
)  # fmt: skip
PRAISE = (
    "cute", "happy", "funny", "big", "little", "small", "beautiful", "cool", "lovely", "silly",
)  # fmt: skip
NUMBERS = {2: ("two", "2", "a pair of", "two"), 3: ("three", "3", "three")}
RELATIONS = {
    "next to": ("next to", "and", "beside", "with", "near", "and"),
    "on top of": ("on top of", "on", "sitting on", "standing on"),
    "riding": ("riding", "riding on", "on", "that rides"),
    "wearing": ("wearing", "with", "in", "wearing"),
    "in front of": ("in front of",),
}
PLAIN = ("on {a} background", "{} background", "with {a} background", "in front of {a} wall")


def write(world: World, facts: Facts, random: Random) -> str:
    """A caption as somebody might have typed it."""
    if random.random() < 0.03:
        symbols = emoji(world, facts)
        if symbols:
            return symbols
    caption = phrase(world, facts, random)
    draw = random.random()
    if draw < 0.05:
        caption = f"{caption}, {random.choice(ENDINGS)}"
    elif draw < 0.07:
        caption = misspelled(caption, random)
    return cased(caption, random)


def phrase(world: World, facts: Facts, random: Random) -> str:
    """A clean caption that names every fact."""
    opening, ending = style_words(world, facts, random)
    # After an adjective such as "neon" no article can stand.
    article = random.random() < 0.55 and (not opening or opening.endswith("of"))
    subject = noun_phrase(world, facts, random, article)
    if facts.relation:
        subject = related(world, facts, subject, random, article)
    if not facts.style and random.random() < 0.12:
        opening = random.choice(OPENINGS)
    where = place_words(world, facts.background, random)
    if where and not opening and random.random() < 0.06:
        caption = f"{where}, {subject}"
    else:
        comma = "," if where and random.random() < 0.12 else ""
        caption = f"{opening} {subject}{comma} {where}"
    return " ".join(caption.split()) + (f", {ending}" if ending else "")


def noun_phrase(world: World, facts: Facts, random: Random, article: bool) -> str:
    """The first thing with its number, color and material."""
    thing = world.things[facts.things[0]]
    noun = word_for(thing.words, random)
    if facts.count > 1:
        noun = plural(world, noun)
    before, after = [], ""
    if random.random() < 0.05 and thing.kind in ("animal", "character"):
        before.append(random.choice(PRAISE))
    if facts.color:
        before.append(word_for(world.colors[facts.color]["words"], random))
    if facts.material:
        material = world.materials[facts.material]
        if random.random() < 0.6:
            made = random.choice(("made of", "made of", "made out of", "made from"))
            after = f"{made} {word_for(material['words'], random)}"
        else:
            before.append(random.choice(material["adjectives"]))
    words = " ".join([*before, noun, after]).strip()
    if facts.count > 1:
        return f"{random.choice(NUMBERS[facts.count])} {words}"
    return with_article(words, random) if article else words


def related(world: World, facts: Facts, subject: str, random: Random, article: bool) -> str:
    """The two things of a pair in one phrase."""
    noun = word_for(world.things[facts.things[1]].words, random)
    other = with_article(noun, random) if article or random.random() < 0.3 else noun
    swap = facts.relation == "next to" and random.random() < 0.3
    first, second = (other, subject) if swap else (subject, other)
    return f"{first} {random.choice(RELATIONS[facts.relation])} {second}"


def style_words(world: World, facts: Facts, random: Random) -> tuple[str, str]:
    """What to write before and after the subject for a style."""
    if not facts.style:
        return "", ""
    words = world.styles[facts.style]
    if random.random() < 0.6:
        return random.choice(words["prefixes"]), ""
    return "", random.choice(words["suffixes"])


def place_words(world: World, background: str, random: Random) -> str:
    """Where the scene is, or "" when that is left open."""
    if not background:
        return ""
    if background.startswith("plain "):
        color = world.colors[background.removeprefix("plain ")]
        pattern, word = random.choice(PLAIN), word_for(color["words"], random)
        return pattern.format(word, a=f"{indefinite(word)} {word}")
    return word_for(world.backgrounds[background]["words"], random)


def word_for(words: tuple[str, ...] | list[str], random: Random) -> str:
    """The plain word mostly, else one of its synonyms."""
    return words[0] if len(words) == 1 or random.random() < 0.65 else random.choice(words[1:])


def with_article(words: str, random: Random) -> str:
    """The phrase after "a", "an" or, rarely, "the"."""
    if random.random() < 0.06:
        return f"the {words}"
    return f"{indefinite(words)} {words}"


def indefinite(words: str) -> str:
    """The article before the words, by their sound."""
    return "an" if words[0] in "aeio" or words.startswith("umbrella") else "a"


def plural(world: World, noun: str) -> str:
    """More than one of a noun."""
    if noun in world.plurals:
        return world.plurals[noun]
    if noun.endswith(("s", "x", "ch", "sh")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def emoji(world: World, facts: Facts) -> str:
    """The scene in emoji, or "" when they can't say all of it."""
    if facts.color or facts.style or facts.relation not in ("", "next to"):
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
        return caption[0].upper() + caption[1:] + ("." if draw < 0.05 else "")
    return caption.upper() if draw < 0.155 else caption
