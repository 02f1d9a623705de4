"""What a source of captioned pictures gives: items, read only when somebody asks for their contents."""

import contextlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
CAPTION_NAMES = ("caption", "text")
LICENCE_NAMES = ("licence", "license")
SOURCE_NAMES = ("source", "url")

MOST_BYTES = 2**28
"""The largest file that is read for one picture."""
_MOST_TEXT = 2**20


class Drop(Exception):
    """An item is left out: by which rule, and what was found."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason, self.detail = reason, detail


@dataclass(frozen=True)
class Fields:
    """What a source says of a picture; the caption is whatever stands there, None where nothing does."""

    caption: object = None
    licence: str = ""
    source: str = ""


@dataclass(frozen=True)
class Item:
    """One picture of a source. `name` is the path that it goes by, `share` how much of the source ends with it."""

    id: str
    name: str
    share: float
    fields: Callable[[], Fields]
    picture: Callable[[], bytes]


@dataclass(frozen=True)
class Source:
    """A place that gives the same items in the same order every time. `name` is without the way there,
    `columns` are those that were asked for."""

    name: str
    items: Callable[[], Iterator[Item]]
    columns: Mapping[str, str] = field(default_factory=dict)

    @property
    def settings(self) -> dict[str, str]:
        """What a set made of it remembers of it."""
        return {"input": printable(self.name), **self.columns}


def pick_fields(values: Mapping[str, Any], caption_names: tuple[str, ...] = CAPTION_NAMES) -> Fields:
    """The fields among named values, under any of their usual names."""
    licence, source = (_first(values, names) for names in (LICENCE_NAMES, SOURCE_NAMES))
    return Fields(_first(values, caption_names), str(licence or ""), str(source or ""))


def read_fields(text: bytes | None, details: bytes | None) -> Fields:
    """The fields in the files beside a picture: a caption alone, and a JSON object with any of them."""
    fields = Fields()
    if details is not None:
        try:
            fields = pick_fields(json.loads(details))
        except (ValueError, AttributeError, RecursionError):
            fields = Fields(details)  # no text, which is for the rules to say
    return fields if text is None else Fields(_decode(text), fields.licence, fields.source)


def read_file(path: Path, most: int = MOST_BYTES) -> bytes:
    """The bytes of a regular file that is not too large; Drop otherwise."""
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise Drop("unreadable file", "not a regular file")
        if found.st_size > most:
            raise Drop("too large", f"{found.st_size} bytes")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise Drop("unreadable file", getattr(error, "strerror", None) or str(error)) from error


def read_beside(path: Path) -> bytes | None:
    """The bytes of a file that may be there, and no more than a caption needs."""
    with contextlib.suppress(OSError):  # a name with this ending may be too long for a file
        return read_file(path, _MOST_TEXT) if path.exists() else None
    return None


def printable(text: str) -> str:
    """The text without halves of characters, which no file takes."""
    return text.encode("utf-8", "replace").decode()


def _decode(text: bytes) -> object:
    try:
        return text.decode("utf-8-sig")
    except UnicodeDecodeError:
        return text


def _first(values: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((values[name] for name in names if values.get(name) is not None), None)
