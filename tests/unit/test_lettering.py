"""Text in pictures: the order of scripts beside Pillow's own, emoji whole, boxes kept, nothing lost in silence."""

import json
import unicodedata
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image, ImageDraw, features

from dalle_mini.lettering import MEME, PLAIN, Lettering, Limits, Style, draw, fit
from dalle_mini.lettering.bidi import base_level, embedding_levels, visual_order
from dalle_mini.lettering.clusters import read, split_clusters
from dalle_mini.lettering.fonts import FOLDER, Face, characters, load_font
from dalle_mini.lettering.layout import _width, arrange

STYLE = Style(PLAIN, "black", pitch=1.3)
SHOUT = Style(MEME, "white", pitch=1.12, outline=0.07, capitals=True)
ROOM = Limits(400, 300, 60, 10)

shaped = pytest.mark.skipif(not features.check("raqm"), reason="this Pillow writes from left to right only")


def words(lettering: Lettering) -> list[str]:
    """What stands on the lines, between spaces and their ends."""
    return " ".join("".join(run.text for run in line) for line in lettering.lines).split()


def ink(style: Style, text: str, limits: Limits = ROOM) -> np.ndarray:
    """Where a canvas twice the box's size differs from its ground; the text is in the middle."""
    ground = "white" if style is STYLE else "#888"
    canvas = Image.new("RGB", (int(limits.width * 2), int(limits.height * 2)), ground)
    before = np.asarray(canvas).copy()
    lettering = fit(text, limits, style)
    draw(canvas, lettering, x=limits.width, top=limits.height - lettering.height / 2)
    return (np.asarray(canvas) != before).any(axis=2)


@pytest.mark.parametrize("style", [STYLE, SHOUT], ids=["plain", "meme"])
@pytest.mark.parametrize(
    "text",
    ["oh", "one does not simply draw a kangaroo made of cheese", "x" * 80, "long text " * 40, "袋鼠" * 30, "🦘 " * 20],
)
def test_text_stays_in_its_box(style: Style, text: str) -> None:
    drawn = ink(style, text)
    rows, columns = np.flatnonzero(drawn.any(axis=1)), np.flatnonzero(drawn.any(axis=0))
    spill = 0.25 * fit(text, ROOM, style).size  # descenders and outlines
    assert 200 - spill <= columns[0] and columns[-1] <= 600 + spill
    assert 150 - spill <= rows[0] and rows[-1] <= 450 + spill


@pytest.mark.parametrize("text", ["oh no", "a somewhat longer sentence of nine or ten words"])
def test_the_size_is_the_largest_that_fits(text: str) -> None:
    limits = Limits(300, 120, 500, 8)
    size = fit(text, limits, STYLE).size
    assert words(fit(text, Limits(300, 120, size, size), STYLE)) == text.split()
    assert words(fit(text, Limits(300, 120, size + 1, size + 1), STYLE)) != text.split()


def test_lines_are_no_more_than_needed_and_of_about_one_width() -> None:
    lettering = fit("aaa " * 10, Limits(1000, 1000, 50, 50), STYLE)
    widths = [lettering.width_of(line) for line in lettering.lines]
    assert len(widths) == 2
    assert max(widths) / min(widths) < 1.3


def test_paragraphs_and_spaces() -> None:
    lettering = fit("  one \n\n two   three\n", Limits(1000, 1000, 20, 20), STYLE)
    assert ["".join(run.text for run in line) for line in lettering.lines] == ["one", "", "two three"]
    assert fit(" \n ", ROOM, STYLE).lines == ()


def test_capitals_are_those_of_the_language_of_unicode() -> None:
    (line,) = fit("straße ﬁ", ROOM, SHOUT).lines
    assert "".join(run.text for run in line) == "STRASSE FI"


def test_what_does_not_fit_ends_in_an_ellipsis_and_is_said_to() -> None:
    lettering = fit("word " * 500, ROOM, STYLE)
    assert lettering.cut and lettering.size == ROOM.smallest
    assert lettering.lines[-1][-1].text.endswith("…")
    assert lettering.height <= ROOM.height
    assert max(map(lettering.width_of, lettering.lines)) <= ROOM.width


def test_missing_characters_are_named_once_and_leave_no_gap() -> None:
    lettering = fit("a ᚠ ᚠ 𒀀 b\ud800", ROOM, STYLE)
    assert lettering.missing == ("ᚠ", "𒀀", "\ud800")
    assert ["".join(run.text for run in line) for line in lettering.lines] == ["a b"]


def test_emoji_stay_whole() -> None:
    whole = ["👨‍👩‍👧", "👍🏽", "🇫🇷", "1️⃣", "❤️", "🏴󠁧󠁢󠁳󠁣󠁴󠁿", "é", "क्", "a"]
    decomposed = unicodedata.normalize("NFD", "".join(whole))
    assert split_clusters("".join(whole)) == whole
    assert len(split_clusters(decomposed)) == len(whole)
    reading = read("".join(whole[:6]), MEME)
    assert {cluster.face.name for cluster in reading.paragraphs[0]} == {"emoji"}


def test_emoji_are_in_color_and_have_an_outline() -> None:
    canvas = Image.new("RGB", (200, 200), "#00ff00")
    draw(canvas, fit("❤️", Limits(150, 150, 120, 20), SHOUT), x=100, top=50)
    pixels = np.asarray(canvas)
    assert ((pixels[..., 0] > 180) & (pixels[..., 1] < 80)).any()
    assert (pixels == 0).all(axis=2).any()


