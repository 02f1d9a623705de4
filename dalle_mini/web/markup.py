"""The parts of the page that are ours, as HTML; whatever a visitor typed is escaped here, and in `why`, nowhere else.

Gradio compares new HTML with what is shown and changes what differs: live regions stay, and pictures don't flicker.
"""

import base64
import math
import re
from collections.abc import Iterable, Sequence
from html import escape

from PIL import Image

from dalle_mini.errors import DalleMiniError
from dalle_mini.generation import Generation
from dalle_mini.web.examples import Example
from dalle_mini.web.pictures import encode_webp

HEADER = """
<header>
  <h1>DALL<span class="dot">·</span>E mini</h1>
  <p>Type a prompt, get nine pictures.</p>
</header>
"""

FOOTER = """
<footer>
  <p>The pictures are made up: they can be strange, wrong or unfair. Every PNG you download keeps the recipe
  that draws it again.</p>
</footer>
"""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_LONGEST_NAME = 60
_LONGEST_QUOTE = 240


def render_status(text: str = "", *, detail: str = "", done: int = 0, total: int = 0, error: bool = False) -> str:
    """One line that is read out when it changes, a detail that is not, and how far the work is."""
    kind = "status error" if error else "status"
    bar = f'<progress max="{total}" value="{done}" aria-label="Tokens drawn"></progress>' if total else ""
    return (
        f'<div class="{kind}"><p role="status">{escape(text)} '
        f'<span class="detail" aria-hidden="true">{escape(detail)}</span></p>'
        f'<div class="bar">{bar}</div></div>'
    )


def render_error(error: DalleMiniError) -> str:
    return render_status(" ".join(map(as_sentence, filter(None, (str(error), error.hint)))), error=True)


def render_blank(count: int) -> str:
    """The grid before there is anything to see."""
    return _grid(['<figure class="tile"></figure>'] * count, "No pictures yet")


def render_unfinished(pictures: Sequence[Image.Image]) -> str:
    """The grid as far as it is drawn."""
    tiles = [
        f'<figure class="tile"><img src="{_data_address(picture)}" alt="Picture {number}, unfinished"></figure>'
        for number, picture in enumerate(pictures, 1)
    ]
    return _grid(tiles, "Pictures being drawn", busy=True)


def render_finished(name: str, generation: Generation, *, public: bool = False) -> str:
    """The grid of a drawing that is kept as `name`; every tile can be downloaded.

    A flagged one is blurred and says why; unless the page is `public`, it can be looked at all the same.
    """
    prompt = generation.reading.prompt
    tiles = []
    for index, (place, mark) in enumerate(zip(generation.candidates.shown, generation.marks, strict=True)):
        verdict = generation.verdict(place)
        picture = _picture(f"pictures/{name}/{index}.png", generation, index)
        cover = ""
        if verdict and verdict.flagged:
            address = f"pictures/{name}/unblurred/{index}.png"
            original = "" if public else _picture(address, generation, index, loading="lazy")
            cover = _cover(verdict.reason, original)
        tiles.append(f'<figure class="tile">{picture}{cover}{render_mark(mark)}</figure>')
    return _grid(tiles, shorten(prompt, _LONGEST_QUOTE))


def _picture(address: str, generation: Generation, index: int, *, loading: str = "eager") -> str:
    """A picture of a grid, and its download; a lazy one is fetched when it is seen."""
    prompt, seed = generation.reading.prompt, generation.seeds[index]
    number = f"{index + 1} of {len(generation.seeds)}"
    alt = escape(f"{shorten(prompt, _LONGEST_QUOTE)}, picture {number}")
    return (
        f'<img src="{address}" alt="{alt}" loading="{loading}">'
        f'<a class="save" href="{address}" download="{file_name(prompt, f"seed {seed}")}"'
        f' aria-label="Download picture {number}" title="Download"></a>'
    )


def _cover(reason: str, original: str) -> str:
    """What lies on a blurred picture: why it is blurred and, if there is one, a way to the `original`."""
    words = f"<span>Blurred: {escape(reason)}.</span>"
    if not original:
        return f'<div class="cover">{words}</div>'
    return f'<details class="cover"><summary>{words}<b>Show anyway</b></summary>{original}</details>'


