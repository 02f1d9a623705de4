"""Below the grid, as HTML: what to know about a drawing, what can be done with it, and the cards of the examples."""

from collections.abc import Iterable
from html import escape

from dalle_mini.generation import Generation
from dalle_mini.web.examples import Example
from dalle_mini.web.markup import LONGEST_NAME, LONGEST_QUOTE, as_sentence, name_file, render_status, shorten
from dalle_mini.web.tiles import address_example
from dalle_mini.web.words import Words

_DOWNLOADS = {"grid.png": "grid", "grid.webp": "grid", "classic.png": "classic", "all.zip": "all"}
"""Files of a drawing, and what their names say of them."""


def render_no_result() -> str:
    return '<div class="result"></div>'


def render_result(words: Words, name: str, generation: Generation) -> str:
    """What to know about a drawing, and to do with it."""
    actions = "".join(
        f'<button type="button" class="action{" primary" * (act == "share")}" data-act="{act}" aria-haspopup="dialog">'
        f"{escape(words(f'result.{act}'))}</button>"
        for act in ("share", "meme", "think")
    )
    return (
        f'<div class="result">{_seed(words, generation.seed)}{actions}'
        f"{_downloads(words, name, generation)}{_notes(words, generation)}</div>"
    )


def render_example_status(words: Words, example: Example) -> str:
    return render_status(shorten(example.prompt, LONGEST_NAME), detail=words("example.status"))


def render_example_result(words: Words, example: Example) -> str:
    return f'<div class="result">{_seed(words, example.seed)}</div>'


def render_examples(words: Words, examples: Iterable[Example], chosen: Example | None = None) -> str:
    """A card for each example; the chosen one is marked."""
    cards = [
        f'<li><button type="button" data-example="{index}" aria-pressed="{str(example == chosen).lower()}">'
        f'<img src="{address_example(example)}" alt="{escape(words("example.alt"))}" loading="lazy">'
        f'<span dir="auto">{escape(example.prompt)}</span></button></li>'
        for index, example in enumerate(examples)
    ]
    if not cards:
        return ""
    return f'<section class="examples"><h2>{escape(words("example.title"))}</h2><ul>{"".join(cards)}</ul></section>'


def _seed(words: Words, seed: int) -> str:
    return (
        f'<p class="seed">{escape(words("result.seed"))} <b>{seed}</b></p>'
        f'<button type="button" class="link" data-seed="{seed}">{escape(words("result.keep"))}</button>'
    )


def _downloads(words: Words, name: str, generation: Generation) -> str:
    links = []
    for file, detail in _DOWNLOADS.items():
        saved = name_file(generation.reading.prompt, f"{detail} seed {generation.seed}", file.rpartition(".")[2])
        text = escape(words(f"download.{file}"))
        links.append(f'<li><a href="pictures/{name}/{file}" download="{saved}">{text}</a></li>')
    title = escape(words("download"))
    return f'<details class="menu"><summary class="action">{title}</summary><ul>{"".join(links)}</ul></details>'


def _notes(words: Words, generation: Generation) -> str:
    """How the prompt was understood, where that is not as it was typed, which words the model went by, and what is to
    be known about the marks."""
    reading, lines = generation.reading, []
    if reading.notes or reading.cut_text:
        lines.append(words("reading.read", text=shorten(reading.kept_text.strip(), LONGEST_QUOTE)))
    lines += map(as_sentence, reading.notes)
    if reading.cut_text:
        lines.append(words("reading.cut", text=shorten(reading.cut_text.strip(), LONGEST_QUOTE)))
    if generation.went_by:
        lines.append(as_sentence(shorten(generation.went_by, LONGEST_QUOTE)))
    lines += map(as_sentence, generation.notes)
    if not lines:
        return ""
    return f'<p class="reading">{escape(" ".join(lines))}</p>'
