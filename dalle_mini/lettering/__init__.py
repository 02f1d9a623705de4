"""Text in pictures: emoji, right-to-left scripts and what else the shipped fonts cover, as large as fits.

`fit` chooses size and lines, `draw` writes them; what no font has is left out and reported.
"""

from dalle_mini.lettering.drawing import Lettered, draw, report
from dalle_mini.lettering.fonts import MEME, PLAIN
from dalle_mini.lettering.layout import Lettering, Limits, Style, fit

__all__ = ["MEME", "PLAIN", "Lettered", "Lettering", "Limits", "Style", "draw", "fit", "report"]