def render_example(example: Example) -> str:
    """The grid of an example: nine cuttings of one sheet."""
    tiles = []
    for index in range(9):
        row, column = divmod(index, 3)
        place = f"background-position:{column * 50}% {row * 50}%"
        style = f"background-image:url(&quot;{_example_address(example)}&quot;);{place}"
        alt = escape(f"{example.prompt}, picture {index + 1} of 9")
        tiles.append(f'<figure class="tile cutting" role="img" aria-label="{alt}" style="{style}"></figure>')
    return _grid(tiles, example.prompt)


def render_no_result() -> str:
    return '<div class="result"></div>'


def render_result(name: str, generation: Generation) -> str:
    """What to know about a drawing, and to do with it."""
    file = file_name(generation.reading.prompt, f"grid seed {generation.seed}")
    words = 'Download<span class="wide"> grid</span>'
    download = f'<a class="action" href="pictures/{name}/grid.png" download="{file}">{words}</a>'
    return f'<div class="result">{_seed(generation.seed)}{download}{_notes(generation)}</div>'


def render_example_status(example: Example) -> str:
    return render_status(shorten(example.prompt, _LONGEST_NAME), detail="Drawn beforehand")


def render_example_result(example: Example) -> str:
    return f'<div class="result">{_seed(example.seed)}</div>'


def render_examples(examples: Iterable[Example], chosen: Example | None = None) -> str:
    """A card for each example; the chosen one is marked."""
    cards = [
        f'<li><button type="button" data-example="{index}" aria-pressed="{str(example == chosen).lower()}">'
        f'<img src="{_example_address(example)}" alt="Nine pictures of" loading="lazy">'
        f"<span>{escape(example.prompt)}</span></button></li>"
        for index, example in enumerate(examples)
    ]
    return f'<section class="examples"><h2>Try one of these</h2><ul>{"".join(cards)}</ul></section>' if cards else ""


def as_sentence(text: str) -> str:
    """A message with a capital and a full stop."""
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def render_mark(mark: float | None) -> str:
    """How well a picture fits the words, as a small badge; nothing where nobody marked it."""
    return "" if mark is None else f'<span class="mark"><span class="spoken">Mark </span>{format_mark(mark)}</span>'


def format_mark(mark: float) -> str:
    """Three digits, with a true minus sign, and none before zero."""
    return f"{mark:z.3f}".replace("-", "\N{MINUS SIGN}")


def spell(count: int) -> str:
    """The number as a word, as far as nine."""
    return _NUMBERS[count] if count < len(_NUMBERS) else str(count)


def count_pictures(count: int) -> str:
    return f"{spell(count)} picture{'s' * (count != 1)}"


def shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def _grid(tiles: list[str], label: str, *, busy: bool = False) -> str:
    columns = math.ceil(math.sqrt(len(tiles)))
    return (
        f'<div class="grid" role="group" aria-label="{escape(label)}" aria-busy="{str(busy).lower()}"'
        f' style="--columns:{columns}">{"".join(tiles)}</div>'
    )


def _seed(seed: int) -> str:
    return (
        f'<p class="seed">Seed <b>{seed}</b></p>'
        f'<button type="button" class="action" data-seed="{seed}">Keep seed</button>'
    )


def _notes(generation: Generation) -> str:
    """How the prompt was understood, where that is not as it was typed, which words the model went by, and what is to
    be known about the marks."""
    reading, lines = generation.reading, []
    if reading.notes or reading.cut_text:
        lines.append(f"Read as “{shorten(reading.kept_text.strip(), _LONGEST_QUOTE)}”.")
    lines += map(as_sentence, reading.notes)
    if reading.cut_text:
        lines.append(f"There was no room for “{shorten(reading.cut_text.strip(), _LONGEST_QUOTE)}”.")
    if generation.went_by:
        lines.append(as_sentence(shorten(generation.went_by, _LONGEST_QUOTE)))
    lines += map(as_sentence, generation.notes)
    if not lines:
        return ""
    return f'<p class="reading">{escape(" ".join(lines))}</p>'


def _data_address(picture: Image.Image) -> str:
    return f"data:image/webp;base64,{base64.b64encode(encode_webp(picture)).decode()}"


def _example_address(example: Example) -> str:
    return f"examples/{escape(example.file)}"


def file_name(prompt: str, detail: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", f"{prompt.lower()[:_LONGEST_NAME]} {detail}")
    return f"{words.strip('-')}.png"
