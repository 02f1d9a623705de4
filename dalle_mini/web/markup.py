"""Small parts of the page as HTML, and what all parts are made of; whatever a visitor typed is escaped in the modules
that write HTML (this one, `tiles`, `result`, `why`, `about`), nowhere else.

Gradio compares new HTML with what is shown and changes what differs: live regions stay, and pictures don't flicker.
"""

import re
from html import escape

from dalle_mini.errors import DalleMiniError
from dalle_mini.web.words import Words

LONGEST_NAME = 60
LONGEST_QUOTE = 240


def render_header(words: Words) -> str:
    links = "".join(
        f'<li><button type="button" class="link" data-panel="{panel}" aria-haspopup="dialog">'
        f"{escape(words(f'{panel}.title'))}</button></li>"
        for panel in ("about", "tour", "origin", "history")
    )
    return (
        f'<header lang="{words.language}"><h1>DALL<span class="dot">·</span>E mini</h1>'
        f"<p>{escape(words('header.lead'))}</p><nav><ul>{links}</ul></nav></header>"
    )


def render_notify(words: Words) -> str:
    """Whether to be told of pictures when one looks elsewhere; a script keeps the answer."""
    return f'<label class="check"><input type="checkbox" data-notify>{escape(words("notice.ask"))}</label>'


def render_footer(words: Words) -> str:
    return f"<footer><p>{escape(words('footer'))}</p></footer>"


def render_status(
    text: str = "", *, detail: str = "", done: int = 0, total: int = 0, bar: str = "", error: bool = False
) -> str:
    """One line that is read out when it changes, a detail that is not, and how far the work is, a `bar` by its name."""
    kind = "status error" if error else "status"
    progress = f'<progress max="{total}" value="{done}" aria-label="{escape(bar)}"></progress>' if total else ""
    return (
        f'<div class="{kind}"><p role="status" dir="auto">{escape(text)} '
        f'<span class="detail" aria-hidden="true">{escape(detail)}</span></p>'
        f'<div class="bar">{progress}</div></div>'
    )


def render_error(error: DalleMiniError) -> str:
    return render_status(" ".join(map(as_sentence, filter(None, (str(error), error.hint)))), error=True)


def render_mark(words: Words, mark: float | None) -> str:
    """How well a picture fits the words, as a small badge; nothing where nobody marked it."""
    if mark is None:
        return ""
    return f'<span class="mark"><span class="spoken">{escape(words("mark"))} </span>{format_mark(mark)}</span>'


def format_mark(mark: float) -> str:
    """Three digits, with a true minus sign, and none before zero."""
    return f"{mark:z.3f}".replace("-", "\N{MINUS SIGN}")


def as_sentence(text: str) -> str:
    """A message with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def name_file(prompt: str, detail: str, kind: str = "png") -> str:
    """A name that every system takes: what can be kept of the prompt, and what the file is."""
    kept = re.sub(r"[^a-z0-9]+", "-", f"{prompt.lower()[:LONGEST_NAME]} {detail}")
    return f"{kept.strip('-')}.{kind}"
