"""Letters on a picture: first every outline, then every letter, so that no outline lies on a neighbor."""

import dataclasses
import itertools
from collections.abc import Generator, Sequence

from PIL import Image, ImageDraw

from dalle_mini.lettering.fonts import cap_height, drop, load_font, scale
from dalle_mini.lettering.layout import Lettering, Run, direction, spell


@dataclasses.dataclass(frozen=True)
class Lettered:
    """A picture that was written on. `missing` are the characters that no font has, which were left out.

    `cut` says whether a text was so long that its end is not on the picture.
    """

    image: Image.Image
    missing: tuple[str, ...]
    cut: bool


def report(image: Image.Image, letterings: Sequence[Lettering]) -> Lettered:
    """A picture with what could not be written on it."""
    missing = dict.fromkeys(itertools.chain(*(lettering.missing for lettering in letterings)))
    return Lettered(image, tuple(missing), any(lettering.cut for lettering in letterings))


def draw(image: Image.Image, lettering: Lettering, *, x: float, top: float, anchor: float = 0.5) -> None:
    """Write on an RGB picture. Lines' left ends, centers or right ends (`anchor` 0, 0.5, 1) stand at `x`."""
    style = lettering.style
    pen = ImageDraw.Draw(image)
    runs = list(_places(lettering, x, top, anchor))
    if style.outline:
        width = max(1.0, style.outline * lettering.size)
        for run, position in runs:
            _write(pen, lettering, run, position, style.outline_fill, width)
    for run, position in runs:
        _write(pen, lettering, run, position, style.fill)


def _places(lettering: Lettering, x: float, top: float, anchor: float) -> Generator[tuple[Run, tuple[float, float]]]:
    """Every run with the left end of its baseline."""
    size, style = lettering.size, lettering.style
    baseline = top + size * cap_height(style.chain[0])
    for line in lettering.lines:
        left = x - lettering.width_of(line) * anchor
        for run in line:
            yield run, (left, baseline)
            left += lettering.width_of([run])
        baseline += size * lettering.pitch


def _write(
    pen: ImageDraw.ImageDraw,
    lettering: Lettering,
    run: Run,
    position: tuple[float, float],
    fill: str,
    outline: float = 0,
) -> None:
    first = lettering.style.chain[0]
    font = load_font(run.face.name, max(1, round(lettering.size * scale(run.face, first))))
    x, baseline = position
    place = (x, baseline + drop(run.face, first) * lettering.size)
    colored = run.face.name == "emoji" and not outline
    pen.text(
        place,
        spell(run),
        fill=fill,
        font=font,
        anchor="ls",
        direction=direction(run),
        stroke_width=outline,
        embedded_color=colored,
    )
