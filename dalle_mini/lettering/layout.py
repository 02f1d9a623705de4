"""Text fitted into a box: the largest size at which it fits, in lines of about one width."""

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence

from dalle_mini.lettering.bidi import base_level, embedding_levels, visual_order
from dalle_mini.lettering.clusters import Cluster, read, split_clusters
from dalle_mini.lettering.fonts import UNIT, Chain, Face, can_shape, cap_height, drop, load_font, scale

_ELLIPSIS = "…"
_SMALLER = 2.5
"""By how much whole words may make a text smaller than broken ones, before they are broken."""
_TALLER = 1.2
"""How much farther lines are apart in scripts with marks above and below."""


@dataclasses.dataclass(frozen=True)
class Style:
    """How text looks. Lengths are shares of the size: `pitch` from line to line, `outline` around letters.

    With `capitals` small letters are written as capitals.
    """

    chain: Chain
    fill: str
    pitch: float
    outline: float = 0.0
    outline_fill: str = "black"
    capitals: bool = False


@dataclasses.dataclass(frozen=True)
class Run:
    """Neighbors on a line of one face and one direction; `level` is odd where they run to the left."""

    text: str
    face: Face
    level: int


@dataclasses.dataclass(frozen=True)
class Lettering:
    """Text ready to be drawn: runs of every line from left to right, and the size in pixels.

    `pitch` is the share of the size from baseline to baseline; `base` is 1 for a text that reads from the right.
    `missing` are the characters that no font has; `cut` says whether the end had no room.
    """

    lines: tuple[tuple[Run, ...], ...]
    size: int
    pitch: float
    base: int
    style: Style
    missing: tuple[str, ...] = ()
    cut: bool = False

    @property
    def height(self) -> float:
        """From the top of the first line's capitals to the baseline of the last, in pixels."""
        return _height(len(self.lines), self.size, self.pitch, self.style)

    @property
    def ink(self) -> tuple[float, float]:
        """How far letters reach above the first line's capitals and below the last baseline, in pixels."""
        if not self.lines:
            return 0.0, 0.0
        first = self.style.chain[0]
        tops = [_reach(run, first)[0] for run in self.lines[0]]
        bottoms = [_reach(run, first)[1] for run in self.lines[-1]]
        above = max(tops, default=0.0) - cap_height(first)
        return max(0.0, above) * self.size, max(0.0, *bottoms, 0.0) * self.size

    def width_of(self, line: Sequence[Run]) -> float:
        return measure(line, self.style.chain[0], self.size)


@dataclasses.dataclass(frozen=True)
class Limits:
    """Pixels: the box, and the sizes between which is chosen."""

    width: float
    height: float
    largest: int
    smallest: int


Word = tuple[Cluster, ...]
"""What a line break leaves whole; it may begin with the space that parts it from the word before."""


def fit(text: str, limits: Limits, style: Style) -> Lettering:
    """Set a text as large as its box allows; words are broken where that helps much, and at last the end is cut."""
    reading = read(text.upper() if style.capitals else text, style.chain)
    clusters = list(itertools.chain(*reading.paragraphs))
    tall = any(cluster.face.tall for cluster in clusters)
    box = _Box(limits, style, style.pitch * _TALLER if tall else style.pitch)
    paragraphs = [split_words(paragraph) for paragraph in _trim(reading.paragraphs)]
    broken: list[list[Word]] = [[(cluster,) for cluster in itertools.chain(*words)] for words in paragraphs]
    size, broken_size = box.largest_size(paragraphs), box.largest_size(broken)
    if broken_size > size * _SMALLER:
        size, paragraphs = broken_size, broken
    lines = box.balance(paragraphs, size) if size else box.cut(broken)
    level = base_level("".join(cluster.text for cluster in clusters))
    arranged = tuple(arrange(line, level) for line in lines)
    return Lettering(arranged, size or limits.smallest, box.pitch, level, style, reading.missing, cut=not size)


def split_words(clusters: Sequence[Cluster]) -> list[Word]:
    """Words, each with the space before it; scripts without spaces break after every letter."""
    words: list[list[Cluster]] = []
    for before, cluster in zip([None, *clusters], clusters, strict=False):
        if before is None or cluster.is_space or (before.breaks and not _clings(cluster)):
            words.append([])
        words[-1].append(cluster)
    return [tuple(word) for word in words]


def arrange(clusters: Sequence[Cluster], base: int) -> tuple[Run, ...]:
    """The runs of a line, from left to right."""
    levels = embedding_levels([cluster.text[0] for cluster in clusters], base)
    grouped = itertools.groupby(zip(clusters, levels, strict=True), key=lambda pair: (pair[0].face, pair[1]))
    runs = [Run("".join(cluster.text for cluster, _ in pairs), face, level) for (face, level), pairs in grouped]
    return tuple(visual_order(runs, lambda run: run.level))


def measure(runs: Sequence[Run], first: Face, size: float) -> float:
    """The width of runs beside one another, in pixels."""
    return sum(advance(run) * scale(run.face, first) for run in runs) * size / UNIT


def advance(run: Run) -> float:
    """The width of a run at the size at which everything is measured, before it is brought to the height of others."""
    return load_font(run.face.name, UNIT).getlength(spell(run), direction=direction(run))


