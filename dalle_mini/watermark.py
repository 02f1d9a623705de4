"""A mark in every picture that eyes don't see and that survives JPEG, resizing, cropping and screenshots.

The mark is a sum of waves of 5 to 21 pixels, of equal height and of phases that are this project's own, repeated every
`PERIOD` pixels and stronger where a picture is busy (spread spectrum: Cox et al. 1997, doi 10.1109/83.650120). It is
found without the original: as the pattern repeats, only certain frequencies can hold it, and a crop turns their phases
all in one way. So for each of many scales the phases at these frequencies are compared with the mark's at every offset
at once, by an inverse Fourier transform (phase-only correlation, as in Kuglin and Hines 1975).

The mark says that a picture was made here, and nothing else. It is no secret: whoever reads this can imitate or remove
it.
"""

import dataclasses
import functools
import hashlib
import math

import numpy as np
from PIL import Image

from dalle_mini.arrays import Complex, Float

PERIOD = 64
"""Pixels after which the pattern repeats."""
THRESHOLD = 6.2
"""The least score of a mark. Without one, a score is the largest of many standard normal numbers, which reaches this in
one picture of 5,000 (a Gumbel distribution fitted to 785 by `benchmarks/watermark.py`)."""

_SLOWEST, _FASTEST = 3.0, 12.0
_LUMA = np.array((0.299, 0.587, 0.114), np.float32)
_FLAT, _BUSY, _MOST = 1.2, 0.3, 6.0
"""Strength in levels of 255: of flat places, more with a place's mean contrast, and of any place."""
_PSNR = 40.2
_ENOUGH, _BOOST = 12.0, 1.45
"""Where a picture's own texture drowns the mark, so that it scores less than enough, it is up to so much stronger."""
_LARGEST, _LEAST = 512, 48
"""Pixels of the longer side above which a picture is first made smaller, of the shorter below which none is read."""
_SCALES = (0.42, 2.3)


@dataclasses.dataclass(frozen=True)
class Finding:
    """What `find_mark` saw: `found` if `score` is at least `THRESHOLD`; `scale` is to the size that was marked."""

    score: float
    scale: float

    @property
    def found(self) -> bool:
        return self.score >= THRESHOLD


def mark_picture(image: Image.Image) -> Image.Image:
    """A copy in RGB that carries the mark, 40 dB from the original (38 dB where its own texture hides more)."""
    pixels = np.asarray(image.convert("RGB"), np.float32)
    luma = pixels @ _LUMA
    added = _pattern(luma, 1.0)
    if min(image.size) >= _LEAST:
        score = _score(_lines_of(_prepare(luma + added), np.ones(1)))[0]
        if score < _ENOUGH:
            added = _pattern(luma, float(min(_BOOST, _ENOUGH / score)))
    return Image.fromarray(np.clip(np.rint(pixels + added[..., None]), 0, 255).astype(np.uint8))


def find_mark(image: Image.Image) -> Finding:
    """Look for the mark at every scale from about a half to two, and at every offset."""
    if min(image.size) < _LEAST:
        return Finding(0.0, 1.0)
    shrunk = min(1.0, _LARGEST / max(image.size))
    if shrunk < 1:
        size = (max(1, round(image.width * shrunk)), max(1, round(image.height * shrunk)))
        image = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    prepared = _prepare(np.asarray(image.convert("RGB"), np.float32) @ _LUMA)
    scales = _search(max(prepared.shape))
    scores = _score(_lines_of(prepared, scales))
    best = int(scores.argmax())
    return Finding(float(scores[best]), float(scales[best] / shrunk))


@dataclasses.dataclass(frozen=True)
class _Lines:
    """Waves a period down and across of every line of the mark's spectrum, and its phase as a unit number."""

    down: np.ndarray
    across: np.ndarray
    phases: Complex[np.ndarray, "lines"]


@functools.cache
def _lines() -> _Lines:
    reach = int(_FASTEST)
    down, across = np.mgrid[0 : reach + 1, -reach : reach + 1]
    speed = np.hypot(down, across)
    # Half of the plane: a real pattern has the conjugates in the other half.
    kept = (speed >= _SLOWEST) & (speed <= _FASTEST) & ((down > 0) | (across > 0))
    down, across = down[kept], across[kept]
    draws = np.frombuffer(hashlib.shake_256(b"made with DALL-E mini").digest(2 * len(down)), ">u2")
    return _Lines(down, across, np.exp(2j * np.pi * draws / 2**16))


@functools.cache
def _tile() -> Float[np.ndarray, "period period"]:
    """One period of the pattern, of unit variance."""
    lines = _lines()
    pattern = np.fft.ifft2(_spectrum(lines.phases[None])[0]).real
    return (pattern / pattern.std()).astype(np.float32)


