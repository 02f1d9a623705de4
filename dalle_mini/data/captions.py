"""Captions: what may stand as one, and how to make one of a file's name."""

import re
import unicodedata
from pathlib import PurePosixPath

from dalle_mini.data.items import Drop, printable

LONGEST = 4096
"""Characters; a model reads a few hundred."""

_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
# What cameras, phones and downloads write instead of a name.
_EMPTY_WORDS = frozenset(
    "img image pic picture photo dsc dscf dscn dcim pxl vid mvimg scan screenshot whatsapp copy final edited untitled "
    "download unnamed small large thumb thumbnail wa at am pm".split()
)


def check_caption(value: object) -> str:
    """The caption in one line; Drop if it is missing, no text, or without a word."""
    if value is None:
        raise Drop("no caption")
    if not isinstance(value, str) or not _is_text(value):
        raise Drop("caption is not text", f"{value!r:.60}")
    caption = printable(" ".join(value.split()))
    if not caption:
        raise Drop("empty caption")
    if len(caption) > LONGEST:
        raise Drop("caption too long", f"{len(caption)} characters")
    if not any(char.isalpha() or unicodedata.category(char) == "So" for char in caption):
        raise Drop("caption is not text", f"{caption!r:.60}")
    return caption


def caption_from_name(name: str) -> str:
    """The words in the name of a file, or else in that of its folder; nothing where neither has any.

    `my cats/tabby_01.jpg` is "tabby", and `my cats/IMG_0042.jpg` is "my cats".
    """
    path = PurePosixPath(name)
    for part in (path.stem, path.parent.name):
        words = _WORD.findall(_CAMEL.sub(" ", part).replace("_", " "))
        if not {word.lower() for word in words} <= _EMPTY_WORDS:
            return printable(" ".join(words))
    return ""


def _is_text(value: str) -> bool:
    """Whether there are only characters in it: no bytes that were none, and no control codes but white space."""
    return all(char.isspace() or unicodedata.category(char) not in ("Cc", "Cs") for char in value)
