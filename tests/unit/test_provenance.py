"""Uploads: which are read, what is kept of them, what they tell."""

import io
import json
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from dalle_mini.errors import DataError
from dalle_mini.grid import encode_png, enlarge
from dalle_mini.provenance import MAX_BYTES, open_upload, trace_picture
from dalle_mini.recipe import Recipe
from dalle_mini.watermark import mark_picture

RECIPE = Recipe("nano", "a 🦘 made of 🧀", 7)


def scene() -> Image.Image:
    """A smooth picture, as small models draw."""
    pixels = np.random.default_rng(3).integers(0, 256, (64, 64, 3), np.uint8)
    return enlarge(Image.fromarray(pixels).resize((12, 12), Image.Resampling.BOX).resize((64, 64)))


def encode(image: Image.Image, format: str, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def test_a_download_tells_its_recipe_and_has_the_mark() -> None:
    content = encode_png(mark_picture(scene()), {"version": "0.1.0", **RECIPE.to_dict()})
    found = trace_picture(content)
    assert (found.recipe, found.note, found.made_here) == (RECIPE, "", True)


def test_a_jpeg_of_it_has_lost_the_recipe_but_not_the_mark() -> None:
    found = trace_picture(encode(mark_picture(scene()), "JPEG", quality=60))
    assert found.recipe is None and "no recipe" in found.note
    assert found.made_here


def test_a_picture_from_elsewhere_tells_nothing() -> None:
    found = trace_picture(encode(scene(), "PNG"))
    assert found.recipe is None and not found.made_here


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("{", "can't read"),
        ("[" * 100_000, "can't read"),
        ("[1]", "not an object"),
        ("{}", "does not say its release"),
        (json.dumps(RECIPE.to_dict() | {"top_k": -3}), "top_k=-3"),
    ],
)
def test_forged_recipes_are_notes(text: str, note: str) -> None:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("dalle-mini", text)
    found = trace_picture(encode(Image.new("RGB", (64, 64)), "PNG", pnginfo=info))
    assert found.recipe is None and note in found.note


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "1"])
def test_pictures_of_every_kind_become_rgb(format: str, mode: str) -> None:
    image = scene().convert(mode)
    if format == "JPEG":
        image = image.convert("L" if mode in ("L", "1") else "RGB")
    opened = open_upload(encode(image, format))
    assert (opened.mode, opened.size, opened.info) == ("RGB", (256, 256), {})


def test_deep_and_printers_pixels_are_read() -> None:
    deep = Image.fromarray(np.full((64, 64), 40_000, np.uint16))
    assert open_upload(encode(deep, "PNG")).size == (64, 64)
    assert open_upload(encode(Image.new("CMYK", (64, 64)), "JPEG")).getpixel((5, 5)) == (255, 255, 255)


def test_what_is_transparent_becomes_white() -> None:
    assert open_upload(encode(Image.new("RGBA", (9, 9), (255, 0, 0, 0)), "PNG")).getpixel((4, 4)) == (255, 255, 255)


def test_a_photo_is_turned_upright_and_forgets_where_it_was_taken() -> None:
    image = Image.new("RGB", (40, 20), "red")
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    opened = open_upload(encode(image, "JPEG", exif=exif))
    assert opened.size == (20, 40)
    assert not opened.getexif() and "exif" not in opened.info


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no picture"),
        (b"hello", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf \n<?xml version='1.0'?><svg/>", "SVG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
        (encode(scene(), "BMP"), "no picture"),
        (encode(scene(), "TIFF"), "no picture"),
        (encode(scene(), "PNG")[:-5000], "damaged"),
        (encode(scene(), "JPEG")[:2000], "damaged"),
        (encode(scene(), "WEBP")[:500], "no picture|damaged"),
        (png_header(64, 64), "damaged"),
        (png_header(9000, 9000), "9000 × 9000"),
        (png_header(10_000, 10_000), "too large"),
        (png_header(60_000, 60_000), "too large"),
        (bytes(MAX_BYTES + 1), "20.0 MB"),
    ],
)
def test_what_is_no_picture_or_too_much_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        open_upload(content)
    assert caught.value.hint
    with pytest.raises(DataError, match=message):
        trace_picture(content)


def test_bytes_that_flip_never_crash() -> None:
    random = np.random.default_rng(0)
    for format in ("PNG", "JPEG", "WEBP", "GIF"):
        content = np.frombuffer(encode(scene().resize((48, 48)), format), np.uint8)
        for _ in range(30):
            broken = content.copy()
            broken[random.integers(0, len(broken), 8)] = random.integers(0, 256, 8)
            try:
                assert open_upload(broken.tobytes()).mode == "RGB"
            except DataError:
                pass
