"""A shared page as HTML that needs no script; whatever an author or a visitor wrote is escaped here, nowhere else."""

import base64
import dataclasses
import hashlib
import unicodedata
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from urllib.parse import urlencode

from dalle_mini.serving.share_pictures import CARD, CLASSIC, GRID, SMALL_GRID
from dalle_mini.serving.shares import REASONS, Share, remix_query

_STYLE = (Path(__file__).parents[2] / "assets" / "share.css").read_text(encoding="utf-8")
_STYLE_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; img-src 'self'; style-src 'sha256-{_STYLE_DIGEST}'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors {framed_by}"
)
"""What a browser may do with a page; `framed_by` are the sites that may show it in a frame."""
SITE = "DALL·E mini"
CARD_SIZE = (1200, 630)

_LONGEST_TITLE, _LONGEST_HEADING, _LONGEST_ALT = 70, 120, 240
_NUMBERS = ("No", "One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a page is: `base` is the site's address for others, `root` leads to it from the page."""

    base: str
    root: str = ""

    def address(self, share: Share) -> str:
        """The permanent link of a page."""
        return f"{self.base}/g/{share.id}"

    def picture(self, share: Share, name: str) -> str:
        """A picture's address for others."""
        return f"{self.address(share)}/{name}"

    def near(self, share: Share, name: str) -> str:
        """A picture's or a form's address from the page."""
        return f"{self.root}g/{share.id}/{name}"


def write_page(share: Share, place: Place) -> str:
    """The page that a link leads to."""
    what = describe_pictures(share)
    if share.prompt is None:
        heading, lead = f"<h1>{what}</h1>", f"Drawn by {SITE}. The prompt is its author’s secret."
    else:
        # A long one scrolls, and keys must reach what scrolls.
        size = ' class="long" tabindex="0"' if len(share.prompt) > _LONGEST_HEADING else ""
        heading = f'<h1 dir="auto"{size}>{_text(share.prompt)}</h1>'
        lead = f"{what} that {SITE} drew from these words."
    picture = (
        f'<a class="sheet" href="{place.near(share, GRID)}"><img src="{place.near(share, SMALL_GRID)}" '
        f'width="{share.width}" height="{share.height}" alt="{_text(describe_alt(share))}"></a>'
    )
    parts = [
        f'<div class="head">{heading}<p class="lead">{lead}</p></div>',
        picture,
        _write_actions(share, place),
        _write_downloads(share, place),
        _write_facts(share),
        f'<div class="forms">{_write_report(share, place)}{_write_delete(share, place)}</div>',
    ]
    return _write_document(title_of(share), _write_tags(share, place), "".join(parts), place.root)


def write_notice(title: str, text: str, root: str, *, back: str = "") -> str:
    """A page with something to say instead; `back` is the address of the page it is about."""
    links = f'<a class="button" href="{escape(back)}">Back to the page</a>' if back else ""
    links += f'<a class="button{" primary" * (not back)}" href="{escape(root)}">Make your own</a>'
    text = f'<h1>{_text(title)}</h1><p class="lead">{_text(text)}</p><p class="actions">{links}</p>'
    body = f'<div class="notice">{text}</div>'
    return _write_document(title, '<meta name="robots" content="noindex">', body, root)


def title_of(share: Share) -> str:
    """The prompt in quotes, in one line of a title's length, or what there is to see."""
    return describe_pictures(share) if share.prompt is None else f"“{_shorten(share.prompt, _LONGEST_TITLE)}”"


def describe_pictures(share: Share) -> str:
    """`Nine pictures`."""
    count = share.pictures
    return f"{_NUMBERS[count] if count < len(_NUMBERS) else count} picture{'s' * (count != 1)}"


def describe_alt(share: Share) -> str:
    """What the grid shows, for those who don't see it."""
    what = f"{describe_pictures(share)} made by AI"
    return what if share.prompt is None else f"{what}: {_shorten(share.prompt, _LONGEST_ALT)}"


def _write_tags(share: Share, place: Place) -> str:
    """What other sites read: Open Graph, Twitter, oEmbed, robots."""
    title, alt = title_of(share), describe_alt(share)
    text = f"{describe_pictures(share)} by {SITE}. Make your own."
    address, card = place.address(share), place.picture(share, CARD)
    width, height = CARD_SIZE
    properties = {
        "og:type": "website",
        "og:site_name": SITE,
        "og:title": title,
        "og:description": text,
        "og:url": address,
        "og:image": card,
        "og:image:type": "image/png",
        "og:image:width": str(width),
        "og:image:height": str(height),
        "og:image:alt": alt,
    }
    names = {
        "description": text,
        "twitter:card": "summary_large_image",
        "twitter:title": title,
        "twitter:description": text,
        "twitter:image": card,
        "twitter:image:alt": alt,
    }
    if share.noindex:
        names["robots"] = "noindex"
    oembed = f"{place.base}/oembed?{urlencode({'url': address})}"
    return (
        _write_metas("property", properties)
        + _write_metas("name", names)
        + f'<link rel="canonical" href="{escape(address)}">'
        + f'<link rel="alternate" type="application/json+oembed" href="{escape(oembed)}" title="{_text(title)}">'
    )


def _write_metas(kind: str, values: Mapping[str, str]) -> str:
    return "".join(f'<meta {kind}="{name}" content="{_text(value)}">' for name, value in values.items())


def _write_actions(share: Share, place: Place) -> str:
    remix = remix_query(share)
    links = []
    if remix:
        links.append(f'<a class="button primary" href="{place.root}?{escape(remix)}">Remix</a>')
    links.append(f'<a class="button{" primary" * (not remix)}" href="{place.root}">Make your own</a>')
    return f'<p class="actions">{"".join(links)}</p>'


def _write_downloads(share: Share, place: Place) -> str:
    offers = [(GRID, "Grid", "PNG"), (SMALL_GRID, "Grid, smaller", "WebP")]
    if share.prompt is not None:
        offers.append((CLASSIC, "With the words", "PNG"))
    offers.append((CARD, "Card", "PNG"))
    items = [
        f'<li><a href="{place.near(share, name)}" download="dalle-mini-{share.id[:6]}-{name}">{label} '
        f"<small>{kind}</small></a></li>"
        for name, label, kind in offers
    ]
    return f'<section class="downloads"><h2>Download</h2><ul>{"".join(items)}</ul></section>'


def _write_facts(share: Share) -> str:
    facts = []
    if share.recipe:
        facts += [("Model", _text(share.recipe.release)), ("Seed", str(share.recipe.seed))]
    facts += [("Shared", _write_day(share.created)), ("Shown until", _write_day(share.expires))]
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in facts)}</dl>"


