"""The fonts that lie in `assets/fonts`, and which of them writes a character.

A chain of fonts is asked in order, character by character, for Pillow draws a box where a font has none. Fonts are
brought to the height of the first of their chain, so that a line of many scripts looks like one.
"""

import dataclasses
import functools
import json
import unicodedata
from pathlib import Path

from PIL import ImageFont, features

FOLDER = Path(__file__).parents[2] / "assets" / "fonts"
UNIT = 100
"""Pixels of the size at which everything is measured."""

_VARIATION_EMOJI = "\ufe0f"


@dataclasses.dataclass(frozen=True)
class Face:
    """A font of the folder; `sample` is as tall as its letters are.

    Letters of a `centered` face have no baseline in common with Latin ones. Those of a `tall` one have marks above and
    below. A `joined` one is unreadable where letters don't take the forms that their neighbors ask for.
    """

    name: str
    sample: str
    centered: bool = False
    tall: bool = False
    joined: bool = False


_ANTON, _SANS, _EMOJI = Face("anton", "H"), Face("sans", "H"), Face("emoji", "😀", centered=True)
_OTHERS = (
    Face("hebrew", "ם", tall=True),
    Face("arabic", "ا", tall=True, joined=True),
    Face("devanagari", "अ", tall=True, joined=True),
    Face("bengali", "অ", tall=True, joined=True),
    Face("tamil", "க", tall=True, joined=True),
    Face("thai", "ก", tall=True),
    Face("han", "國", centered=True),
    Face("hangul", "한", centered=True),
    _EMOJI,
    Face("symbols", "☀", centered=True),
)
MEME = (_ANTON, _SANS, *_OTHERS)
PLAIN = (_SANS, *_OTHERS)
Chain = tuple[Face, ...]


def can_shape() -> bool:
    """Whether Pillow can write joined scripts here: it needs the system's FriBiDi, which its wheels do not bring."""
    return bool(features.check("raqm"))


@functools.cache
def characters(name: str) -> frozenset[int]:
    """The code points that a font has."""
    table = json.loads((FOLDER / "coverage.json").read_text(encoding="utf-8"))
    runs = (run.partition("-") for run in table[name].split())
    return frozenset(code for first, _, last in runs for code in range(int(first, 16), int(last or first, 16) + 1))


@functools.lru_cache(maxsize=64)
def load_font(name: str, size: int) -> ImageFont.FreeTypeFont:
    engine = ImageFont.Layout.RAQM if can_shape() else ImageFont.Layout.BASIC
    return ImageFont.truetype(FOLDER / f"{name}.woff2", size, layout_engine=engine)


def find_face(cluster: str, chain: Chain) -> Face | None:
    """The first face that has every character of a cluster; None where there is none."""
    needed = [ord(character) for character in cluster if not is_invisible(character)]
    faces = (_EMOJI, *chain) if _VARIATION_EMOJI in cluster else chain
    for face in faces:
        if (can_shape() or not face.joined) and characters(face.name).issuperset(needed):
            return face
    return None


def is_invisible(character: str) -> bool:
    """Whether it only says something about its neighbors: joiners, variation selectors and the like."""
    return unicodedata.category(character) == "Cf" or "\ufe00" <= character <= "\ufe0f"


@functools.cache
def scale(face: Face, first: Face) -> float:
    """How much larger than `first` a face is set, to be as tall."""
    (_, top, _, bottom), (_, first_top, _, first_bottom) = _extent(face), _extent(first)
    taller = (first_bottom - first_top) / (bottom - top)
    return min(max(taller, 0.7), 1.4) * (1.12 if face.centered else 1)


@functools.cache
def drop(face: Face, first: Face) -> float:
    """How far below the line's baseline a face's own lies, in units of the size of `first`."""
    if not face.centered:
        return 0.0
    (_, top, _, bottom), (_, first_top, _, _) = _extent(face), _extent(first)
    return (first_top / 2 - (top + bottom) / 2 * scale(face, first)) / UNIT


@functools.cache
def cap_height(first: Face) -> float:
    """The height of capitals, as a share of the size."""
    return -_extent(first)[1] / UNIT


def _extent(face: Face) -> tuple[float, float, float, float]:
    return load_font(face.name, UNIT).getbbox(face.sample, anchor="ls")
