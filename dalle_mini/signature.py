"""What every picture that is made for sharing says: the name, and that a machine made it."""

from pathlib import Path

from PIL import Image

from dalle_mini.lettering import PLAIN, Lettering, Limits, Style, draw, fit

NAME = "DALL·E mini"
NOTICE = "AI-generated"
INK, SOFT = "#191a17", "#5c5f56"
"""Colors of text and of lesser text, as on the page."""

_LOGO = Path(__file__).parents[1] / "assets" / "favicon.png"


def plain_style(fill: str) -> Style:
    """Text in sentences."""
    return Style(PLAIN, fill, pitch=1.3)


def set_line(text: str, size: int, fill: str) -> Lettering:
    """One line of a known text."""
    return fit(text, Limits(10_000, 10_000, size, size), plain_style(fill))


def sign(image: Image.Image, *, left: int, right: int, top: int, height: int) -> None:
    """Write logo and name at the left end of a line, and the notice at its right end."""
    with Image.open(_LOGO) as logo:
        drawn = logo.convert("RGBA").resize((height, height), Image.Resampling.LANCZOS)
    image.paste(drawn, (left, top), drawn)
    name = set_line(NAME, round(height * 0.8), INK)
    notice = set_line(NOTICE, round(height * 0.7), SOFT)
    baseline = top + height * 0.78
    draw(image, name, x=left + height * 1.35, top=baseline - name.height, anchor=0)
    draw(image, notice, x=right, top=baseline - notice.height, anchor=1)