def test_coverage_is_that_of_the_files() -> None:
    ttlib = pytest.importorskip("fontTools.ttLib")
    table = json.loads((FOLDER / "coverage.json").read_text())
    assert {path.stem for path in FOLDER.glob("*.woff2")} == set(table)
    for name in table:
        assert characters(name) == set(ttlib.TTFont(FOLDER / f"{name}.woff2").getBestCmap())


def test_fonts_are_small_and_have_their_licences_beside_them() -> None:
    files = list(FOLDER.glob("*.woff2"))
    assert sum(path.stat().st_size for path in files) < 3e6
    assert all((FOLDER / f"{path.stem}.LICENSE.txt").is_file() for path in files)


@pytest.mark.parametrize("name", [face.name for face in MEME])
def test_every_character_of_a_font_can_be_drawn_with_an_outline(name: str) -> None:
    """FreeType has crashed on glyphs that are too intricate for it."""
    pen = ImageDraw.Draw(Image.new("RGB", (100, 60)))
    for code in sorted(characters(name))[:: 20 if name == "han" else 1]:
        if unicodedata.category(chr(code)) != "Cf" and not 0xFE00 <= code <= 0xFE0F:
            pen.text((10, 50), chr(code), font=load_font(name, 40), stroke_width=2.8, anchor="ls", embedded_color=True)


def raqm(text: str, font: str, direction: str) -> np.ndarray:
    """A line as Pillow's own layout engine sets it, its ink cropped."""
    canvas = Image.new("L", (1600, 120))
    ImageDraw.Draw(canvas).text((40, 80), text, font=load_font(font, 48), fill=255, anchor="ls", direction=direction)
    return np.asarray(canvas.crop(canvas.getbbox()))


def ours(text: str, face: Face) -> np.ndarray:
    """The same by our runs, each drawn alone."""
    clusters = read(text, (face,)).paragraphs[0]
    canvas, x = Image.new("L", (1600, 120)), 40.0
    for run in arrange(clusters, base_level(text)):
        font, way = load_font(face.name, 48), ("ltr", "rtl")[run.level % 2]
        ImageDraw.Draw(canvas).text((x, 80), run.text, font=font, fill=255, anchor="ls", direction=way)
        x += font.getlength(run.text, direction=way)
    return np.asarray(canvas.crop(canvas.getbbox()))


@shaped
@pytest.mark.parametrize("text", ["שלום עולם", "שָׁלוֹם", "אב גד, הו! זח", "ab cd שלום"])
def test_runs_stand_as_pillow_sets_the_whole_line(text: str) -> None:
    face = Face("hebrew", "ם")
    known = "".join(character for character in text if ord(character) in characters("hebrew"))
    mine, theirs = ours(known, face), raqm(known, "hebrew", "rtl")
    assert mine.shape == pytest.approx(theirs.shape, abs=2)
    width, height = min(mine.shape[1], theirs.shape[1]), min(mine.shape[0], theirs.shape[0])
    assert np.mean(np.abs(mine[:height, :width].astype(int) - theirs[:height, :width])) < 12


@pytest.mark.parametrize(
    ("logical", "visual"),
    # From the right in capitals, as the examples of UAX #9 have it.
    [
        ("car is THE CAR in arabic", "car is RAC EHT in arabic"),
        ("CAR is the car IN ENGLISH", "HSILGNE NI is the car RAC"),
        ("he said 'IT IS 123, 456, OK'", "he said 'KO ,456 ,123 SI TI'"),
        ("CHAPTER 12 ab", "ab 12 RETPAHC"),
        ("A 1-2 B", "B 1-2 A"),
        ("A 10% B", "B 10% A"),
        ("a 1 B 2", "a 1 2 B"),
        ("", ""),
    ],
)
def test_the_order_is_unicodes(logical: str, visual: str) -> None:
    hebrew = {letter: chr(0x5D0 + index) for index, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
    text = "".join(hebrew.get(character, character) for character in logical)
    levels = embedding_levels(list(text), base_level(text))
    order = visual_order(list(zip(logical, levels, strict=True)), lambda pair: pair[1])
    assert "".join(character for character, _ in order) == visual


def test_digits_after_arabic_letters_are_arabic_numbers() -> None:
    assert embedding_levels(list("ع1"), 1) == [1, 2]
    assert embedding_levels(list("a1"), 0) == [0, 0]


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As on a machine without FriBiDi."""
    for module in ("fonts", "layout"):
        monkeypatch.setattr(f"dalle_mini.lettering.{module}.can_shape", lambda: False)
    load_font.cache_clear()
    _width.cache_clear()
    yield
    load_font.cache_clear()
    _width.cache_clear()


@pytest.mark.usefixtures("no_engine")
def test_without_a_shaping_engine_joined_scripts_are_reported() -> None:
    lettering = fit("oh مرحبا", ROOM, STYLE)
    assert lettering.missing == ("م", "ر", "ح", "ب", "ا")
    assert [run.text for line in lettering.lines for run in line] == ["oh"]


@shaped
def test_without_a_shaping_engine_hebrew_looks_the_same(request: pytest.FixtureRequest) -> None:
    text = "שלום (עולם) abc"
    with_engine = ink(STYLE, text)
    request.getfixturevalue("no_engine")
    without = ink(STYLE, text)
    assert (with_engine != without).sum() < 0.15 * with_engine.sum()
    assert (with_engine != without[:, ::-1]).sum() > 0.5 * with_engine.sum()
