"""Memes, the classic square and cards: where text stands, what else is on them, what is refused."""

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image

from dalle_mini.card import draw_card
from dalle_mini.classic import SIDE, draw_classic
from dalle_mini.errors import DataError
from dalle_mini.lettering import Lettered
from dalle_mini.meme import MAX_CAPTIONS, MAX_TEXT, Caption, bottom, draw_meme, top

COLORS = ("#c03030", "#30a030", "#3030c0", "#b0a030", "#a030a0", "#30a0a0", "#707070", "#905020", "#205090")


def tiles(count: int, size: int = 64) -> list[Image.Image]:
    return [Image.new("RGB", (size, size), color) for color in COLORS[:count]]


def changed(meme: Lettered, count: int, size: int = 64) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what the captions changed, as fractions of the sheet."""
    before = np.asarray(draw_meme(tiles(count, size), []).image, int)
    rows, columns = np.nonzero(np.abs(np.asarray(meme.image, int) - before).max(axis=2))
    height, width, _ = before.shape
    return columns.min() / width, rows.min() / height, (columns.max() + 1) / width, (rows.max() + 1) / height


@pytest.mark.parametrize("count", [1, 2, 4, 9])
def test_top_is_above_bottom_is_below_and_both_are_centered(count: int) -> None:
    left, upper, right, lower = changed(draw_meme(tiles(count), [top("so many")]), count)
    assert lower < 0.45 and 0 < upper < 0.06
    assert left == pytest.approx(1 - right, abs=0.01)
    _, upper, _, lower = changed(draw_meme(tiles(count), [bottom("pictures")]), count)
    assert upper > 0.55 and 0.93 < lower < 1


def test_letters_are_white_with_a_black_outline() -> None:
    image = draw_meme(tiles(1), [top("H")]).image
    row = np.asarray(image)[int(0.12 * image.height)]
    kinds = ["white" if pixel.min() > 240 else "black" if pixel.max() < 20 else "other" for pixel in row]
    seen = [kind for index, kind in enumerate(kinds) if kind != "other" and kinds[index - 1] != kind]
    assert seen[0] == seen[-1] == "black" and "white" in seen


def test_a_dragged_caption_stands_where_it_was_put() -> None:
    caption = Caption("here", x=0.3, y=0.7, width=0.3, height=0.1)
    left, upper, right, lower = changed(draw_meme(tiles(1), [caption]), 1)
    assert (left + right) / 2 == pytest.approx(0.3, abs=0.01)
    assert (upper + lower) / 2 == pytest.approx(0.7, abs=0.01)
    assert right - left < 0.33 and lower - upper < 0.13


@pytest.mark.parametrize("text", ["corner", "שָׁלוֹם", "مرحبا", "चीज़", "gjpq", "ÅÉ", "🦘"])
@pytest.mark.parametrize(("x", "y"), [(0, 0), (1, 1)])
def test_dragged_to_a_corner_text_stays_whole(text: str, x: float, y: float) -> None:
    caption = Caption(text, x=x, y=y, width=0.4, height=0.15)
    corner = changed(draw_meme(tiles(1), [caption]), 1)
    center = changed(draw_meme(tiles(1), [dataclasses.replace(caption, x=0.5, y=0.5)]), 1)
    assert corner[2] - corner[0] == pytest.approx(center[2] - center[0], abs=0.004)
    assert corner[3] - corner[1] == pytest.approx(center[3] - center[1], abs=0.004)


def test_a_caption_of_a_panel_stays_on_it() -> None:
    left, upper, right, lower = changed(draw_meme(tiles(4), [top("two", panel=3)]), 4)
    assert left > 0.5 and upper > 0.5
    assert right <= 1 and lower < 0.75


@pytest.mark.parametrize(("count", "height"), [(1, 1024), (2, 508), (4, 1024), (9, 1024)])
def test_sheets_are_large_enough_to_read(count: int, height: int) -> None:
    meme = draw_meme(tiles(count), [])
    assert meme.image.size == pytest.approx((1024, height), abs=2)
    large = draw_meme(tiles(1, 1500), [])
    assert large.image.size == (1500, 1500)


def test_the_same_captions_draw_the_same_pixels_and_leave_the_pictures_alone() -> None:
    pictures, captions = tiles(4), [top("a 🦘"), bottom("of 🧀"), Caption("שלום", panel=2)]
    before = [picture.tobytes() for picture in pictures]
    assert draw_meme(pictures, captions).image.tobytes() == draw_meme(pictures, captions).image.tobytes()
    assert [picture.tobytes() for picture in pictures] == before


def test_what_was_left_out_is_said() -> None:
    meme = draw_meme(tiles(1), [top("ᚠ a"), bottom("𒀀 ᚠ")])
    assert meme.missing == ("ᚠ", "𒀀") and not meme.cut
    assert draw_meme(tiles(1), [Caption("word " * 90, width=0.2, height=0.05)]).cut


def test_empty_captions_draw_nothing() -> None:
    blank = draw_meme(tiles(1), [])
    assert draw_meme(tiles(1), [top(""), bottom(" \n ")]).image.tobytes() == blank.image.tobytes()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: draw_meme([], []), "0 pictures"),
        (lambda: draw_meme(tiles(3), []), "3 pictures"),
        (lambda: draw_meme(tiles(1), [top("a")] * (MAX_CAPTIONS + 1)), "21 captions"),
        (lambda: draw_meme(tiles(4), [top("a", panel=4)]), "picture 4"),
        (lambda: Caption("a" * (MAX_TEXT + 1)), "501 characters"),
        (lambda: Caption("a", x=-0.1), "x=-0.1"),
        (lambda: Caption("a", y=float("nan")), "y=nan"),
        (lambda: Caption("a", width=0), "width=0"),
        (lambda: draw_card([]), "at least one"),
        (lambda: draw_classic([], "a"), "at least one"),
    ],
)
def test_what_is_refused(make: Callable[[], object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        make()


def test_the_classic_square() -> None:
    pixels = np.asarray(draw_classic(tiles(9), "nine colors").image, int)
    assert pixels.shape == (SIDE, SIDE, 3)
    for index in range(9):
        row, column = divmod(index, 3)
        seen = pixels[120 + 140 + 272 * row, 104 + 136 + 272 * column]
        wanted = np.array(Image.new("RGB", (1, 1), COLORS[index]).getpixel((0, 0)))
        assert np.abs(seen - wanted).max() <= 3
    assert (pixels[:, :100] == 255).all()  # white at the sides
    assert pixels[40:80, 300:700].min() < 60  # the prompt
    assert pixels[960:1000, 104:270].min() < 60 and pixels[960:1000, 800:920].min() < 120  # the name, the notice


@pytest.mark.parametrize("count", [1, 3, 9, 16])
@pytest.mark.parametrize("prompt", [None, "a red car", "a very long prompt " * 80, "שלום", "𒀀"])
def test_cards_are_filled_with_pictures_and_say_who_made_them(count: int, prompt: str | None) -> None:
    card = draw_card([Image.new("RGB", (96, 64 + index), "#c03030") for index in range(count)], prompt)
    pixels = np.asarray(card.image, int)
    assert pixels.shape == (630, 1200, 3)
    red = (np.abs(pixels[:, 570:] - (0xC0, 0x30, 0x30)) <= 2).all(axis=2)
    assert red.mean() > 0.97
    assert pixels[560:, 48:250].min() < 60 and pixels[560:, 380:522].min() < 120
    assert pixels[48:540, 48:522].min() < 60
    assert card.missing == (("𒀀",) if prompt == "𒀀" else ())


def test_a_prompt_that_is_kept_private_is_on_no_card() -> None:
    assert draw_card(tiles(9)).image.tobytes() != draw_card(tiles(9), "secret").image.tobytes()
    assert draw_card(tiles(9), "").image.tobytes() == draw_card(tiles(9)).image.tobytes()


def test_right_to_left_prompts_start_at_the_right() -> None:
    def middle(prompt: str) -> float:
        pixels = np.asarray(draw_card(tiles(9), prompt).image, int)[48:540, 48:522]
        return float(np.nonzero(pixels.min(axis=2) < 100)[1].mean())

    assert middle("שלום") > 474 / 2 > middle("oh")
