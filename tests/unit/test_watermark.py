"""The mark is there after what happens to pictures, is not where it was never put, and is not seen."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.watermark import DISTORTIONS
from dalle_mini.grid import compose_grid, enlarge
from dalle_mini.watermark import PERIOD, THRESHOLD, find_mark, mark_picture


def drawing(seed: int, size: int = 64) -> Image.Image:
    """Plain ground, a gradient and shapes with outlines, as a small model would draw them."""
    random = np.random.default_rng(seed)
    down, across = np.mgrid[0:size, 0:size] / size
    pixels = np.empty((size, size, 3))
    pixels[:] = random.uniform(60, 220, 3) + 40 * down[..., None]
    for _ in range(5):
        center, radius = random.uniform(0.1, 0.9, 2), random.uniform(0.08, 0.3)
        distance = np.hypot(down - center[0], across - center[1])
        pixels[distance < radius + 0.02] = 20
        pixels[distance < radius] = random.uniform(0, 255, 3)
    return enlarge(Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)))


def psnr(before: Image.Image, after: Image.Image) -> float:
    difference = np.asarray(before, float) - np.asarray(after, float)
    return 10 * np.log10(255**2 / np.mean(difference**2))


@pytest.mark.parametrize("what", DISTORTIONS)
def test_the_mark_survives(what: str) -> None:
    scores = [find_mark(DISTORTIONS[what](mark_picture(drawing(seed)))).score for seed in range(3)]
    if what == "to 50 %, JPEG 60":  # the worst that is tried: most are found, not all
        assert sum(score >= THRESHOLD for score in scores) >= 2
    else:
        assert min(scores) >= THRESHOLD + 0.5


def test_a_grid_and_one_tile_cut_out_of_it_carry_the_mark() -> None:
    grid = mark_picture(compose_grid([drawing(seed) for seed in range(9)]))
    assert find_mark(grid).score > 15
    assert find_mark(grid.crop((270, 530, 500, 770))).found
    assert find_mark(grid.resize((500, 500))).scale == pytest.approx(500 / 784, rel=0.02)


def test_marked_tiles_mark_the_grid() -> None:
    assert find_mark(compose_grid([mark_picture(drawing(seed)) for seed in range(9)])).found


def test_pictures_that_were_never_marked_are_not_claimed() -> None:
    random = np.random.default_rng(5)
    pictures = [drawing(seed) for seed in range(100, 130)]
    pictures += [Image.fromarray(random.integers(0, 256, (256, 256, 3), np.uint8)) for _ in range(10)]
    pictures += [Image.new("RGB", (256, 256), color) for color in ("white", "black", "#7aa2d0")]
    pictures += [Image.effect_mandelbrot((256, 256), (-2, -1.5, 1, 1.5), 60), Image.linear_gradient("L")]
    assert max(find_mark(picture).score for picture in pictures) < THRESHOLD


def test_a_score_without_a_mark_is_what_chance_gives() -> None:
    """The largest of some 100,000 standard normal numbers lies between 4 and 5.5 nearly always."""
    random = np.random.default_rng(9)
    noise = [Image.fromarray(random.integers(0, 256, (256, 256, 3), np.uint8)) for _ in range(20)]
    scores = [find_mark(image).score for image in noise]
    assert 4 < np.mean(scores) < 5.2 and np.std(scores) < 0.5


def test_the_mark_is_faint_and_about_equally_so_in_flat_places() -> None:
    for seed in range(5):
        assert psnr(drawing(seed), mark_picture(drawing(seed))) >= 38
    flat = Image.new("RGB", (256, 256), (120, 140, 160))
    difference = np.asarray(mark_picture(flat), int) - np.asarray(flat, int)
    assert psnr(flat, mark_picture(flat)) > 43
    assert np.abs(difference).max() <= 6
    assert (difference[..., 0] == difference[..., 2]).all()  # brightness alone, no color


def test_the_pattern_repeats() -> None:
    flat = Image.new("RGB", (3 * PERIOD, 2 * PERIOD), (120, 140, 160))
    pattern = np.asarray(mark_picture(flat), int)[..., 0] - 120
    assert pattern.any()
    np.testing.assert_array_equal(pattern[:, :PERIOD], pattern[:, PERIOD : 2 * PERIOD])
    np.testing.assert_array_equal(pattern[:PERIOD], pattern[PERIOD:])


def test_pictures_that_were_marked_long_ago_are_still_known() -> None:
    """`marked.png` was marked by the first version. Another pattern would forget all pictures that were shared."""
    with Image.open(Path(__file__).with_name("marked.png")) as picture:
        assert find_mark(picture).score > 12


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (47, 47), (48, 48), (1000, 50)])
def test_pictures_of_any_size(size: tuple[int, int]) -> None:
    marked = mark_picture(Image.new("RGB", size, "#888"))
    assert marked.size == size
    find_mark(marked)


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_pictures_of_any_mode(mode: str) -> None:
    assert find_mark(mark_picture(drawing(1).convert(mode))).found


def test_marking_again_changes_nothing_about_where_it_is() -> None:
    twice = mark_picture(mark_picture(drawing(2)))
    assert find_mark(twice).score > 10
