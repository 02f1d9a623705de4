"""Animations: what is in the file, read back; its bounds."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from dalle_mini.animation import MAX_FRAMES, Format, encode_animation, spread
from dalle_mini.errors import DataError


def growing(count: int, size: int = 120) -> list[Image.Image]:
    """Frames that are transparent below a line that moves down, the last one whole."""
    frames = []
    for index in range(1, count + 1):
        pixels = np.zeros((size, size, 4), np.uint8)
        pixels[: size * index // count] = (200, 30, 30, 255)
        frames.append(Image.fromarray(pixels))
    return frames


def count_frames(animation: Image.Image) -> int:
    return sum(1 for _ in ImageSequence.Iterator(animation))


@pytest.mark.parametrize("format", ["webp", "gif"])
def test_frames_come_in_order_and_the_last_one_stays(format: Format) -> None:
    content = encode_animation(growing(6), format=format, frame_seconds=0.2, hold_seconds=2.0)
    durations, reds = [], []
    with Image.open(io.BytesIO(content)) as animation:
        assert animation.format == format.upper()
        assert (count_frames(animation), animation.info["loop"], animation.size) == (6, 0, (120, 120))
        for index in range(6):
            animation.seek(index)
            animation.load()
            durations.append(animation.info["duration"])
            pixels = np.asarray(animation.convert("RGB")).astype(int)
            reds.append(int(((pixels[:, :, 0] - pixels[:, :, 1]) > 100).sum()))
    assert durations == [200] * 5 + [2000]
    assert reds == pytest.approx([120 * 20 * step for step in range(1, 7)], rel=0.05)


def test_one_frame_is_a_picture() -> None:
    with Image.open(io.BytesIO(encode_animation(growing(1)))) as picture:
        assert picture.size == (120, 120)


def test_many_frames_are_thinned_out_but_the_last_is_there() -> None:
    assert spread(3, 5) == [0, 1, 2]
    assert spread(100, 5) == [0, 25, 50, 74, 99]
    with Image.open(io.BytesIO(encode_animation(growing(120)))) as animation:
        assert count_frames(animation) == MAX_FRAMES
        animation.seek(MAX_FRAMES - 1)
        assert np.asarray(animation.convert("RGB"))[-1, :, 0].min() > 150


def test_the_file_is_bounded_by_smaller_pictures() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (4, 600, 600, 3), np.uint8)
    frames = [Image.fromarray(pixels) for pixels in noise]
    content = encode_animation(frames, max_bytes=150_000)
    assert len(content) <= 150_000
    with Image.open(io.BytesIO(content)) as animation:
        assert max(animation.size) < 600
    with pytest.raises(DataError, match="smallest animation"):
        encode_animation(frames, max_bytes=1000)


def test_frames_of_other_sizes_become_that_of_the_last() -> None:
    frames = [Image.new("L", (10, 10)), Image.new("RGB", (64, 48), "red")]
    with Image.open(io.BytesIO(encode_animation(frames))) as animation:
        assert animation.size == (64, 48)


def test_what_is_no_animation() -> None:
    with pytest.raises(DataError, match="at least one frame"):
        encode_animation([])
    with pytest.raises(DataError, match="'png'"):
        encode_animation(growing(2), format="png")  # ty: ignore[invalid-argument-type]
    with pytest.raises(DataError, match="frames of 0"):
        encode_animation(growing(2), frame_seconds=0)
