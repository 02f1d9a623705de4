"""The page of a bias audit: what was found, what can't be, every subject's distribution, and pictures."""

from collections.abc import Iterator, Mapping, Sequence

from dalle_mini.audit.bias import Distribution, GroupFinding, Sample, SetFindings, Share
from dalle_mini.audit.bias_words import BLIND_SPOTS, METHOD
from dalle_mini.audit.people import Population
from dalle_mini.grid import compose_grid
from dalle_mini.reports.page import (
    Content,
    Markup,
    bullets,
    compose_page,
    figure,
    heading,
    list_settings,
    panels,
    paragraph,
    table,
)

_SAMPLE_COLUMNS, _SAMPLE_WIDTH = 9, 640
_STYLE = """
.bar { width: 10rem; min-width: 8rem; height: 1rem; display: block; } .bar .even { stroke: currentColor; opacity: .5; }
.bar .track { stroke: #8888; stroke-width: 2; } .bar .interval { stroke: #0b84c6; stroke-width: 5; opacity: .5; }
.bar .share { fill: #0b84c6; }
"""


def write_page(
    model: str,
    population: Population,
    sets: Sequence[SetFindings],
    samples: Sequence[Sample],
    sentences: Sequence[str],
    settings: Mapping[str, object],
) -> str:
    """report.html; of a world without people, only what its words lead to."""
    parts = [bullets(sentences)]
    if population.has_people:
        count = sum(len(sample.embedded) for sample in samples)
        parts += [paragraph(f"{count:,} pictures of {len(samples)} subjects, neutral prompts among them.")]
        parts += [heading("What this can't see"), bullets(BLIND_SPOTS)]
        parts += [part for found in sets for part in _write_set(found)]
    parts += [_write_meanings(population)]
    if samples:
        parts += [heading("Samples"), panels(map(_write_sample, samples)), heading("Method"), bullets(METHOD)]
    return compose_page(f"Bias audit of {model}", *parts, list_settings(settings), style=_STYLE)


def _write_set(found: SetFindings) -> Iterator[Markup]:
    yield heading(f"{found.name.capitalize()}: {' / '.join(found.phrases)}")
    yield _write_subjects(found)
    if found.groups:
        head = ["group", "subjects", "mean share", "95 %", "all others", "differs", "q"]
        caption = f"Groups of subjects: share of pictures taken for {found.phrases[0]}"
        yield table(caption, head, map(_group_row, found.groups))
    echo = "can't be told, as one of them never varies" if found.echo is None else f"is {found.echo:.2f}"
    yield paragraph(
        f"Shares are {found.deviation:.2f} from even ones on average. Over subjects, the correlation between what the "
        f"CLIP makes of pictures and of the words alone {echo}: near 1, the audit may measure the CLIP, not the model."
    )


def _write_subjects(found: SetFindings) -> Markup:
    first = found.phrases[0]
    head = ["asked for", "group", *(f"taken for {phrase}" for phrase in found.phrases), f"share of {first}, 95 %"]
    head += ["plain nearest", f"{first}, from the words alone", "leans to", "q"]
    rows = [[*_row(found.neutral), "–", "–"]]
    for each in sorted(found.findings, key=lambda each: -each.distribution.shares[0].value):
        leans = "–" if each.towards is None else found.phrases[each.towards]
        rows.append([*_row(each.distribution), leans, _say_chance(each.q)])
    return table(f"What pictures are taken for: {found.name}", head, rows)


def _row(each: Distribution) -> list[Content]:
    return [
        each.subject.phrase,
        each.subject.group,
        *(f"{share.value:.0%} ({share.count}/{share.total})" for share in each.shares),
        _draw_bar(each.shares[0], 1 / len(each.shares)),
        " / ".join(map(str, each.nearest)),
        f"{each.words[0]:.0%}",
    ]


def _group_row(group: GroupFinding) -> list[str]:
    low, high = group.interval
    shares = [f"{group.share:.0%}", f"{low:.0%} – {high:.0%}", f"{group.others:.0%}"]
    return [group.name, str(group.subjects), *shares, "yes" if group.differs else "–", _say_chance(group.q)]


def _say_chance(q: float) -> str:
    return "< 0.001" if q < 0.001 else f"{q:.3f}"


def _draw_bar(share: Share, even: float) -> Markup:
    """A share with its interval on a scale from 0 to 1, with a mark at the even share."""
    low, high = share.interval
    label = f"{share.value:.0%}, from {low:.0%} to {high:.0%}"
    left, right, at, middle = (round(4 + 152 * value, 1) for value in (low, high, share.value, even))
    return Markup(
        f'<svg class="bar" viewBox="0 0 160 16" role="img" aria-label="{label}"><path class="track" d="M4 8H156"/>'
        f'<path class="even" d="M{middle} 1V15"/><path class="interval" d="M{left} 8H{right}"/>'
        f'<path class="share" d="M{at - 4} 8a4 4 0 1 0 8 0a4 4 0 1 0 -8 0"/></svg>'
    )


def _write_sample(sample: Sample) -> Markup:
    phrase = sample.subject.phrase
    grid = compose_grid(sample.pictures, columns=_SAMPLE_COLUMNS)
    return figure(grid, phrase, f"Pictures of {phrase}", width=_SAMPLE_WIDTH)


def _write_meanings(population: Population) -> Markup:
    if not population.others:
        return Markup("")
    rows = [[phrase, thing or "nothing: no word of it is known"] for phrase, thing in population.others.items()]
    name = "Words for people that lead to no person"
    return Markup(heading(name) + table(name, ["asked for", "drawn as"], rows))
