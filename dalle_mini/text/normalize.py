"""Write a prompt the way the captions of the published models were written: plain lower-case ASCII.

A row of small steps in the order of the original's text normalizer (dalle-mini 0.1.5): the weights
only know text that went through all of them, oddities included. Deviations: `<person>` is drawn
from a generator seeded with the text unless one is given, so that a prompt always reads the same;
and without a word list hashtags are cut at capitals and digits only.
"""

import functools
import html
import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import emoji
import ftfy
from unidecode import unidecode

from dalle_mini.text.hashtags import HashtagWords, mark_borders

# How often each stands in Wikipedia.
_PERSONS = {"a person": 282265, "someone": 121194, "somebody": 12219}

# Quirk: a dot, apostrophe or slash that must outlive the punctuation is spelled as a word for a
# while. The words can be typed as well, and a hashtag with one inside is cut up with it.
_DOT, _QUOTE, _SLASH = "xtokxdotxtokx", "xtokxquotextokx", "xtokxslashxtokx"

_PLAIN = re.compile(r"[\t\r\n -%'-~]*")  # printable ASCII without `&`
_BLANK_LINES = re.compile(r"\n[ \t\r\n]*\n")
_NESTED_AMPERSANDS = re.compile(r"&(?:(?:amp|AMP|#38|#[xX]26);){2,}")
_INVISIBLE = {"Cc", "Cf", "Me", "Mn"}  # Unicode categories that nobody misses
_PEOPLE = re.compile(r"<person>(?:[,\s]*+(?:and)*+[,\s]*+<person>)+")
_HASHTAG = re.compile(r"#(\w+)")
_THOUSANDS = re.compile(r"(\d),(\d{3})")
_FOUR_LETTERS = re.compile(r"([a-z])\1{3}")


@dataclass(frozen=True)
class NormalizedText:
    """`text` begins with a space, always; `notes` say in plain words what was changed or lost."""

    text: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """`note` is given when the step changes a text that is `notable`."""

    apply: Callable[[str], str]
    note: str = ""
    notable: Callable[[str], object] = bool


def normalize(text: str, *, words: HashtagWords | None = None, rng: random.Random | None = None) -> NormalizedText:
    """Normalize one prompt; `words` cuts hashtags apart, `rng` draws what stands for `<person>`."""
    notes = []
    for step in _steps(words, rng):
        changed = step.apply(text)
        if step.note and changed != text and step.notable(text):
            notes.append(step.note)
        text = changed
    # Quirk: always one space in front, even of nothing.
    return NormalizedText(f" {text}", tuple(notes))


def _steps(words: HashtagWords | None, rng: random.Random | None) -> tuple[Step, ...]:
    if words is None:
        cut = [Step(_cut_hashtags, "hashtags were cut at capitals and digits")]
        expand = []
    else:
        cut = []
        split = functools.partial(_expand_hashtags, words=words)
        expand = [Step(split, "hashtags were read as words")]
    name_people = functools.partial(_name_people, rng=rng)
    return (
        *_TO_ASCII,
        *cut,
        Step(str.lower),
        Step(name_people, "<person> was read as a person or people"),
        *_REMOVE,
        *_PROTECT,
        *expand,
        *_PUNCTUATE,
        *_RESTORE,
        *_TIDY,
    )


def _substitute(pattern: str, replacement: str) -> Callable[[str], str]:
    return functools.partial(re.compile(pattern).sub, replacement)


def _repair(text: str) -> str:
    """Undo garbled encodings, odd widths and curly quotes, and drop control characters."""
    if _PLAIN.fullmatch(text):
        return text
    # ftfy takes a round for every line and every level of `&amp;amp;`, which adds up. Blank lines
    # end up as one space anyway; where it sees a `<` it leaves `&amp;` alone.
    text = _BLANK_LINES.sub("\n", text)
    return ftfy.fix_text(text if "<" in text else _NESTED_AMPERSANDS.sub("&amp;", text))


def _unescape_html(text: str) -> str:
    return html.unescape(html.unescape(text))


def _spell_emoji(text: str) -> str:
    return text if text.isascii() else emoji.demojize(text)


