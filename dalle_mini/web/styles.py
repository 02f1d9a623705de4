"""Style chips: small buttons below the box that add a style's words to the prompt, or take them out; a script does it.

They are of the model's own world, read from the lexicon that its release may bring; without one there are none.
"""

import functools
from html import escape

from dalle_mini.serving import shelf
from dalle_mini.web.parts import Changes, make_html
from dalle_mini.web.words import Words


class StyleChips:
    """The chips of the chosen model."""

    def __init__(self, words: Words, model: str) -> None:
        self.part = make_html(render_styles(words, model), "styles")

    def show(self, words: Words, model: str) -> Changes:
        return {self.part: render_styles(words, model)}


def render_styles(words: Words, model: str) -> str:
    """A button for each style, and one that shows those for which there is no room at first."""
    styles = _read_styles(model)
    if not styles:
        return '<div class="chips"></div>'
    chips = "".join(
        f'<button type="button" class="chip" data-style="{escape(style)}" aria-pressed="false">'
        f"<span>{escape(style)}</span></button>"
        for style in styles
    )
    more = escape(words("styles.more"))
    return (
        f'<div class="chips" role="group" aria-label="{escape(words("styles"))}">{chips}'
        f'<button type="button" class="chip more" data-more aria-expanded="false"><span>{more}</span></button></div>'
    )


@functools.lru_cache(16)
def _read_styles(model: str) -> tuple[str, ...]:
    return shelf.read_styles(model)
