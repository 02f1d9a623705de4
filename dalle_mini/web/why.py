"""Why these pictures are shown: all candidates with their marks, and what each word of the prompt carried."""

from html import escape

from dalle_mini.generation import Generation
from dalle_mini.web.markup import file_name, format_mark, shorten, spell

_LONGEST_WORD = 24


def render_no_why() -> str:
    return '<section class="why"></section>'


def render_why(name: str, generation: Generation, chosen: int | None = None) -> str:
    """A panel about the drawing that is kept as `name`; it is open once a candidate is `chosen`, by its place.

    Where nothing was marked there is nothing to say.
    """
    if generation.candidates.marks is None:
        return render_no_why()
    is_open = " open" if chosen is not None else ""
    chosen = generation.candidates.ranked[0] if chosen is None else chosen
    return (
        f'<section class="why"><details{is_open}><summary>{_ask(generation)}</summary>'
        f"<p>{escape(_explain(generation))}</p>{_list_candidates(name, generation, chosen)}"
        f'<div class="chosen" aria-live="polite">{_describe(name, generation, chosen)}</div></details></section>'
    )


def _ask(generation: Generation) -> str:
    count = len(generation.images)
    return "Why this one?" if count == 1 else f"Why these {spell(count)}?"


def _explain(generation: Generation) -> str:
    count, shown = len(generation.candidates), len(generation.images)
    words = f"{_name_ranker(generation)} marked how well each of {count} pictures fits the words: 1 would be perfect. "
    if count == shown:
        words += "All are shown, the best first. "
    elif generation.settings.variety:
        words += f"{shown} are shown that are good and unlike each other; the others are gray. "
    else:
        words += f"The best {shown} are shown; the others are gray. "
    return f"{words}Choose one to see what each word carried."


def _name_ranker(generation: Generation) -> str:
    ranker = generation.ranker
    if ranker is None or ranker.made_for == generation.release:
        return f"A CLIP made for {generation.release}"
    return f"The CLIP {ranker.name}"


def _list_candidates(name: str, generation: Generation, chosen: int) -> str:
    items, candidates = [], generation.candidates
    for number, place in enumerate(candidates.ranked, 1):
        mark, is_shown = candidates.mark(place), place in candidates.shown
        label = f"Picture {number} of {len(candidates)}, {'shown' if is_shown else 'left out'}"
        told = "no mark" if mark is None else format_mark(mark)
        items.append(
            f'<li class="{"shown" if is_shown else "left-out"}">'
            f'<button type="button" data-candidate="{name}/{place}" aria-pressed="{str(place == chosen).lower()}">'
            f'<img src="pictures/{name}/candidates/{place}.webp" alt="{label}, mark" loading="lazy">'
            f"<span>{told}</span></button></li>"
        )
    return f'<ol class="candidates">{"".join(items)}</ol>'


def _describe(name: str, generation: Generation, place: int) -> str:
    """The chosen candidate: its mark, and a row for every word."""
    candidates = generation.candidates
    mark, number = candidates.mark(place), candidates.ranked.index(place) + 1
    seed = candidates.seeds[place]
    file = file_name(generation.reading.prompt, f"seed {seed}")
    download = f'<a class="action" href="pictures/{name}/candidates/{place}.png" download="{file}">Download</a>'
    told = f"mark {format_mark(mark)}" if mark is not None else "which could not be marked"
    head = f"<p><b>Picture {number} of {len(candidates)}</b>, {told}, seed {seed}</p>{download}"
    return f'<div class="head">{head}</div>{_list_words(candidates.word_weights(place))}'


def _list_words(weighed: list[tuple[str, float]]) -> str:
    """What the mark would lose without each word; bars are as long as the words weigh beside each other."""
    if not weighed:
        return ""
    heaviest = max(abs(weight) for _, weight in weighed) or 1.0
    rows = []
    for word, weight in weighed:
        kind = "gain" if weight >= 0 else "loss"
        bar = f'<span class="bar {kind}" style="--share:{abs(weight) / heaviest:.3f}"></span>'
        sign = "+" if weight >= 0.0005 else ""
        text = escape(shorten(word, _LONGEST_WORD))
        rows.append(f'<tr><th scope="row">{text}</th><td>{bar}</td><td>{sign}{format_mark(weight)}</td></tr>')
    caption = "What the mark would lose without each word; below zero, it would gain."
    return f"<table><caption>{caption}</caption><tbody>{''.join(rows)}</tbody></table>"
