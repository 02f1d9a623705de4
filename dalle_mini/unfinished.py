"""Pictures as far as they are drawn: for previews, and for watching a finished drawing come about once more.

Tokens come row by row, so those that a picture had at any moment are known afterwards, and no transformer is needed to
see it again.
"""

import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from dalle_mini.arrays import Bool, Int32, UInt8
from dalle_mini.config import UNKNOWN

Decode = Callable[[Int32[np.ndarray, "image"]], UInt8[np.ndarray, "height width 3"]]
"""Pixels of a picture's tokens, all of them known."""


def show_unfinished(tokens: Int32[np.ndarray, "image"], decode: Decode) -> Image.Image:
    """The picture of its tokens, transparent where they are UNKNOWN."""
    return _clear(decode(_continue_rows(tokens)), tokens != UNKNOWN)


def rewind(
    tokens: Int32[np.ndarray, "*images image"], position: int, given: Bool[np.ndarray, "image"]
) -> Int32[np.ndarray, "*images image"]:
    """Finished tokens as they were when those before `position` were drawn; `given` ones were there from the first."""
    return np.where((np.arange(tokens.shape[-1]) < position) | given, tokens, UNKNOWN).astype(np.int32)


def _continue_rows(tokens: Int32[np.ndarray, "image"]) -> Int32[np.ndarray, "image"]:
    """Tokens with the missing ones taken from the row above, so that the last drawn row meets a likely neighbor.

    In the first row it is the first token, which is drawn before all others.
    """
    side = math.isqrt(len(tokens))
    tokens = tokens.copy()
    tokens[0] = max(tokens[0], 0)
    for position in np.flatnonzero(tokens == UNKNOWN):
        tokens[position] = tokens[max(position - side, 0)]
    return tokens


def _clear(pixels: UInt8[np.ndarray, "height width 3"], known: Bool[np.ndarray, "image"]) -> Image.Image:
    side = math.isqrt(len(known))
    cell = pixels.shape[0] // side
    shown = known.reshape(side, side).repeat(cell, axis=0).repeat(cell, axis=1)
    pixels = np.array(Image.fromarray(pixels).convert("RGBA"))
    pixels[~shown] = 0
    return Image.fromarray(pixels)
