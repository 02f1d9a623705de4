"""Opt-out lists: what must not be in a set, by file, by source, or by a word of the caption.

A list has a line for each, after its kind; lines that are empty or start with # say nothing:

    sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    source: https://example.org/artists/*
    word: somebody's name
"""

import hashlib
import re
from dataclasses import dataclass
from fnmatch import translate
from functools import cached_property
from pathlib import Path

from dalle_mini.config import suggest
from dalle_mini.data.items import Drop
from dalle_mini.errors import DataError

OPTED_OUT = "opted out"

_KINDS = ("sha256", "source", "word")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class OptOut:
    """`sources` are patterns with `*`, or beginnings; `words` are met as whole words, in any case."""

    digests: frozenset[str] = frozenset()
    sources: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @classmethod
    def read(cls, path: str | Path) -> "OptOut":
        """Read a list; DataError names the line that is none."""
        try:
            lines = Path(path).read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"can't read the opt-out list {path}: {error}", hint="it is a file of text") from error
        found: dict[str, list[str]] = {kind: [] for kind in _KINDS}
        for number, line in enumerate(lines, start=1):
            if line.strip() and not line.startswith("#"):
                kind, value = _split(line, f"{path}, line {number}")
                found[kind].append(value)
        return cls(frozenset(found["sha256"]), tuple(found["source"]), tuple(found["word"]))

    @property
    def digest(self) -> str:
        """One SHA-256 of the whole list; none where nothing is on it."""
        entries = [*sorted(self.digests), *sorted(self.sources), *sorted(self.words)]
        return hashlib.sha256("\n".join(entries).encode()).hexdigest() if entries else ""

    def check_words(self, caption: str, source: str) -> None:
        """Drop an item whose caption or source is on the list."""
        if self.sources and (found := self._sources.match(source)):
            raise Drop(OPTED_OUT, f"source {found[0][:60]}")
        if self.words and (found := self._words.search(caption)):
            raise Drop(OPTED_OUT, f"word {found[0]!r}")

    def check_digest(self, digest: str) -> None:
        """Drop an item whose file is on the list."""
        if digest in self.digests:
            raise Drop(OPTED_OUT, f"sha256 {digest}")

    @cached_property
    def _sources(self) -> re.Pattern[str]:
        return re.compile("|".join(translate(text if "*" in text else f"{text}*") for text in self.sources))

    @cached_property
    def _words(self) -> re.Pattern[str]:
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, self.words))})(?!\w)", re.IGNORECASE)


def _split(line: str, place: str) -> tuple[str, str]:
    kind, colon, value = (part.strip() for part in line.partition(":"))
    if kind not in _KINDS or not colon or not value:
        hint = suggest(kind, list(_KINDS)) + "; for example: word: kitten"
        raise DataError(f"{place}: {line[:60]!r} is not KIND: VALUE", hint=hint)
    value = value.lower() if kind == "sha256" else value
    if kind == "sha256" and not _DIGEST.fullmatch(value):
        raise DataError(f"{place}: {value[:70]!r} is no SHA-256", hint="64 hex digits, as sha256sum prints them")
    return kind, value
