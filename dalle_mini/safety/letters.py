"""Plain words of a prompt, whatever letters it was written with."""

import re
import tomllib
import unicodedata
from dataclasses import dataclass
from importlib import resources

_TABLE = tomllib.loads(resources.files("dalle_mini.safety").joinpath("letters.toml").read_text(encoding="utf-8"))
_LOOK_ALIKES = str.maketrans({sign: letter for letter, signs in _TABLE["look_alikes"].items() for sign in signs})
_BLANKS = str.maketrans(dict.fromkeys("\u115f\u1160\u2800\u3164\uffa0", ""))
"""Letters by their category that show nothing at all."""
_DROPPED = {"Cf", "Cc", "Me", "Mn", "Cn", "Co", "Cs"}
_LETTERS = {first + index: chr(ord("a") + index) for first in (0x1F1E6, 0x1F150, 0x1F170) for index in range(26)}
"""Regional indicators, of which two are a flag and others letters, and white letters in black rounds and squares."""
_FLAG = re.compile("(?<![\U0001f1e6-\U0001f1ff])[\U0001f1e6-\U0001f1ff]{2}(?![\U0001f1e6-\U0001f1ff])")

LEET = str.maketrans(_TABLE["leet"])
ELL = str.maketrans("1!|", "lll")
"""What else these stand for."""

_MANY = re.compile(r"(.)\1{4,}")
"""Four of a letter say as much as forty."""

MASKS = "*#@"
"""Signs that hide a letter; the last one may stand for one, too."""
_SIGNS = "".join(re.escape(sign) for sign in "".join(_TABLE["leet"]) + MASKS if not sign.isalnum())
_WORD = re.compile(rf"(?:[^\W_]|[{_SIGNS}])+")
_EDGES = "!|+*#"
_APOSTROPHES = re.compile(r"['’‘`´ʼ](?:s\b)?", re.IGNORECASE)
_AGE = re.compile(r"\b(\d{1,2})(?=(?:yo|y|yrs?|years?)\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Token:
    """A word as it was typed, and the spaces and signs before it."""

    text: str
    gap: str


def fold(text: str) -> str:
    """`text` in Latin letters without marks, and without what can't be seen; some foreign words in English."""
    text = _FOREIGN.sub(lambda found: f" {_ENGLISH[found[0]]} ", _bring_to_latin(text))
    return _AGE.sub(r"\1 ", _APOSTROPHES.sub("", _MANY.sub(r"\1\1\1\1", text)))


def tokenize(text: str) -> list[Token]:
    """The words of a folded text; signs that stand for letters belong to them."""
    tokens, end = [], 0
    for found in _WORD.finditer(text):
        word = found[0].strip(_EDGES)
        if word:
            tokens.append(Token(word, text[end : found.start()]))
            end = found.end()
    return tokens


def _bring_to_latin(text: str) -> str:
    if not text.isascii():
        text = _FLAG.sub(" ", unicodedata.normalize("NFKC", text)).translate(_LETTERS)
        text = unicodedata.normalize("NFD", text.translate(_LOOK_ALIKES).translate(_BLANKS))
        text = text.translate(_LOOK_ALIKES)
    return "".join(" " if sign in "\t\r\n" else "" if unicodedata.category(sign) in _DROPPED else sign for sign in text)


_ENGLISH = {_bring_to_latin(word): english for english, words in _TABLE["foreign"].items() for word in words}
_FOREIGN = re.compile("|".join(map(re.escape, sorted(_ENGLISH, key=len, reverse=True))))
