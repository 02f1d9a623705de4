"""A drawing as it comes about, for sharing: the grid at some of its steps as an animated WebP or GIF.

The last frame is the finished grid and stays for a while. Size is bounded: too many frames are thinned out, and if the
file is still too large, the pictures are made smaller.
"""

import io
from collections.abc import Sequence
from typing import Literal

from PIL import Image

from dalle_mini.errors import DataError

Format = Literal["webp", "gif"]
FORMATS: tuple[Format, ...] = ("webp", "gif")
MAX_FRAMES = 48
MAX_BYTES = 4 * 2**20
SIDES = (784, 512, 384, 256, 128)
"""Longest sides, in pixels, that are tried in turn."""

_GROUND = (236, 237, 231)
"""What shows where nothing is drawn yet."""


def encode_animation(
    frames: Sequence[Image.Image],
    *,
    format: Format = "webp",
    frame_seconds: float = 0.25,
    hold_seconds: float = 3.0,
    max_bytes: int = MAX_BYTES,
) -> bytes:
    """The file of an endless animation of at most `max_bytes`; DataError if there are no frames or they stay too large.

    Frames may be transparent where nothing is drawn yet; all get the size of the last one.
    """
    if not frames:
        raise DataError("an animation needs at least one frame")
    if format not in FORMATS:
        raise DataError(f"no animations of the kind {format!r}", hint=f"use {' or '.join(FORMATS)}")
    if not (0.02 <= frame_seconds <= 10 and 0.02 <= hold_seconds <= 60):
        raise DataError(
            f"frames of {frame_seconds!r} s, the last of {hold_seconds!r} s",
            hint="frames last from 0.02 to 10 s, the last one up to 60",
        )
    kept = [frames[index] for index in spread(len(frames), MAX_FRAMES)]
    durations = [round(frame_seconds * 1000)] * (len(kept) - 1) + [round(hold_seconds * 1000)]
    encoded = b""
    for side in SIDES:
        encoded = _encode([_prepare(frame, kept[-1].size, side) for frame in kept], durations, format)
        if len(encoded) <= max_bytes:
            return encoded
    hint = "use fewer frames, or WebP" if format == "gif" else "use fewer frames"
    raise DataError(f"the smallest animation has {len(encoded):,} bytes, of {max_bytes:,} at most", hint=hint)


def spread(count: int, most: int) -> list[int]:
    """At most `most` of the numbers below `count`, evenly spread; the first and the last are among them."""
    if count <= most:
        return list(range(count))
    return [round(index * (count - 1) / (most - 1)) for index in range(most)]


def _prepare(frame: Image.Image, size: tuple[int, int], longest: int) -> Image.Image:
    """A frame without transparency, no side longer than `longest`."""
    scale = min(1.0, longest / max(size))
    width, height = (max(1, round(side * scale)) for side in size)
    layer = frame.convert("RGBA").resize((width, height), Image.Resampling.BICUBIC)
    ground = Image.new("RGBA", layer.size, _GROUND)
    return Image.alpha_composite(ground, layer).convert("RGB")


def _encode(frames: list[Image.Image], durations: list[int], format: Format) -> bytes:
    buffer = io.BytesIO()
    options = {"quality": 80, "method": 4} if format == "webp" else {"optimize": False}
    first, *others = frames
    first.save(buffer, format.upper(), save_all=True, append_images=others, duration=durations, loop=0, **options)
    return buffer.getvalue()
