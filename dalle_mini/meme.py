"""Memes: text in capitals, white with a black outline, on one, two, four or nine pictures.

A caption has a place and a room in fractions of the picture, so that it can be dragged about. What is shown while
somebody writes and what is downloaded come from the same `draw_meme`.
"""

import dataclasses
import math
from collections.abc import Sequence

from PIL import Image, ImageOps

from dalle_mini.errors import DataError
from dalle_mini.grid import GAP, compose_grid
from dalle_mini.lettering import MEME, Lettered, Limits, Style, draw, fit, report

PANELS = (1, 2, 4, 9)
MAX_TEXT = 500
MAX_CAPTIONS = 20

_SHEET = 1024
"""Pixels of the least longer side: letters are sharp even where pictures are small."""
_STYLE = Style(MEME, "white", pitch=1.12, outline=0.07, capitals=True)
_LARGEST, _SMALLEST = 0.16, 0.028
"""Sizes of letters, as shares of the shorter side."""


@dataclasses.dataclass(frozen=True)
class Caption:
    """Text and where it stands: `x` is its middle, `y` its top, middle or bottom, as `anchor` is 0, 0.5 or 1.

    `width` and `height` are the room that it is fitted into. All are fractions of the picture, or of picture `panel`.
    """

    text: str
    x: float = 0.5
    y: float = 0.5
    anchor: float = 0.5
    width: float = 0.94
    height: float = 0.32
    panel: int | None = None

    def __post_init__(self) -> None:
        if len(self.text) > MAX_TEXT:
            raise DataError(f"a caption has {len(self.text):,} characters", hint=f"use at most {MAX_TEXT}")
        for name in ("x", "y", "anchor", "width", "height"):
            value, least = getattr(self, name), 0.02 if name in ("width", "height") else 0
            if not least <= value <= 1:
                raise DataError(f"a caption's {name}={value!r} is not from {least} to 1")


def top(text: str, *, panel: int | None = None) -> Caption:
    """A caption along the upper edge."""
    return Caption(text, y=0.035, anchor=0, panel=panel)


def bottom(text: str, *, panel: int | None = None) -> Caption:
    """A caption along the lower edge."""
    return Caption(text, y=0.965, anchor=1, panel=panel)


def draw_meme(images: Sequence[Image.Image], captions: Sequence[Caption]) -> Lettered:
    """Write captions on a sheet of pictures; DataError for a number of pictures or a panel that there is not."""
    if len(images) not in PANELS:
        raise DataError(f"a meme of {len(images)} pictures", hint="use one, two, four or nine")
    if len(captions) > MAX_CAPTIONS:
        raise DataError(f"{len(captions)} captions", hint=f"use at most {MAX_CAPTIONS}")
    columns = math.ceil(math.sqrt(len(images)))
    panels = _enlarge(images, columns)
    sheet = compose_grid(panels, columns=columns)
    letterings = []
    for caption in captions:
        left, upper, width, height = _area(caption, sheet.size, panels[0].size, len(images), columns)
        short = min(width, height)
        smallest = max(8, round(short * _SMALLEST))
        limits = Limits(caption.width * width, caption.height * height, round(short * _LARGEST), smallest)
        lettering = fit(caption.text, limits, _STYLE)
        half = max(map(lettering.width_of, lettering.lines), default=0.0) / 2
        above, below = lettering.ink
        block = above + lettering.height + below
        # Dragged to an edge, text stays whole.
        x = _within(caption.x * width, half, half, width)
        y = _within(caption.y * height - caption.anchor * block, 0, block, height)
        draw(sheet, lettering, x=left + x, top=upper + y + above)
        letterings.append(lettering)
    return report(sheet, letterings)


def _enlarge(images: Sequence[Image.Image], columns: int) -> list[Image.Image]:
    """Pictures of one size, large enough to write on."""
    width, height = images[0].size
    scale = max(1.0, (_SHEET - (columns - 1) * GAP) / columns / max(width, height))
    size = (round(width * scale), round(height * scale))
    return [ImageOps.fit(image.convert("RGB"), size, Image.Resampling.BICUBIC) for image in images]


def _area(
    caption: Caption, sheet: tuple[int, int], panel: tuple[int, int], count: int, columns: int
) -> tuple[int, int, int, int]:
    """Left, top, width and height of what a caption's fractions are of."""
    if caption.panel is None:
        return (0, 0, *sheet)
    if not 0 <= caption.panel < count:
        raise DataError(f"a caption on picture {caption.panel}", hint=f"pictures are numbered from 0 to {count - 1}")
    row, column = divmod(caption.panel, columns)
    return (column * (panel[0] + GAP), row * (panel[1] + GAP), *panel)


def _within(place: float, before: float, after: float, length: float) -> float:
    """The place moved so that what reaches before and after it is inside; centered where there is no room."""
    margin = 0.02 * length
    least, most = before + margin, length - after - margin
    return min(max(place, least), most) if least <= most else (least + most) / 2
