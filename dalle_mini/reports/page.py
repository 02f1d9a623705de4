"""One HTML page that holds everything it shows: no script, and nothing of another host.

Plain text is escaped by whatever takes it; `Markup` is what has been.
"""

import base64
import html
import io
from collections.abc import Iterable, Mapping, Sequence

from PIL import Image

_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; background: Canvas; color: CanvasText; }
body { max-width: 76rem; margin: 2rem auto; padding: 0 1rem; overflow-wrap: break-word; }
h1, h2, h3 { line-height: 1.25; } h2 { margin-top: 2.5rem; }
p, li { max-width: 46rem; }
figure { margin: 0; } figcaption { font-weight: 600; }
svg { width: 100%; height: auto; } svg text { font-size: 12px; fill: currentColor; }
.axis { stroke: currentColor; opacity: .35; } .curve { fill: none; stroke: #0b84c6; stroke-width: 1.8; }
img { max-width: 100%; height: auto; } pre { overflow-x: auto; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr)); gap: 1.5rem; }
.scroll { overflow-x: auto; margin: 1rem 0; } .scroll:focus-visible { outline: 2px solid #0b84c6; }
table { border-collapse: collapse; } caption { text-align: left; padding-bottom: .5rem; }
th, td { padding: .3rem .8rem .3rem 0; text-align: left; border-bottom: 1px solid #8886; }
thead th { vertical-align: bottom; } td, tbody th { white-space: nowrap; font-variant-numeric: tabular-nums; }
"""
# Whatever a mistake let through, a browser would not fetch it.
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class Markup(str):
    """HTML, in which all text is escaped."""


Content = str | Markup
"""Text, or what is HTML already."""


def escape(content: Content) -> Markup:
    return content if isinstance(content, Markup) else Markup(html.escape(content))


def compose_page(title: str, *parts: Markup, style: str = "") -> str:
    """A whole page; `style` is CSS of this kind of page."""
    name = html.escape(title)
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="{_POLICY}">
<title>{name}</title><style>{_STYLE}{style}</style></head><body>
<h1>{name}</h1>
{"".join(parts)}
</body></html>
"""


def heading(words: Content, level: int = 2) -> Markup:
    return Markup(f"<h{level}>{escape(words)}</h{level}>\n")


def paragraph(words: Content) -> Markup:
    return Markup(f"<p>{escape(words)}</p>\n")


def bullets(lines: Iterable[Content]) -> Markup:
    return Markup(f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>\n")


def panels(parts: Iterable[Markup]) -> Markup:
    """Figures beside one another, as many as there is room for."""
    return Markup(f'<section class="panels">{"".join(parts)}</section>\n')


def details(summary: Content, body: Markup) -> Markup:
    """What is folded away until somebody asks."""
    return Markup(f"<details><summary>{escape(summary)}</summary>{body}</details>\n")


def table(caption: str, head: Sequence[Content], rows: Iterable[Sequence[Content]]) -> Markup:
    """A table that scrolls by itself where it is wider than the page; a row's first cell is its head."""
    columns = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    body = "".join(
        f'<tr><th scope="row">{escape(first)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in others)}</tr>\n'
        for first, *others in rows
    )
    name = html.escape(caption)
    return Markup(
        f'<div class="scroll" role="region" tabindex="0" aria-label="{name}"><table><caption>{name}</caption>'
        f"<thead><tr>{columns}</tr></thead><tbody>{body}</tbody></table></div>\n"
    )


def list_settings(settings: Mapping[str, object]) -> Markup:
    """How a report was made, folded away."""
    name = "Settings and files"
    return details(name, table(name, ["name", "value"], [[key, str(value)] for key, value in settings.items()]))


def figure(picture: Image.Image, caption: Content, alt: str, *, width: int = 1200) -> Markup:
    """A picture inside the page, at most `width` pixels wide."""
    shown = picture.convert("RGB")
    shown.thumbnail((width, width * 4))
    buffer = io.BytesIO()
    shown.save(buffer, "WEBP", quality=85)
    data = base64.b64encode(buffer.getvalue()).decode()
    image = f'<img src="data:image/webp;base64,{data}" alt="{html.escape(alt)}" width="{shown.width}">'
    return Markup(f"<figure><figcaption>{escape(caption)}</figcaption>{image}</figure>\n")