def _spectrum(values: Complex[np.ndarray, "scales lines"]) -> Complex[np.ndarray, "scales period period"]:
    """Lines in their places of a period's Fourier transform."""
    lines = _lines()
    spectrum = np.zeros((len(values), PERIOD, PERIOD), np.complex64)
    spectrum[:, lines.down, lines.across] = values
    spectrum[:, -lines.down, -lines.across] = values.conj()
    return spectrum


def _pattern(luma: Float[np.ndarray, "height width"], boost: float) -> Float[np.ndarray, "height width"]:
    """What is added to a picture."""
    height, width = luma.shape
    contrast = _blur(np.abs(luma - _blur(luma, 3)), 4)
    strength = np.clip(_FLAT + _BUSY * contrast, _FLAT, _MOST)
    repeats = (math.ceil(height / PERIOD), math.ceil(width / PERIOD))
    pattern = np.tile(_tile(), repeats)[:height, :width] * strength
    most = 255 / 10 ** (_PSNR / 20)
    return pattern * boost * min(1.0, most / float(np.sqrt(np.mean(pattern**2))))


def _prepare(luma: Float[np.ndarray, "height width"]) -> Float[np.ndarray, "height width"]:
    """Fine detail alone, as strong in every place, so that no edge outweighs the mark; it fades at the borders."""
    detail = luma - _blur(luma, 3)
    evened = np.clip(detail / (_blur(np.abs(detail), 3) + 0.7), -2.5, 2.5)
    down, across = map(_fade, luma.shape)
    return (evened * down[:, None] * across).astype(np.float32)


def _fade(length: int) -> Float[np.ndarray, "length"]:
    """A window that rises over a twelfth of a side and falls again."""
    inside = np.minimum(np.arange(length) + 0.5, np.arange(length)[::-1] + 0.5)
    return 0.5 - 0.5 * np.cos(np.pi * np.minimum(1, inside * 12 / length))


def _blur(values: Float[np.ndarray, "height width"], radius: int) -> Float[np.ndarray, "height width"]:
    """Means over squares, edges continued."""
    side = 2 * radius + 1
    for axis in (0, 1):
        ends = [(0, 0), (0, 0)]
        ends[axis] = (radius + 1, radius)
        sums = np.pad(values, ends, mode="edge").cumsum(axis, dtype=np.float64)
        first, last = np.split(sums, [-side], axis)[0], np.split(sums, [side], axis)[1]
        values = ((last - first) / side).astype(np.float32)
    return values


def _search(side: int) -> Float[np.ndarray, "scales"]:
    """Scales so close that between two of them the fastest wave slips less than half a cycle over the picture."""
    lowest, highest = _SCALES
    scales = [lowest]
    while scales[-1] < highest:
        scales.append(scales[-1] * (1 + min(0.04, 0.9 * PERIOD / _FASTEST * scales[-1] / side)))
    return np.array(scales)


def _lines_of(
    prepared: Float[np.ndarray, "height width"], scales: Float[np.ndarray, "scales"]
) -> Complex[np.ndarray, "scales lines"]:
    """The picture's Fourier transform at the lines of a mark that was enlarged by each scale."""
    reach = int(_FASTEST)
    height, width = prepared.shape
    across = _waves(width, np.arange(reach + 1), scales)
    down = _waves(height, np.arange(-reach, reach + 1), scales)
    # Complex waves as pairs of real ones: half the work of multiplying by complex numbers.
    rows = prepared @ across.reshape(width, -1).view(np.float32)
    rows = rows.view(np.complex64).reshape(height, len(scales), reach + 1)
    found = down.transpose(1, 2, 0) @ rows.transpose(1, 0, 2)
    lines = _lines()
    mirrored = lines.across < 0
    values = found[:, np.where(mirrored, -lines.down, lines.down) + reach, np.abs(lines.across)]
    return np.where(mirrored, values.conj(), values)


def _waves(
    length: int, numbers: np.ndarray, scales: Float[np.ndarray, "scales"]
) -> Complex[np.ndarray, "length scales numbers"]:
    """Waves of whole numbers a period, at every scale."""
    turns = np.arange(length)[:, None, None] * (numbers / PERIOD / scales[:, None])
    return np.exp(-2j * np.pi * turns).astype(np.complex64)


def _score(values: Complex[np.ndarray, "scales lines"]) -> Float[np.ndarray, "scales"]:
    """How well phases agree with the mark's at the best offset, in standard deviations of what chance gives."""
    lines = _lines()
    turned = values / (np.abs(values) + 1e-9) / lines.phases
    agreement = np.fft.ifft2(_spectrum(turned)).real * PERIOD**2 / 2
    return agreement.max(axis=(1, 2)) / math.sqrt(len(lines.phases) / 2)
