"""The pictures of a bias audit, a strip for every prompt, kept so that a stopped audit goes on where it was.

A strip is a PNG that carries what it was drawn from; one of another model, prompt, seed or settings is drawn anew.
"""

import dataclasses
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dalle_mini.audit.subjects import Subject, fill
from dalle_mini.errors import DataError
from dalle_mini.grid import read_recipe, save_png
from dalle_mini.pipeline import DalleMini

STRIPS = "pictures"
"""The folder of the strips inside a report's."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A subject in one template; `seed` draws its first picture."""

    subject: Subject
    prompt: str
    seed: int

    @property
    def file(self) -> str:
        words = re.sub(r"[^a-z0-9]+", "-", self.prompt.lower())[:48].strip("-")
        return f"{words}-{hashlib.blake2b(self.prompt.encode(), digest_size=4).hexdigest()}.png"


def plan_cells(subjects: Sequence[Subject], templates: Sequence[str], seed: int) -> list[Cell]:
    """A cell for every subject in every template, whose seed depends on its prompt and `seed` alone."""
    prompts = ((subject, fill(template, subject.phrase)) for subject in subjects for template in templates)
    return [Cell(subject, prompt, _hash_seed(seed, prompt)) for subject, prompt in prompts]


def _hash_seed(seed: int, prompt: str) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}/{prompt}".encode(), digest_size=4).digest(), "big")


@dataclasses.dataclass(frozen=True)
class Drawer:
    """A model that draws `images` a cell and keeps them in `folder`; `digest` tells its weights from others."""

    model: DalleMini
    digest: str
    images: int
    folder: Path

    def draw(self, cell: Cell) -> list[Image.Image]:
        """The pictures of a cell: those that are kept, or else new ones."""
        path = self.folder / cell.file
        recipe = self._recipe(cell)
        kept = self._read(path, recipe)
        if kept:
            return kept
        drawn = self.model.generate(cell.prompt, seed=cell.seed, images=self.images).images
        strip = Image.fromarray(np.concatenate([np.asarray(image) for image in drawn], axis=1))
        save_png(strip, path, recipe)
        return list(drawn)

    def _recipe(self, cell: Cell) -> dict[str, Any]:
        settings = self.model.settings(images=self.images).to_dict()
        return {
            "release": self.model.name,
            "prompt": cell.prompt,
            "seed": cell.seed,
            **settings,
            "weights": self.digest,
        }

    def _read(self, path: Path, recipe: dict[str, Any]) -> list[Image.Image]:
        if not path.is_file():
            return []
        try:
            if read_recipe(path) != recipe:
                return []
            with Image.open(path) as strip:
                pixels = np.asarray(strip.convert("RGB"))
        except (DataError, OSError, SyntaxError):  # damaged: it is drawn again
            return []
        return [Image.fromarray(part) for part in np.split(pixels, self.images, axis=1)]
