"""What may be in a set: captions, pictures that mean harm or are none, and opt-out lists."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dalle_mini.data.captions import caption_from_name, check_caption
from dalle_mini.data.items import Drop
from dalle_mini.data.optout import OptOut
from dalle_mini.data.picture import fingerprint, read_square
from dalle_mini.errors import DataError


def encode(image: Image.Image, form: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def read(data: bytes, resolution: int = 16) -> Image.Image:
    return read_square(data, resolution, min_side=8, max_aspect=3.0, max_pixels=10**6)


def reason(function, *arguments, **options) -> str:
    with pytest.raises(Drop) as caught:
        function(*arguments, **options)
    return caught.value.reason


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "no caption"),
        ("", "empty caption"),
        (" \n\t", "empty caption"),
        (7, "caption is not text"),
        (["a", "cat"], "caption is not text"),
        (b"\xff\xfe", "caption is not text"),
        ("a\x00cat", "caption is not text"),
        ("a\udcffcat", "caption is not text"),
        ("0042", "caption is not text"),
        ("...", "caption is not text"),
        ("a" * 5000, "caption too long"),
    ],
)
def test_what_is_no_caption_is_dropped(value: object, expected: str) -> None:
    assert reason(check_caption, value) == expected


def test_captions_are_put_into_one_line() -> None:
    assert check_caption(" a  cat\n on\ta mat ") == "a cat on a mat"
    assert check_caption("猫") == "猫" and check_caption("🐱") == "🐱"


@pytest.mark.parametrize(
    ("name", "caption"),
    [
        ("my cats/tabby_01.jpg", "tabby"),
        ("my cats/IMG_0042.jpg", "my cats"),
        ("cats/0042.jpg", "cats"),
        ("a red-car (2).png", "a red car"),
        ("BlackCat.webp", "Black Cat"),
        ("Größe/DSC00017.JPG", "Größe"),
        ("0042.jpg", ""),
        ("img/IMG_1.png", ""),
    ],
)
def test_names_become_captions(name: str, caption: str) -> None:
    assert caption_from_name(name) == caption


def test_the_middle_square_is_kept() -> None:
    pixels = np.zeros((20, 50, 3), np.uint8)
    pixels[:, 15:35] = (10, 200, 30)
    square = np.asarray(read(encode(Image.fromarray(pixels)), 20))
    assert square.shape == (20, 20, 3) and (square == (10, 200, 30)).all()


def test_pictures_stand_upright() -> None:
    image = Image.new("RGB", (32, 32), "white")
    image.paste("black", (0, 0, 32, 16))
    turned = image.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    for form in ("JPEG", "PNG"):
        upright = np.asarray(read(encode(turned, form, exif=exif), 16).convert("L"))
        assert upright[:6].max() < 60 and upright[10:].min() > 200


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_what_is_transparent_becomes_white(mode: str) -> None:
    image = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    image.paste((255, 0, 0, 255), (0, 0, 16, 8))
    square = np.asarray(read(encode(image.convert(mode))))
    assert (square[9:] == 255).all() and (square[:7] < 255).any()


@pytest.mark.parametrize("mode", ["1", "L", "I;16", "CMYK"])
def test_other_modes_are_read_as_they_look(mode: str) -> None:
    if mode == "I;16":
        image = Image.fromarray(np.full((16, 16), 0xFFFF, np.uint16))
    else:
        image = Image.new("RGB", (16, 16), "white").convert(mode)
    form = "JPEG" if mode == "CMYK" else "PNG"
    assert (np.asarray(read(encode(image, form))) >= 254).all()


def test_nothing_but_pixels_is_kept() -> None:
    exif = Image.Exif()
    exif[0x010E] = "my home address"
    square = read(encode(Image.new("RGB", (16, 16)), "JPEG", exif=exif, comment=b"secret"))
    assert not Image.open(io.BytesIO(encode(square))).info


def png_claiming(width: int, height: int) -> bytes:
    """A tiny file that says it is a huge picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    packed = chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + packed + chunk(b"IEND", b"")


@pytest.mark.filterwarnings("error::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [1001, 10_000, 60_000])
def test_pictures_that_would_fill_the_memory_are_not_opened(side: int) -> None:
    assert reason(read, png_claiming(side, side)) == "too large"


def test_tiny_and_long_pictures_are_dropped() -> None:
    assert reason(read, encode(Image.new("RGB", (7, 20)))) == "too small"
    assert reason(read, encode(Image.new("RGB", (20, 61)))) == "extreme shape"
    assert read(encode(Image.new("RGB", (20, 60)))).size == (16, 16)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF", "BMP"])
def test_broken_pictures_are_dropped_whatever_is_broken(form: str) -> None:
    rng = np.random.default_rng(0)
    whole = encode(Image.fromarray(rng.integers(256, size=(40, 40, 3), dtype=np.uint8)), form)
    assert read(whole)
    assert reason(read, whole[: len(whole) // 2]) == "broken picture"
    assert reason(read, b"") == reason(read, b"GIF89a") == "broken picture"
    for _ in range(60):
        bent = bytearray(whole)
        for place in rng.integers(len(bent), size=8):
            bent[place] = rng.integers(256)
        try:
            assert read(bytes(bent)).size == (16, 16)
        except Drop as drop:
            assert drop.reason in ("broken picture", "too small", "too large", "extreme shape")


def test_files_that_only_look_like_pictures_are_dropped() -> None:
    script = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 20 20\n"
    assert reason(read, script) == "broken picture"


def blobs(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(256, size=(5, 5, 3), dtype=np.uint8)).resize((96, 96), Image.Resampling.BICUBIC)


def apart(one: Image.Image, two: Image.Image) -> int:
    return (fingerprint(one).gradients ^ fingerprint(two).gradients).bit_count()


def test_fingerprints_outlast_packing_and_resizing_and_tell_pictures_apart() -> None:
    for seed in range(20):
        image = blobs(seed)
        packed = Image.open(io.BytesIO(encode(image, "JPEG", quality=60))).convert("RGB")
        small = image.resize((48, 48))
        assert apart(image, packed) <= 3 and apart(image, small) <= 3
        assert apart(image, blobs(seed + 100)) > 8


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    path = tmp_path / "optout.txt"
    path.write_text(f"# ours\n\nsha256: {'AB' * 32}\nsource: example.org/anna\nsource: *://*.test/*\nword: zoë k.\n")
    return path


def test_opt_outs_are_met(listing: Path) -> None:
    listed = OptOut.read(listing)
    assert reason(listed.check_digest, "ab" * 32) == "opted out"
    assert reason(listed.check_words, "a cat", "example.org/anna/7.jpg") == "opted out"
    assert reason(listed.check_words, "a cat", "https://a.test/7.jpg") == "opted out"
    assert reason(listed.check_words, "by ZOË K., 1990", "") == "opted out"
    listed.check_digest("ac" * 32)
    listed.check_words("a picture by zoë kant", "www.example.org/anna")


@pytest.mark.parametrize("line", ["kitten", "wrod: kitten", "word:", "sha256: abc", ": x"])
def test_lines_that_say_nothing_clear_are_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "optout.txt"
    path.write_text(f"word: fine\n{line}\n")
    with pytest.raises(DataError, match="optout.txt, line 2") as caught:
        OptOut.read(path)
    assert caught.value.hint


def test_a_missing_list_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere.txt"):
        OptOut.read(tmp_path / "nowhere.txt")
