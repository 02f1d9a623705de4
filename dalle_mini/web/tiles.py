"""The grid as HTML: empty, unfinished, finished, or an example's.

A finished grid carries what its tiles' dialogs need as data: the drawing's name, its prompt, seeds and marks.
"""

import base64
import math
from collections.abc import Sequence
from html import escape

from PIL import Image

from dalle_mini.errors import DalleMiniError
from dalle_mini.generation import Generation
from dalle_mini.recipe import Recipe
from dalle_mini.web.downloads import encode_webp
from dalle_mini.web.examples import Example
from dalle_mini.web.markup import LONGEST_NAME, LONGEST_QUOTE, format_mark, name_file, render_mark, shorten
from dalle_mini.web.words import Words


def render_blank(words: Words, count: int) -> str:
    """The grid before there is anything to see."""
    return _grid(['<figure class="tile"></figure>'] * count, words("grid.blank"))


def render_unfinished(words: Words, pictures: Sequence[Image.Image]) -> str:
    """The grid as far as it is drawn; made like the finished one, so that pictures stay until the next are there."""
    tiles = [
        f'<figure class="tile"><button type="button" class="open" disabled><img src="{_data_address(picture)}"'
        f' alt="{escape(words("tile.unfinished", number=number))}"></button></figure>'
        for number, picture in enumerate(pictures, 1)
    ]
    return _grid(tiles, words("grid.unfinished"), busy=True)


def render_finished(words: Words, name: str, generation: Generation, *, public: bool = False) -> str:
    """The grid of a drawing that is kept as `name`; every tile can be opened.

    A flagged one is blurred and says why; unless the page is `public`, it can be looked at all the same.
    """
    prompt = generation.reading.prompt
    tiles = [_tile(words, name, generation, index, public=public) for index in range(len(generation.images))]
    data = {"drawing": name, "prompt": prompt, "seed": generation.seed, "recipe": link_recipe(generation)}
    data["tokens"] = generation.tokens.shape[1]
    return _grid(tiles, shorten(prompt, LONGEST_QUOTE), data=data)


def link_recipe(generation: Generation) -> str:
    """The link's part after the question mark that draws this again; empty where the prompt is too long for one."""
    try:
        return Recipe.from_dict(generation.recipe).to_query()
    except DalleMiniError:
        return ""


def _tile(words: Words, name: str, generation: Generation, index: int, *, public: bool) -> str:
    place, mark, count = generation.candidates.shown[index], generation.marks[index], len(generation.images)
    drawn, seed = generation.tiles[index], generation.seeds[index]
    prompt = drawn.words
    alt = escape(words("tile.alt", prompt=shorten(prompt, LONGEST_QUOTE), number=index + 1, count=count))
    verdict, cover = generation.verdict(place), ""
    if verdict and verdict.flagged:
        original = "" if public else _original(words, name, index, alt, name_file(prompt, f"seed {seed}"))
        cover = _cover(words, verdict.reason, original)
    told = "" if mark is None else format_mark(mark)
    picture = f'<img src="pictures/{name}/{index}.png" alt="{alt}">'
    own = f' data-prompt="{escape(prompt)}"' if prompt != generation.reading.prompt else ""
    # On the way from one prompt to another, no recipe of one prompt draws the picture.
    own += f' data-share="{drawn.share}"' if len(drawn.shares) > 1 else ""
    return (
        f'<figure class="tile" data-index="{index}" data-seed="{seed}" data-mark="{told}"{own}>'
        f'<button type="button" class="open" aria-haspopup="dialog">{picture}</button>'
        f"{cover}{render_mark(words, mark)}{_label(drawn.label)}</figure>"
    )


def _label(text: str) -> str:
    """What a template's picture was chosen to be."""
    return f'<figcaption class="label" dir="auto">{escape(shorten(text, LONGEST_NAME))}</figcaption>' if text else ""


def _original(words: Words, name: str, index: int, alt: str, file: str) -> str:
    """A flagged picture as it was drawn, fetched when it is seen, and its download."""
    address, label = f"pictures/{name}/unblurred/{index}.png", escape(words("tile.save", number=index + 1))
    return (
        f'<img src="{address}" alt="{alt}" loading="lazy">'
        f'<a class="save" href="{address}" download="{file}" aria-label="{label}" title="{label}"></a>'
    )


def _cover(words: Words, reason: str, original: str) -> str:
    """What lies on a blurred picture: why it is blurred and, if there is one, a way to the `original`."""
    why = f"<span>{escape(words('cover.reason', reason=reason))}</span>"
    if not original:
        return f'<div class="cover">{why}</div>'
    show = escape(words("cover.show"))
    return f'<details class="cover"><summary>{why}<b>{show}</b></summary>{original}</details>'


def render_example(words: Words, example: Example) -> str:
    """The grid of an example: nine cuttings of one sheet."""
    tiles = []
    for index in range(9):
        row, column = divmod(index, 3)
        place = f"background-position:{column * 50}% {row * 50}%"
        style = f"background-image:url(&quot;{address_example(example)}&quot;);{place}"
        alt = escape(words("tile.alt", prompt=example.prompt, number=index + 1, count=9))
        tiles.append(f'<figure class="tile cutting" role="img" aria-label="{alt}" style="{style}"></figure>')
    return _grid(tiles, example.prompt)


def address_example(example: Example) -> str:
    return f"examples/{escape(example.file)}"


def _grid(tiles: list[str], label: str, *, busy: bool = False, data: dict[str, object] | None = None) -> str:
    columns = math.ceil(math.sqrt(len(tiles)))
    attributes = "".join(f' data-{key}="{escape(str(value))}"' for key, value in (data or {}).items())
    return (
        f'<div class="grid" role="group" aria-label="{escape(label)}" aria-busy="{str(busy).lower()}"'
        f'{attributes} style="--columns:{columns}">{"".join(tiles)}</div>'
    )


def _data_address(picture: Image.Image) -> str:
    return f"data:image/webp;base64,{base64.b64encode(encode_webp(picture)).decode()}"
