"""Judged pictures on one sheet: the prompt below each, and below that what the judge took it for."""

import textwrap
from collections.abc import Sequence

from PIL import Image, ImageDraw

from dalle_mini.evaluate.verdicts import Verdict

COLUMNS, MOST = 8, 256
"""A sheet shows at most so many pictures, taken evenly from all."""

_PICTURE, _MARGIN, _LINE, _LETTERS, _PROMPT_LINES = 128, 6, 12, 22, 2
_RIGHT, _WRONG, _PROMPT = "#1a7f37", "#b42318", "#1f2328"


def compose_sheet(judged: Sequence[tuple[str, Verdict]]) -> Image.Image:
    """Pictures at 128 pixels with their prompts; a field is green where it is right, else red, with what was asked."""
    count = min(MOST, len(judged))
    shown = [judged[place * len(judged) // count] for place in range(count)]
    texts = [_lines(*pair) for pair in shown]
    width = _PICTURE + 2 * _MARGIN
    height = _PICTURE + 2 * _MARGIN + _LINE * max(map(len, texts))
    sheet = Image.new("RGB", (min(COLUMNS, count) * width, -(-count // COLUMNS) * height), "white")
    pen = ImageDraw.Draw(sheet)
    for place, ((_, verdict), lines) in enumerate(zip(shown, texts, strict=True)):
        x, y = place % COLUMNS * width + _MARGIN, place // COLUMNS * height + _MARGIN
        sheet.paste(verdict.picture.convert("RGB").resize((_PICTURE, _PICTURE), Image.Resampling.BICUBIC), (x, y))
        for number, (text, color) in enumerate(lines):
            pen.text((x, y + _PICTURE + 2 + number * _LINE), text, fill=color)
    return sheet


def _lines(prompt: str, verdict: Verdict) -> list[tuple[str, str]]:
    lines = [(line, _PROMPT) for line in textwrap.wrap(prompt, _LETTERS, max_lines=_PROMPT_LINES, placeholder=" …")]
    for field, wanted in verdict.wanted.items():
        found = verdict.named.get(field)
        if found is not None:
            text, color = (found, _RIGHT) if found == wanted else (f"{found} ({wanted})", _WRONG)
            lines += [(line, color) for line in textwrap.wrap(text, _LETTERS, max_lines=2, placeholder=" …")]
    return lines
