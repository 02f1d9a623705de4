"""Pictures as a CLIP reads them: brought to its size exactly as `CLIPImageProcessor` does.

The short side by a bicubic filter, then the middle of the long one.
"""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from dalle_mini.arrays import UInt8
from dalle_mini.errors import DataError

LONGEST = 100
"""Pictures that are longer, in widths, are refused: most of what the filter makes of them would be cut off."""

Pictures = Sequence[Image.Image] | np.ndarray
"""PIL pictures of any sizes and modes, or an array [n, height, width, 3]: uint8, or float in [0, 1]."""


def prepare_pixels(images: Pictures, size: int) -> UInt8[np.ndarray, "images size size 3"]:
    """Pictures as RGB squares of `size` pixels a side."""
    if isinstance(images, np.ndarray):
        images = [Image.fromarray(pixels) for pixels in _to_bytes(images)]
    squares = [np.asarray(_crop_square(image.convert("RGB"), size)) for image in images]
    return np.stack(squares) if squares else np.empty((0, size, size, 3), np.uint8)


def _to_bytes(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim != 4 or pixels.shape[-1] != 3 or 0 in pixels.shape[1:]:
        raise DataError(
            f"expected pictures as [n, height, width, 3], found an array of shape {pixels.shape}",
            hint="give a list of PIL pictures, or one array for pictures of one size",
        )
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        raise DataError(f"expected pixels as uint8 or float, found {pixels.dtype}", hint="convert them to uint8")
    return np.round(np.clip(pixels.astype(np.float32), 0, 1) * 255).astype(np.uint8)


def _crop_square(image: Image.Image, size: int) -> Image.Image:
    """The picture's middle, its short side `size` pixels long."""
    short, long = sorted(image.size)
    if not 0 < long <= LONGEST * short:
        message = f"can't crop a picture of {image.width} × {image.height} pixels"
        raise DataError(message, hint=f"give one that is at most {LONGEST} times as long as wide")
    # Quirk: the long side is cut to whole pixels, not rounded.
    length = int(size * long / short)
    width, height = (size, length) if image.width <= image.height else (length, size)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))
