"""What a prompt's words have to do with a mark: each is left out in turn."""

import dataclasses
import re

import numpy as np

from dalle_mini.arrays import Float


@dataclasses.dataclass(frozen=True)
class WordWeights:
    """By picture and word, what the picture's mark loses without the word; below 0 where it gains."""

    words: tuple[str, ...]
    weights: Float[np.ndarray, "images words"]


def leave_out(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The words of a text, and the text without each of them; whether it begins with a space stays so."""
    pieces = re.findall(r"\s*\S+", text)
    lead = " " if text[:1].isspace() else ""
    words = tuple(piece.strip() for piece in pieces)
    shortened = (
        lead + "".join(piece for other, piece in enumerate(pieces) if other != place).lstrip()
        for place in range(len(pieces))
    )
    return words, tuple(shortened)
