"""Text as a reader sees it: a letter with its marks, an emoji with its parts, each in a font that has them."""

import dataclasses
import unicodedata

from dalle_mini.lettering.fonts import Chain, Face, find_face, is_invisible

_JOINER, _KEYCAP = "\u200d", "\u20e3"
_REGIONAL, _SKIN, _TAGS = (0x1F1E6, 0x1F1FF), (0x1F3FB, 0x1F3FF), (0xE0020, 0xE007F)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """What stands together; `face` draws it."""

    text: str
    face: Face

    @property
    def is_space(self) -> bool:
        return self.text == " "

    @property
    def breaks(self) -> bool:
        """Whether a line may end after it, as in scripts without spaces."""
        return self.face.name == "han" and unicodedata.east_asian_width(self.text[0]) in "WF"


@dataclasses.dataclass(frozen=True)
class Reading:
    """A text's paragraphs as clusters, and the characters that no font has, which are left out."""

    paragraphs: tuple[tuple[Cluster, ...], ...]
    missing: tuple[str, ...] = ()


def read(text: str, chain: Chain) -> Reading:
    """Find a face for everything in a text; lines of the text are paragraphs, runs of spaces one space."""
    text = unicodedata.normalize("NFC", text)
    missing: dict[str, None] = {}
    paragraphs = []
    for line in text.splitlines():
        clusters: list[Cluster] = []
        for piece in split_clusters(" ".join(line.split())):
            face = find_face(piece, chain)
            if not face:
                missing[piece] = None
            elif piece != " " or clusters and not clusters[-1].is_space:
                clusters.append(Cluster(_visible(piece, face), face))
        if clusters and clusters[-1].is_space:
            clusters.pop()
        paragraphs.append(tuple(clusters))
    return Reading(tuple(paragraphs), tuple(missing))


def split_clusters(text: str) -> list[str]:
    """Letters with their marks; emoji with skin tones, joined ones and flags whole (a part of UAX #29)."""
    clusters: list[str] = []
    for character in text:
        if clusters and _continues(clusters[-1], character):
            clusters[-1] += character
        elif not is_invisible(character) and unicodedata.category(character) != "Cc":
            clusters.append(character)
    return clusters


def _continues(cluster: str, character: str) -> bool:
    if cluster == " ":
        return False
    if character in (_JOINER, _KEYCAP) or is_invisible(character) and character not in _DIRECTIONS:
        return True
    joined = cluster[-1] == _JOINER and _is_emoji(cluster[0]) and _is_emoji(character)
    flag = len(cluster) == 1 and _within(cluster, _REGIONAL) and _within(character, _REGIONAL)
    return joined or flag or unicodedata.category(character)[0] == "M" or _within(character, _SKIN)


def _visible(cluster: str, face: Face) -> str:
    """A cluster without invisible parts that say nothing to its face: emoji keep theirs, joined letters the joiners."""
    if face.name == "emoji":
        return cluster
    joiners = "\u200c\u200d" if face.joined else ""
    return "".join(character for character in cluster if character in joiners or not is_invisible(character))


_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that ask for a direction; what a line's letters ask for is all that is heard."""


def _is_emoji(character: str) -> bool:
    return ord(character) >= 0x203C and unicodedata.category(character) in ("So", "Sk", "Sm", "Po")


def _within(character: str, limits: tuple[int, int]) -> bool:
    return limits[0] <= ord(character) <= limits[1]
