"""The drawings of an art set in one file: an uncompressed zip of WebP pictures, `drawings/<set>.zip`.

The colors are lossy, the transparency is exact.
"""

import io
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from PIL import Image

from dalle_mini.errors import DataError

QUALITY = 90
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date in a zip: the bytes shall not depend on the day


def pack(pictures: Mapping[str, Image.Image]) -> bytes:
    """A pack of RGBA pictures by name; the same pictures give the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(pictures):
            packed = io.BytesIO()
            pictures[name].save(packed, "WEBP", quality=QUALITY, alpha_quality=100, method=4)
            archive.writestr(zipfile.ZipInfo(f"{name}.webp", EPOCH), packed.getvalue())
    return buffer.getvalue()


def names_in(path: Path) -> list[str]:
    """The names of a pack's drawings, in order."""
    with opened(path) as archive:
        return [name.removesuffix(".webp") for name in archive.namelist()]


def unpack(path: Path, names: Iterable[str]) -> dict[str, Image.Image]:
    """Some drawings of a pack as RGBA, cut to what is visible."""
    pictures = {}
    with opened(path) as archive:
        for name in names:
            try:
                packed = archive.read(f"{name}.webp")
            except KeyError as error:
                hint = "run `python -m recipes.world.fetch`"
                raise DataError(f"{path.name} has no drawing {name!r}", hint=hint) from error
            picture = Image.open(io.BytesIO(packed)).convert("RGBA")
            pictures[name] = picture.crop(picture.getchannel("A").getbbox())
    return pictures


def opened(path: Path) -> zipfile.ZipFile:
    """The pack, open for reading."""
    try:
        return zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        message = f"the drawings in {path} can't be read: {error}"
        raise DataError(message, hint="run `python -m recipes.world.fetch`") from error
