"""What choosing among more pictures gains and costs, from the reports of `recipes.nano.table`.

The best of N is chosen by the model's CLIP among the first N pictures of one drawing, and judged by the judge, which
has no part in choosing. Pictures are drawn and marked nine at a time, and one costs what nine do; so N of them cost as
many batches, of which the whole drawing has been timed.
"""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dalle_mini.evaluate.verdicts import Judged
from dalle_mini.pipeline import LANES


@dataclass(frozen=True)
class Row:
    """The model's report about a kind of prompts, and the measure that counts in it."""

    name: str
    measure: str
    report: Mapping[str, Any]

    def share(self, count: int) -> float | None:
        """How often the best of the first `count` was judged right."""
        shares = self.report["fields"] if count == 1 else self.report["best_by_clip"][str(count)]
        return shares[self.measure]["share"]


def write_ranking(rows: Sequence[Row], best_of: Sequence[int]) -> str:
    """A column for every number to choose among, 1 first; "" where nothing was ranked."""
    kept = [row for row in rows if row.report["best_by_clip"]]
    if not kept:
        return ""
    counts = (1, *best_of)
    lines = [[row.name, *(_percent(row.share(count)) for count in counts)] for row in kept]
    lines.append(["mean", *(_percent(_find_mean(row.share(count) for row in kept)) for count in counts)])
    lines.append(["seconds a grid", *(f"{_find_seconds(kept, count, max(best_of)):.2f}" for count in counts)])
    return write_table(["best of", *map(str, counts)], lines)


def write_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table as Markdown."""
    return "".join(f"| {' | '.join(row)} |\n" for row in [head, ["---"] * len(head), *rows])


def measure_seconds(judged: Sequence[Judged]) -> dict[str, float]:
    """What drawing and ranking all pictures of a prompt took; medians, for the first prompt compiles."""
    return {name: statistics.median(getattr(each, name) for each in judged) for name in ("drawing", "ranking")}


def _find_seconds(rows: Sequence[Row], count: int, drawn: int) -> float:
    """What drawing and marking `count` pictures takes, by what all the `drawn` ones took; a lone one has no mark."""
    parts = ("drawing", "ranking") if count > 1 else ("drawing",)
    whole = sum(statistics.mean(row.report["seconds"][part] for row in rows) for part in parts)
    return whole * -(-count // LANES) / -(-drawn // LANES)


def _find_mean(shares: Iterable[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return statistics.mean(known) if known else None


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
