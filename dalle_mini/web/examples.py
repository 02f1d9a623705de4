"""Prompts to begin with, and what the bundled model drew for them.

`assets/examples` holds a sheet of nine pictures for each, side by side without a gap, and `examples.json` with their
recipes. `recipes/nano/examples.py` makes both.
"""

import dataclasses
import json
from pathlib import Path
from typing import Any

from dalle_mini.errors import DataError

FOLDER = Path(__file__).parents[2] / "assets" / "examples"
INDEX = "examples.json"


@dataclasses.dataclass(frozen=True)
class Example:
    """A drawing made beforehand; `file` is its sheet's name in the folder."""

    file: str
    recipe: dict[str, Any]

    @property
    def prompt(self) -> str:
        return self.recipe["prompt"]

    @property
    def seed(self) -> int:
        return self.recipe["seed"]


def read_examples(folder: Path = FOLDER) -> tuple[Example, ...]:
    """The examples of a folder, none where there is no index; DataError if it can't be read."""
    path = folder / INDEX
    if not path.is_file():
        return ()
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
        return tuple(Example(str(entry["file"]), _check(entry["recipe"])) for entry in entries)
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataError(f"{path}: can't read the examples: {error}", hint="restore the file, or delete it") from error


def _check(recipe: Any) -> dict[str, Any]:
    if not isinstance(recipe["prompt"], str) or not isinstance(recipe["seed"], int):
        raise ValueError(f"recipe {recipe!r}")
    return recipe
