"""The page of a search for copies: the rates, the nearness of all pictures as curves, and the nearest pairs."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from PIL import Image

from dalle_mini.audit.copies import CopiesFound, Matched, Measure
from dalle_mini.audit.copies_words import BLIND_SPOTS, METHOD, NAMES
from dalle_mini.audit.likeness import TOKENS
from dalle_mini.audit.nearest import KEPT
from dalle_mini.grid import compose_grid
from dalle_mini.reports.page import (
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

_MOST_PAIRS, _SHEET_PAIRS, _PAIR_WIDTH = 24, 8, 560
_WIDTH, _HEIGHT, _MARGIN = 560, 240, 34
_STYLE = ".real { fill: none; stroke: currentColor; stroke-width: 1.8; stroke-dasharray: 5 4; }"


def write_page(model: str, found: CopiesFound, sentences: Sequence[str], settings: Mapping[str, object]) -> str:
    """report.html."""
    parts = [bullets(sentences), _write_rates(found), panels(map(_draw_curves, found.measures))]
    parts += [heading("What this can't see"), bullets(BLIND_SPOTS), heading("The nearest pairs")]
    measures = " and below ".join(NAMES[each.name] for each in found.measures)
    parts += [paragraph(f"On the left the model's picture, beside it the nearest of the set: {measures}.")]
    parts += [panels(_pairs(found)), heading("Method"), bullets(METHOD), list_settings(settings)]
    return compose_page(f"Does {model} copy?", *parts, style=_STYLE)


def sort_by_nearness(found: CopiesFound) -> list[Matched]:
    """The drawings, those first whose nearness the fewest real pictures reach, by either measure."""
    nearer = [(each.reference >= each.drawn[:, None]).mean(axis=1) for each in found.measures]
    tokens = next(each.drawn for each in found.measures if each.name == TOKENS)
    order = np.lexsort((-tokens, np.min(nearer, axis=0)))
    return [found.matched[place] for place in order]


def compose_sheet(found: CopiesFound) -> Image.Image:
    """The nearest drawings, each beside its neighbors by one measure and then by the next."""
    return _compose_pairs(sort_by_nearness(found)[:_SHEET_PAIRS])


def _compose_pairs(matched: Sequence[Matched]) -> Image.Image:
    """A row for every drawing and measure: the drawing, then its neighbors, all of its size."""
    pictures = []
    for each in matched:
        drawn = each.drawing.picture
        for neighbors in each.neighbors.values():
            resized = (near.picture.resize(drawn.size, Image.Resampling.BICUBIC) for near in neighbors)
            pictures += [drawn, *resized]
    return compose_grid(pictures, columns=1 + KEPT)


def _pairs(found: CopiesFound) -> Iterator[Markup]:
    for matched in sort_by_nearness(found)[:_MOST_PAIRS]:
        prompt, seed = matched.drawing.prompt, matched.drawing.seed
        alt = f"A picture of “{prompt}” and those of the set that are nearest to it"
        words = bullets(
            f"{NAMES[name]}: {', '.join(f'{each.likeness:.3f} “{each.caption}”' for each in neighbors)}"
            for name, neighbors in matched.neighbors.items()
        )
        shown = figure(_compose_pairs([matched]), f"“{prompt}”, seed {seed}", alt, width=_PAIR_WIDTH)
        yield Markup(f"<div>{shown}{words}</div>")


def _write_rates(found: CopiesFound) -> Markup:
    head = ["compared", "near copies", "95 %", "of real pictures", "from nearness", "more than chance", "q"]
    rows = []
    for each in found.measures:
        low, high = each.interval
        near = f"{each.near} of {len(each.drawn)} ({each.rate:.0%})"
        real = f"{each.reference_near} of {len(each.reference)} ({each.reference_rate:.0%})"
        verdict = "yes" if each.copies else "no"
        rows.append(
            [NAMES[each.name], near, f"{low:.0%} – {high:.0%}", real, f"{each.threshold:.3f}", verdict, f"{each.q:.2g}"]
        )
    return table("Near copies", head, rows)


def _draw_curves(measure: Measure) -> Markup:
    """Which share of the pictures is at least as near as that, of the model's (solid) and of real ones (dashed)."""
    values = np.concatenate([measure.drawn, measure.reference])
    left, right = float(values.min()), float(values.max())
    reach = (right - left) or 1.0
    floor, width = _HEIGHT - _MARGIN, _WIDTH - 2 * _MARGIN

    def draw(likeness: np.ndarray) -> str:
        ordered = np.sort(likeness)
        shares = np.arange(len(ordered), 0, -1) / len(ordered)
        return " ".join(
            f"{_MARGIN + (value - left) / reach * width:.1f},{floor - share * (floor - 12):.1f}"
            for value, share in zip(ordered, shares, strict=True)
        )

    name = f"Nearness to the set, {NAMES[measure.name]}"
    middles = (np.median(values) for values in (measure.drawn, measure.reference))
    label = "Median {:.2f} for the model's pictures, {:.2f} for real ones".format(*middles)
    at = _MARGIN + (measure.threshold - left) / reach * width
    return Markup(f"""<figure><figcaption>{name}: the model's solid, real pictures dashed</figcaption>
<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">
<path class="axis" d="M{_MARGIN} 12V{floor}H{_WIDTH - _MARGIN}" fill="none"/>
<path class="axis" d="M{at:.1f} 12V{floor}"/><text x="{at:.1f}" y="10" text-anchor="end">near copies →</text>
<text x="{_MARGIN - 4}" y="18" text-anchor="end">all</text><text x="{_MARGIN}" y="{floor + 16}">{left:.2f}</text>
<text x="{_WIDTH - _MARGIN}" y="{floor + 16}" text-anchor="end">{right:.2f}</text>
<polyline class="real" points="{draw(measure.reference)}"/><polyline class="curve" points="{draw(measure.drawn)}"/>
</svg></figure>
""")
