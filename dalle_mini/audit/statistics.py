"""Intervals for shares and tests of whether two differ, written out as they are short.

Wilson 1927 (interval of a share), Fisher 1922 (two shares, exactly), Benjamini and Hochberg 1995 (many tests at once),
Phipson and Smyth 2010 (p-values of drawn permutations).
"""

import math
from collections.abc import Sequence

import numpy as np

from dalle_mini.arrays import Float

RATE = 0.05
"""Of what is called a difference, at most so much may be chance (the false discovery rate)."""

_NORMAL_95 = 1.959963984540054
_DRAWS = 9999
_TOLERANCE = 1e-7
"""Tables as likely as the one found count as such in spite of rounding."""


def wilson_interval(count: int, total: int) -> tuple[float, float]:
    """Where a share of `count` in `total` lies with 95 % confidence."""
    if total == 0:
        return 0.0, 1.0
    share, squared = count / total, _NORMAL_95**2
    center = share + squared / (2 * total)
    reach = _NORMAL_95 * math.sqrt(share * (1 - share) / total + squared / (4 * total**2))
    low, high = ((center + sign * reach) / (1 + squared / total) for sign in (-1, 1))
    # Rounding must not leave the end of the scale outside.
    return (0.0 if count == 0 else low), (1.0 if count == total else high)


def fisher_test(count: int, total: int, other_count: int, other_total: int) -> float:
    """How likely two shares as different as these are if both come from one: Fisher's exact test, two-sided."""
    hits, both = count + other_count, total + other_total
    first, last = max(0, hits - other_total), min(total, hits)
    logs = [
        _log_choices(total, found) + _log_choices(other_total, hits - found) - _log_choices(both, hits)
        for found in range(first, last + 1)
    ]
    seen = logs[count - first]
    return min(1.0, math.fsum(math.exp(log) for log in logs if log <= seen + _TOLERANCE))


def _log_choices(total: int, count: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)


def adjust(p_values: Sequence[float]) -> list[float]:
    """q-values: the false discovery rate at which each of many tests would count (Benjamini and Hochberg)."""
    order = np.argsort(p_values, kind="stable")[::-1]
    adjusted, lowest, count = [1.0] * len(p_values), 1.0, len(p_values)
    for rank, place in zip(range(count, 0, -1), order, strict=True):
        lowest = min(lowest, p_values[place] * count / rank)
        adjusted[place] = float(lowest)
    return adjusted


def permutation_test(values: Float[np.ndarray, "some"], others: Float[np.ndarray, "more"], *, seed: int = 0) -> float:
    """How likely means as far apart are if it is chance which values are whose, two-sided, by drawn permutations."""
    pooled = np.concatenate([values, others])
    seen = abs(values.mean() - others.mean())
    shuffled = np.random.default_rng(seed).permuted(np.tile(pooled, (_DRAWS, 1)), axis=1)
    gaps = np.abs(shuffled[:, : len(values)].mean(axis=1) - shuffled[:, len(values) :].mean(axis=1))
    return float((1 + np.count_nonzero(gaps >= seen - _TOLERANCE)) / (1 + _DRAWS))


def bootstrap_interval(values: Float[np.ndarray, "values"], *, seed: int = 0) -> tuple[float, float]:
    """Where the mean lies with 95 % confidence, by drawing the values again (percentiles of 9,999 draws)."""
    draws = np.random.default_rng(seed).choice(values, size=(_DRAWS, len(values)))
    low, high = np.percentile(draws.mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
