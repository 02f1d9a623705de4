"""Which pictures to show: the best marked, or good ones that are unlike each other.

By maximal marginal relevance (Carbonell & Goldstein 1998, "The use of MMR, diversity-based reranking", section 2).
Marks and likenesses are first stretched to reach from 0 to 1 among the pictures at hand, which the paper leaves open:
cosines of a text and a picture differ far less than those of two pictures, and half-way should be half-way.
"""

import numpy as np

from dalle_mini.arrays import Float


def rank(marks: Float[np.ndarray, "images"]) -> tuple[int, ...]:
    """Places by falling mark, equal ones as they came; pictures without a mark (NaN) come last."""
    return tuple(int(place) for place in np.argsort(-marks, kind="stable"))


def choose(
    marks: Float[np.ndarray, "images"],
    embedded: Float[np.ndarray, "images projection"],
    count: int,
    variety: float = 0.0,
) -> tuple[int, ...]:
    """Places of the `count` pictures to show, best first.

    `embedded` are the pictures, rows of length 1. `variety` 0 takes the best marked, 1 the best one and those least
    like any that is taken. Pictures without a mark (NaN) are taken only where there are no others.
    """
    ranked = rank(marks)
    usable = [place for place in ranked if np.isfinite(marks[place])]
    if variety == 0 or count >= len(usable):
        return ranked[:count]
    worth = (1 - variety) * _stretch(marks[usable])
    likeness = variety * _stretch(embedded[usable] @ embedded[usable].T, ~np.eye(len(usable), dtype=bool))
    taken = [0]
    nearest = likeness[0]
    while len(taken) < count:
        gain = worth - nearest
        gain[taken] = -np.inf
        taken.append(int(np.argmax(gain)))
        nearest = np.maximum(nearest, likeness[taken[-1]])
    return tuple(usable[place] for place in sorted(taken))


def _stretch(values: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
    """Values scaled to reach from 0 to 1 (those that `among` is True of); all 0 where they are equal."""
    counted = values if among is None else values[among]
    low, high = (counted.min(), counted.max()) if counted.size else (0, 0)
    return (values - low) / (high - low) if high > low else np.zeros_like(values)
