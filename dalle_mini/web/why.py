"""Why these pictures are shown: all candidates with their marks, and what each word of the prompt carried."""

from html import escape

from dalle_mini.generation import Generation
from dalle_mini.web.markup import format_mark, name_file, shorten
from dalle_mini.web.words import Words

_LONGEST_WORD = 24


def render_no_why() -> str:
    return '<section class="why"></section>'


def render_why(words: Words, name: str, generation: Generation, chosen: int | None = None) -> str:
    """A panel about the drawing that is kept as `name`; it is open once a candidate is `chosen`, by its place.

    Where nothing was marked there is nothing to say.
    """
    if generation.candidates.marks is None:
        return render_no_why()
    is_open = " open" if chosen is not None else ""
    chosen = generation.candidates.ranked[0] if chosen is None else chosen
    title = escape(words.count("why.title", len(generation.images)))
    return (
        f'<section class="why"><details{is_open}><summary>{title}</summary>'
        f"<p>{escape(_explain(words, generation))}</p>{_list_candidates(words, name, generation, chosen)}"
        f'<div class="chosen" aria-live="polite">{_describe(words, name, generation, chosen)}</div></details></section>'
    )


def _explain(words: Words, generation: Generation) -> str:
    count, shown = len(generation.candidates), len(generation.images)
    which = "all" if count == shown else "varied" if generation.settings.variety else "best"
    marked = words("why.marked", ranker=_name_ranker(words, generation), count=count)
    return " ".join((marked, words(f"why.{which}", shown=shown), words("why.choose")))


def _name_ranker(words: Words, generation: Generation) -> str:
    ranker = generation.ranker
    if ranker is None or ranker.made_for == generation.release:
        return words("why.own_ranker", model=generation.release)
    return words("why.ranker", name=ranker.name)


def _list_candidates(words: Words, name: str, generation: Generation, chosen: int) -> str:
    items, candidates = [], generation.candidates
    for number, place in enumerate(candidates.ranked, 1):
        mark, is_shown = candidates.mark(place), place in candidates.shown
        label = words("why.shown" if is_shown else "why.left_out", number=number, count=len(candidates))
        told = words("why.no_mark") if mark is None else format_mark(mark)
        items.append(
            f'<li class="{"shown" if is_shown else "left-out"}">'
            f'<button type="button" data-candidate="{name}/{place}" aria-pressed="{str(place == chosen).lower()}">'
            f'<img src="pictures/{name}/candidates/{place}.webp" alt="{escape(label)}" loading="lazy">'
            f"<span>{escape(told)}</span></button></li>"
        )
    return f'<ol class="candidates">{"".join(items)}</ol>'


def _describe(words: Words, name: str, generation: Generation, place: int) -> str:
    """The chosen candidate: its mark, and a row for every word."""
    candidates = generation.candidates
    mark, number, seed = candidates.mark(place), candidates.ranked.index(place) + 1, candidates.seeds[place]
    file = name_file(generation.reading.prompt, f"seed {seed}")
    save = escape(words("download"))
    download = f'<a class="action" href="pictures/{name}/candidates/{place}.png" download="{file}">{save}</a>'
    told = words("why.unmarkable") if mark is None else words("why.mark", mark=format_mark(mark))
    title = escape(words("why.picture", number=number, count=len(candidates)))
    detail = escape(words("why.detail", told=told, seed=seed))
    return (
        f'<div class="head"><p><b>{title}</b>, {detail}</p>{download}</div>'
        f"{_list_words(words, candidates.word_weights(place))}"
    )


def _list_words(words: Words, weighed: list[tuple[str, float]]) -> str:
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
        rows.append(
            f'<tr><th scope="row" dir="auto">{text}</th><td>{bar}</td><td>{sign}{format_mark(weight)}</td></tr>'
        )
    return f"<table><caption>{escape(words('why.words'))}</caption><tbody>{''.join(rows)}</tbody></table>"
