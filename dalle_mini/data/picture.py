"""From the bytes of a picture, whoever made them, to a small square one; and fingerprints by which two are alike."""

import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from dalle_mini.data.items import Drop

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
FLATTEST_STEP = 2

# What Pillow's readers raise over broken files.
_BROKEN = (
    OSError,
    ValueError,
    SyntaxError,
    EOFError,
    KeyError,
    IndexError,
    TypeError,
    OverflowError,
    MemoryError,
    struct.error,
    zlib.error,
)


@dataclass(frozen=True)
class Fingerprint:
    """`gradients` are 64 signs of steps from left to right (a difference hash), `colors` the means of 4 × 4 fields."""

    gradients: int
    colors: bytes


def read_square(data: bytes, resolution: int, *, min_side: int, max_aspect: float, max_pixels: int) -> Image.Image:
    """The middle square of a picture as it is meant to be seen: upright, on white; Drop if it can't be used."""
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as image:
            _check_size(image.size, min_side, max_aspect, max_pixels)
            image.draft("RGB", (2 * resolution, 2 * resolution))  # JPEG files can be read smaller
            upright = ImageOps.exif_transpose(image)
        return ImageOps.fit(_on_white(upright), (resolution, resolution), Image.Resampling.LANCZOS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Drop("too large", str(error)) from error
    except UnidentifiedImageError as error:
        raise Drop("broken picture", f"none of {', '.join(FORMATS)}") from error
    except _BROKEN as error:
        raise Drop("broken picture", str(error)) from error


def fingerprint(image: Image.Image) -> Fingerprint:
    """What stays of a picture when it is resized or packed again."""
    gray = np.asarray(image.convert("L").resize((9, 8), Image.Resampling.BOX), np.int16)
    # Small steps count as none: in flat places they are noise.
    signs = np.packbits(np.diff(gray, axis=1) > FLATTEST_STEP)
    colors = image.resize((4, 4), Image.Resampling.BOX).tobytes()
    return Fingerprint(int.from_bytes(signs.tobytes()), colors)


def _check_size(size: tuple[int, int], min_side: int, max_aspect: float, max_pixels: int) -> None:
    short, long = sorted(size)
    shown = f"{size[0]} × {size[1]} pixels"
    if short * long > max_pixels:
        raise Drop("too large", shown)
    if short < max(1, min_side):
        raise Drop("too small", shown)
    if long > max_aspect * short:
        raise Drop("extreme shape", shown)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB")
    layers = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layers.size, "white"), layers).convert("RGB")