def _drop_unreadable(text: str) -> str:
    """Drop visible characters that have no reading; invisible ones go in the next step."""
    unreadable = [
        character
        for character in set(text)
        if not unidecode(character) and not character.isascii() and unicodedata.category(character) not in _INVISIBLE
    ]
    return text.translate(dict.fromkeys(map(ord, unreadable)))


def _has_other_script(text: str) -> bool:
    return any(
        character.isalpha() and "LATIN" not in unicodedata.name(character, "")
        for character in set(text)
        if not character.isascii()
    )


def _cut_hashtags(text: str) -> str:
    return _HASHTAG.sub(lambda tag: mark_borders(tag[0]), text)


def _expand_hashtags(text: str, words: HashtagWords) -> str:
    return _HASHTAG.sub(lambda tag: words.split(tag[1]), text)


def _name_people(text: str, rng: random.Random | None) -> str:
    """Captions of CC12M have `<person>` for names: one is somebody, several are people."""
    rng = rng or random.Random(text)
    names, weights = list(_PERSONS), list(_PERSONS.values())
    text = _PEOPLE.sub(" people ", text)
    return re.sub("<person>", lambda _: f" {rng.choices(names, weights)[0]} ", text)


def _join_thousands(text: str) -> str:
    # Twice, because a match uses up the digits that the next comma needs in front.
    return _THOUSANDS.sub(r"\1\2", _THOUSANDS.sub(r"\1\2", text))


def _strip_commas(text: str) -> str:
    return text.strip().removesuffix(",").removeprefix(",").strip()


_TO_ASCII = (
    Step(_repair),
    Step(_unescape_html),
    Step(_spell_emoji, "emoji were spelled out"),
    Step(_drop_unreadable, "symbols without a reading were left out"),
    Step(unidecode, "other scripts were written in Latin letters", _has_other_script),
)
_REMOVE = (
    Step(_substitute(r"\A\s*\[\d+\]", ""), "a reference number at the start was left out"),
    Step(_substitute(r"\[\d+\]\s*\Z", ""), "a reference number at the end was left out"),
    # Quirk: whatever stands between < and > counts as a tag, also in `1 < 2 and 3 > 2`.
    Step(_substitute(r"<[^<][^<>]*>", " "), "everything between < and > was left out"),
    # Quirk: any word goes on from its `http`; an address with only `www.` stays.
    Step(_substitute(r"http\S+", ""), "links were left out"),
    Step(_join_thousands),
)
# Quirk: a match uses up the character on each side, so only every other sign of `1.2.3`, `1/2/3`
# and `a-b-c` is seen.
_PROTECT = (
    Step(_substitute(r"(\w)\.(\w)", rf"\1{_DOT}\2")),
    # Quirk: apostrophes other than those of 's 't 'd 'm 'll 're 've become double quotes.
    Step(_substitute(r"'(?=(?:[stdm]|ll|re|ve)\b)", _QUOTE)),
    Step(_substitute(r"(\d)/(\d)", rf"\1{_SLASH}\2")),
    Step(_substitute(r"(\w)-(\w)", r"\1 \2")),
    Step(_substitute(r"([%&/$*])", r" \1 ")),
)
_PUNCTUATE = (
    Step(_substitute(r"[_#\\]", " ")),
    Step(_substitute(r"""['"`]""", ' " ')),
    Step(_substitute(r"[()\[\].,|:;?!=+~\-/{}]", ",")),
)
_RESTORE = (
    Step(lambda text: text.replace(_DOT, ".")),
    Step(lambda text: text.replace(_QUOTE, "'")),
    Step(lambda text: text.replace(_SLASH, "/")),
)
_TIDY = (
    # Quirk: four or more of anything but digits become one (`soooo` is `so`, `VIIII` is `vi`).
    Step(_substitute(r"(\D)\1{3,}", r"\1"), "repeated letters were shortened", _FOUR_LETTERS.search),
    # Before the next two, which then meet one space at most and stay linear.
    Step(_substitute(r"\s+", " ")),
    Step(_substitute(r' ?"[ "]*', ' " ')),
    Step(_substitute(r" ?,[ ,]*", ", ")),
    Step(_strip_commas),
)
