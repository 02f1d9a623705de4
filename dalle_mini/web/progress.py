"""How a drawing goes, in words."""

import math
from pathlib import Path

from dalle_mini.config import GenerationConfig
from dalle_mini.generation import Generation
from dalle_mini.web import markup
from dalle_mini.web.studio import Drawing, Held, Preparing, Waiting
from dalle_mini.web.words import Words

_HELD = {"room": "held.full", "own": "held.busy", "ration": "held.quick"}


def render_progress(words: Words, update: Held | Waiting | Preparing | Drawing) -> str:
    """The status line of a drawing that is not finished."""
    match update:
        case Held(limit, seconds):
            return markup.render_status(words(_HELD[limit]), detail=_count_down(words, seconds))
        case Waiting(place, seconds):
            line = words("status.waiting", place=place) if place > 1 else words("status.next")
            detail = words("status.about", time=describe_seconds(seconds)) if math.isfinite(seconds) else ""
            return markup.render_status(line, detail=detail)
        case Preparing(model):
            return markup.render_status(words("status.preparing", model=markup.shorten(Path(model).name, 40)))
        case Drawing(done, total, settings, seconds_left):
            detail = words("status.tokens", done=done, total=total, time=describe_seconds(seconds_left))
            line, bar = _describe_drawing(words, settings), words("status.bar")
            return markup.render_status(line, detail=detail, done=done, total=total, bar=bar)


def render_done(words: Words, generation: Generation, seconds: float) -> str:
    """The status line of a finished one."""
    detail = words("status.drawn", time=describe_seconds(seconds))
    return markup.render_status(_describe_finished(words, generation), detail=detail)


def describe_seconds(seconds: float) -> str:
    if seconds < 10:
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _count_down(words: Words, seconds: float) -> str:
    """In whole seconds, or minutes; nothing where nobody knows."""
    if not math.isfinite(seconds):
        return ""
    if seconds < 1:
        return words("held.soon")
    return words("held.in", time=f"{seconds:.0f} s" if seconds < 120 else describe_seconds(seconds))


def _describe_drawing(words: Words, settings: GenerationConfig) -> str:
    count, shown = settings.candidates or settings.images, settings.images
    return words("status.drawing_of", count=count, shown=shown) if count > shown else words("status.drawing")


def _describe_finished(words: Words, generation: Generation) -> str:
    count, shown = len(generation.candidates), len(generation.images)
    if count == shown:
        return markup.as_sentence(words.count("pictures", shown))
    return words("status.varied" if generation.settings.variety else "status.best", count=count, shown=shown)
