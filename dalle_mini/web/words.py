"""The page's copy: a file for each language in `assets/words`, sentences by their keys, with `{places}` to fill."""

import dataclasses
import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "assets" / "words"
FIRST = "en"
"""The language of those whose own there is not."""

_CHOICE = re.compile(r"\s*([A-Za-z]{1,8})(?:-[A-Za-z0-9-]+)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*")


@dataclasses.dataclass(frozen=True)
class Words:
    """Everything that the page says, in one language."""

    language: str
    texts: Mapping[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The sentence of that key, as plain text, filled in."""
        return self.texts[key].format(**values)

    def select(self, *parts: str) -> dict[str, str]:
        """The sentences of some parts of the page, as they are."""
        return {key: text for key, text in self.texts.items() if key.partition(".")[0] in parts}

    def count(self, key: str, count: int, **values: object) -> str:
        """The sentence for one, or for many; `{number}` is the count as a word, as far as nine."""
        number = self.texts.get(f"number.{count}", str(count))
        return self(f"{key}.{'one' if count == 1 else 'many'}", count=count, number=number, **values)


@functools.cache
def read_words() -> dict[str, Words]:
    """All languages, by their codes."""
    return {
        path.stem: Words(path.stem, json.loads(path.read_text(encoding="utf-8")))
        for path in sorted(FOLDER.glob("*.json"))
    }


def choose_words(accepted: str) -> Words:
    """The language that a browser likes best (`Accept-Language`) of those that there are."""
    languages, wanted = read_words(), []
    for order, part in enumerate(accepted[:500].split(",")):
        if (choice := _CHOICE.fullmatch(part)) and choice[1].lower() in languages:
            wanted.append((-float(choice[2] or 1), order, choice[1].lower()))
    return languages[min(wanted)[2] if wanted and min(wanted)[0] < 0 else FIRST]
