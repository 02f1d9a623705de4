"""What a picture that somebody brings tells of where it is from: the recipe in its PNG, and the watermark.

Uploads are read with suspicion: few kinds of files, few bytes, few pixels, and of what is read only the pixels are
kept. A recipe is a claim, for anybody can write one into a file; the watermark says only that a picture was made with
this program.
"""

import dataclasses
import io
import warnings

from PIL import Image, ImageOps

from dalle_mini.config import KeptTokens
from dalle_mini.errors import DalleMiniError, DataError
from dalle_mini.grid import extract_recipe
from dalle_mini.recipe import Recipe
from dalle_mini.watermark import Finding, find_mark

MAX_BYTES = 20 * 2**20
MAX_PIXELS = 40_000_000
FORMATS = ("PNG", "JPEG", "WEBP", "GIF")

_HINT = "use a PNG, JPEG, WebP or GIF picture"


@dataclasses.dataclass(frozen=True)
class Provenance:
    """`recipe` is None where the file holds none that can be understood; `note` then says why."""

    recipe: Recipe | None
    note: str
    mark: Finding

    @property
    def made_here(self) -> bool:
        """Whether the pixels themselves say so."""
        return self.mark.found


def trace_picture(content: bytes) -> Provenance:
    """Look for all signs of where a picture file is from; DataError if it is no picture that may be read."""
    with _open(content) as image:
        pixels = _upright(image)
        try:
            recipe, note = Recipe.from_dict(extract_recipe(image)), ""
        except DalleMiniError as error:
            recipe, note = None, str(error)
    return Provenance(recipe, note, find_mark(pixels))


def read_tokens(content: bytes) -> KeptTokens | None:
    """The tokens that a PNG says it was drawn with, if it says so: a claim, like all of a recipe."""
    with _open(content) as image:
        try:
            image.load()
            return KeptTokens.from_text(extract_recipe(image).get("tokens", ""))
        except (DalleMiniError, OSError, ValueError, SyntaxError):
            return None


def open_upload(content: bytes) -> Image.Image:
    """The pixels of an uploaded file in RGB, upright, on white; nothing else of the file is kept.

    DataError for files that are too large, cut short, no pictures, or drawings in SVG. Of an animation, the first
    frame.
    """
    with _open(content) as image:
        return _upright(image)


def _upright(image: Image.Image) -> Image.Image:
    """Decode, turn as EXIF says, and drop everything but the pixels."""
    try:
        image.load()
        layer = ImageOps.exif_transpose(image).convert("RGBA")
    except Exception as error:  # decoders and EXIF readers raise errors of any kind
        raise DataError(f"the picture is damaged: {error}", hint=_HINT) from error
    ground = Image.new("RGBA", layer.size, "white")
    pixels = Image.alpha_composite(ground, layer).convert("RGB")
    return Image.frombytes("RGB", pixels.size, pixels.tobytes())


def _open(content: bytes) -> Image.Image:
    """A picture whose size is known and allowed, not yet decoded."""
    if len(content) > MAX_BYTES:
        size = f"{len(content) / 2**20:.1f} MB"
        raise DataError(f"the file has {size}", hint=f"use one of at most {MAX_BYTES // 2**20} MB")
    head = content[:1000].lstrip().lower()
    if head.startswith((b"<svg", b"<?xml", b"<!doctype")) or b"<svg" in head:
        raise DataError("drawings in SVG are not read", hint=_HINT)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(content), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise DataError(
            f"the picture is too large: {error}", hint=f"use one of at most {MAX_PIXELS:,} pixels"
        ) from error
    except Exception as error:
        raise DataError("the file is no picture that can be read", hint=_HINT) from error
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width} × {image.height} pixels"
        raise DataError(f"the picture is too large: {size}", hint=f"use one of at most {MAX_PIXELS:,} pixels")
    return image