def _reach(run: Run, first: Face) -> tuple[float, float]:
    """How far a run reaches above and below the line's baseline, in units of the size."""
    _, top, _, bottom = load_font(run.face.name, UNIT).getbbox(spell(run), anchor="ls", direction=direction(run))
    larger = scale(run.face, first) / UNIT
    return -top * larger - drop(run.face, first), bottom * larger + drop(run.face, first)


def spell(run: Run) -> str:
    """The text that Pillow is told: where it knows of no directions, what runs to the left is turned around."""
    if can_shape() or run.level % 2 == 0:
        return run.text
    return "".join(_MIRRORED.get(cluster, cluster) for cluster in reversed(split_clusters(run.text)))


_MIRRORED = dict(zip("()[]{}<>«»", ")(][}{><»«", strict=True))


def direction(run: Run) -> str | None:
    """What Pillow is told; None where it knows of no directions."""
    return ("ltr", "rtl")[run.level % 2] if can_shape() else None


def _clings(cluster: Cluster) -> bool:
    """Whether it may not begin a line: closing marks, and the small letters of kana."""
    return cluster.text[0] in "、。，．！？：；」』）】〉》ー・ぁぃぅぇぉっゃゅょァィゥェォッャュョ"


def _trim(paragraphs: Sequence[Sequence[Cluster]]) -> list[Sequence[Cluster]]:
    """Paragraphs without empty ones at the ends."""
    filled = [index for index, paragraph in enumerate(paragraphs) if paragraph]
    return list(paragraphs[filled[0] : filled[-1] + 1]) if filled else []


@dataclasses.dataclass(frozen=True)
class _Box:
    """What lines are fitted into; `pitch` may be more than the style's."""

    limits: Limits
    style: Style
    pitch: float

    @property
    def first(self) -> Face:
        return self.style.chain[0]

    def room(self, size: int) -> float:
        """The width of a line in units of measuring, if set at `size`."""
        return self.limits.width / size * UNIT

    def largest_size(self, paragraphs: list[list[Word]]) -> int:
        """The largest size at which words fit whole; 0 if there is none."""
        widths = [[_width(word, self.first) for word in words] for words in paragraphs]
        widest = max((_width(_strip(word), self.first) for words in paragraphs for word in words), default=0.0)
        low, high = self.limits.smallest - 1, self.limits.largest
        while low < high:
            middle = math.ceil((low + high) / 2)
            lines = _count(widths, self.room(middle))
            fits = _height(lines, middle, self.pitch, self.style) <= self.limits.height
            low, high = (middle, high) if fits and widest <= self.room(middle) else (low, middle - 1)
        return low if low >= self.limits.smallest else 0

    def balance(self, paragraphs: list[list[Word]], size: int) -> list[Word]:
        """No more lines than must be, of the least width that keeps their number."""
        lines = []
        for words in paragraphs:
            widths = [_width(word, self.first) for word in words]
            low, high = max(widths, default=0.0), self.room(size)
            least = _count([widths], high)
            for _ in range(12):
                middle = (low + high) / 2
                low, high = (low, middle) if _count([widths], middle) == least else (middle, high)
            lines += _wrap(words, widths, high)
        return lines

    def cut(self, paragraphs: list[list[Word]]) -> list[Word]:
        """As many lines of the smallest size as there is room for, the last one ending in an ellipsis."""
        size = self.limits.smallest
        lines = []
        for words in paragraphs:
            lines += _wrap(words, [_width(word, self.first) for word in words], self.room(size))
        count = max(1, 1 + int((self.limits.height / size - cap_height(self.first)) / self.pitch))
        mark = Cluster(_ELLIPSIS, self.first)
        last = list(lines[count - 1]) if len(lines) >= count else []
        while last and _width((*last, mark), self.first) > self.room(size):
            last.pop()
        return [*lines[: count - 1], (*last, mark)]


def _height(lines: int, size: int, pitch: float, style: Style) -> float:
    """Pixels from the top of the first line's capitals to the last baseline."""
    return size * (cap_height(style.chain[0]) + pitch * (lines - 1)) if lines else 0.0


def _count(widths: list[list[float]], room: float) -> int:
    """How many lines of `room` words of these widths fill."""
    lines = 0
    for row in widths:
        lines, used = lines + 1, 0.0
        for width in row:
            if used and used + width > room:
                lines, used = lines + 1, 0.0
            used += width
    return lines


def _wrap(words: list[Word], widths: list[float], room: float) -> list[Word]:
    """Words in lines, each as full as it can be; the counterpart of `_count`."""
    lines: list[list[Cluster]] = [[]]
    used = 0.0
    for word, width in zip(words, widths, strict=True):
        if used and used + width > room:
            lines.append([])
            used = 0.0
        lines[-1].extend(word)
        used += width
    return [_strip(tuple(line)) for line in lines]


def _strip(word: Word) -> Word:
    """Without spaces at the ends."""
    start, end = 0, len(word)
    while start < end and word[start].is_space:
        start += 1
    while end > start and word[end - 1].is_space:
        end -= 1
    return word[start:end]


@functools.lru_cache(maxsize=1 << 15)
def _width(word: Word, first: Face) -> float:
    """In pixels at the size at which everything is measured."""
    return measure(arrange(word, 0), first, UNIT)