def _write_report(share: Share, place: Place) -> str:
    choices = "".join(
        f'<label><input type="radio" name="reason" value="{name}" required> {label}</label>'
        for name, label in REASONS.items()
    )
    return (
        f'<details><summary>Report</summary><form method="post" action="{place.near(share, "report")}">'
        f'<fieldset><legend>What is wrong with it?</legend>{choices}</fieldset><button class="button">Report</button>'
        "</form></details>"
    )


def _write_delete(share: Share, place: Place) -> str:
    return (
        f'<details><summary>Delete</summary><form method="post" action="{place.near(share, "delete")}">'
        '<label for="token">Delete token</label><input id="token" name="token" type="text" required maxlength="100" '
        'autocomplete="off" autocapitalize="off" spellcheck="false" aria-describedby="token-help">'
        '<p id="token-help">Whoever shared this page was given it then. What is deleted can’t be had back.</p>'
        '<button class="button wrong">Delete for good</button></form></details>'
    )


def _write_document(title: str, tags: str, body: str, root: str) -> str:
    root = escape(root)
    name = "DALL<span>·</span>E mini"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<title>{_text(title)} · {SITE}</title><meta name="color-scheme" content="light dark">{tags}'
        f'<link rel="icon" href="{root}favicon.ico"><style>{_STYLE}</style></head><body>'
        f'<header><a href="{root}" aria-label="{SITE}">{name}</a></header><main>{body}</main>'
        "<footer><p>The pictures are made up: they can be strange, wrong or unfair.</p></footer></body></html>\n"
    )


def _write_day(seconds: float) -> str:
    day = datetime.fromtimestamp(seconds, UTC)
    return f'<time datetime="{day:%Y-%m-%dT%H:%MZ}">{day.day} {day:%b %Y}</time>'


def _shorten(text: str, length: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _text(text: str) -> str:
    """Escaped, without characters that HTML can't hold."""
    return escape("".join(" " if unicodedata.category(each) in ("Cc", "Cs") else each for each in text))
