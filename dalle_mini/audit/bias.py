"""Whether a model draws some subjects one way: what a CLIP finds in their pictures, against neutral prompts.

Question and form are those of Stable Bias (Luccioni et al. 2023, arXiv 2303.11408) and DALL-Eval (Cho et al. 2022,
arXiv 2202.04053): professions and traits in templates, many pictures each, and the distribution of what is seen.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from dalle_mini.arrays import Float
from dalle_mini.audit.drawing import Cell, Drawer
from dalle_mini.audit.marking import Marker, check_numbers
from dalle_mini.audit.statistics import (
    RATE,
    adjust,
    bootstrap_interval,
    fisher_test,
    permutation_test,
    wilson_interval,
)
from dalle_mini.audit.subjects import NEUTRAL_GROUP, Subject
from dalle_mini.errors import ConfigError
from dalle_mini.ranking import Clip

LEAST = 10
"""Pictures a subject: with fewer, a share's interval is wider than half the scale."""
SMALLEST_GROUP = 3
_SHOWN = 9


@dataclasses.dataclass(frozen=True)
class Sample:
    """All pictures of a subject as a ranker sees them, its prompts likewise, and some pictures to look at."""

    subject: Subject
    embedded: Float[np.ndarray, "images projection"]
    prompts: Float[np.ndarray, "templates projection"]
    pictures: tuple[Image.Image, ...]


@dataclasses.dataclass(frozen=True)
class Share:
    """How many pictures are nearest to a descriptor."""

    count: int
    total: int

    @property
    def value(self) -> float:
        return self.count / self.total

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.count, self.total)


@dataclasses.dataclass(frozen=True)
class Distribution:
    """What pictures of a subject are taken for, a value a descriptor.

    `shares` count the likeliest descriptor, `nearest` the plain nearest one, `means` are the mean probabilities, and
    `words` what the ranker makes of the prompts alone: its own opinion of the words, before any picture.
    """

    subject: Subject
    shares: tuple[Share, ...]
    nearest: tuple[int, ...]
    means: tuple[float, ...]
    words: tuple[float, ...]


@dataclasses.dataclass(frozen=True)
class Finding:
    """A subject's distribution held against that of neutral prompts.

    `p` is of Fisher's exact test (of more than two descriptors, each against the rest and the smallest times their
    number), `q` after all tests of the audit; `gained` is the place of the descriptor whose share is above that of
    neutral prompts the most.
    """

    distribution: Distribution
    p: float
    q: float
    gained: int

    @property
    def towards(self) -> int | None:
        """The place of the descriptor that the subject leans to, None where it differs by no more than chance."""
        return self.gained if self.q < RATE else None


@dataclasses.dataclass(frozen=True)
class GroupFinding:
    """The mean share of the first descriptor over a group's subjects, with its bootstrap interval, and whether it
    differs from that of the other subjects, by permutation: here subjects are the units, not pictures."""

    name: str
    subjects: int
    share: float
    interval: tuple[float, float]
    others: float
    p: float
    q: float

    @property
    def differs(self) -> bool:
        return self.q < RATE


@dataclasses.dataclass(frozen=True)
class SetFindings:
    """Everything about one set of descriptors. `deviation` is the mean distance of shares from even ones; `echo` the
    correlation, over subjects, of what the ranker makes of pictures and of the words alone (None without spread)."""

    name: str
    phrases: tuple[str, ...]
    neutral: Distribution
    findings: tuple[Finding, ...]
    groups: tuple[GroupFinding, ...]
    deviation: float
    echo: float | None

    @property
    def leaning(self) -> list[Finding]:
        """Those that differ from neutral prompts, the most one-sided first."""
        found = [finding for finding in self.findings if finding.towards is not None]
        return sorted(found, key=lambda each: -max(share.value for share in each.distribution.shares))

    @property
    def neutral_is_even(self) -> bool:
        """Whether an even share is within the interval of every descriptor."""
        even = 1 / len(self.phrases)
        return all(low <= even <= high for low, high in (share.interval for share in self.neutral.shares))


def check_count(seeds: int, templates: int) -> None:
    """ConfigError where so few pictures a subject can tell nothing."""
    if seeds * templates < LEAST:
        raise ConfigError(
            f"--seeds {seeds} makes {seeds * templates} pictures a subject, of which nothing follows",
            hint=f"give at least {-(-LEAST // templates)}; with 9 or more, differences are easier to tell from chance",
        )


def gather(
    drawer: Drawer, ranker: Clip, cells: Sequence[Cell], on_progress: Callable[[float, int], None] | None = None
) -> list[Sample]:
    """Draw and embed every cell; a sample for every subject, in their order."""
    found: dict[Subject, list[tuple[np.ndarray, np.ndarray, list[Image.Image]]]] = {}
    for number, cell in enumerate(cells, 1):
        pictures = drawer.draw(cell)
        embedded = check_numbers(ranker.embed_images(pictures), f"pictures of {cell.prompt!r}")
        words = check_numbers(ranker.embed_text([cell.prompt]), repr(cell.prompt))
        found.setdefault(cell.subject, []).append((embedded, words, pictures))
        if on_progress:
            on_progress(number / len(cells), number)
    return [_join(subject, parts) for subject, parts in found.items()]


def _join(subject: Subject, parts: Sequence[tuple[np.ndarray, np.ndarray, list[Image.Image]]]) -> Sample:
    """A sample of a subject's cells, whose pictures to look at come from all of them in turn."""
    embedded, words, pictures = zip(*parts, strict=True)
    shown = [picture for row in zip(*pictures, strict=True) for picture in row][:_SHOWN]
    return Sample(subject, np.concatenate(embedded), np.concatenate(words), tuple(shown))


def find_bias(samples: Sequence[Sample], markers: Sequence[Marker]) -> tuple[SetFindings, ...]:
    """What every set of descriptors says of all samples, those of the neutral group being what others are held against.

    All tests of subjects are adjusted together, and so are all tests of groups.
    """
    neutral = _pool([sample for sample in samples if sample.subject.group == NEUTRAL_GROUP])
    others = [sample for sample in samples if sample.subject.group != NEUTRAL_GROUP]
    found = [_find_in_set(neutral, others, marker) for marker in markers]
    subjects = iter(adjust([finding.p for each in found for finding in each.findings]))
    groups = iter(adjust([group.p for each in found for group in each.groups]))
    return tuple(
        dataclasses.replace(
            each,
            findings=tuple(dataclasses.replace(finding, q=next(subjects)) for finding in each.findings),
            groups=tuple(dataclasses.replace(group, q=next(groups)) for group in each.groups),
        )
        for each in found
    )


def _pool(samples: Sequence[Sample]) -> Sample:
    """All neutral samples as one."""
    embedded, prompts = (np.concatenate([getattr(each, name) for each in samples]) for name in ("embedded", "prompts"))
    return Sample(Subject("neutral prompts", NEUTRAL_GROUP), embedded, prompts, ())


def _find_in_set(neutral: Sample, samples: Sequence[Sample], marker: Marker) -> SetFindings:
    """The findings of one set, whose q-values are still their p-values."""
    baseline, row = distribute(neutral, marker), [distribute(sample, marker) for sample in samples]
    return SetFindings(
        marker.descriptors.name,
        marker.descriptors.phrases,
        baseline,
        tuple(_find(each, baseline) for each in row),
        tuple(_compare_groups(row)),
        measure_deviation(row),
        measure_echo(row),
    )


def distribute(sample: Sample, marker: Marker) -> Distribution:
    """What the pictures of a sample are taken for, in one set of descriptors."""
    marks = marker.mark(sample.embedded)
    counts = np.bincount(marks.argmax(axis=1), minlength=marks.shape[1])
    return Distribution(
        sample.subject,
        tuple(Share(int(count), len(marks)) for count in counts),
        tuple(marker.count_nearest(sample.embedded)),
        tuple(map(float, marks.mean(axis=0))),
        tuple(map(float, marker.mark(sample.prompts).mean(axis=0))),
    )


def compare(distribution: Distribution, baseline: Distribution) -> float:
    """How likely shares as different as these are by chance."""
    pairs = list(zip(distribution.shares, baseline.shares, strict=True))
    # Of two descriptors, each says all.
    tests = pairs[:1] if len(pairs) == 2 else pairs
    p_values = [fisher_test(one.count, one.total, other.count, other.total) for one, other in tests]
    return min(1.0, min(p_values) * len(tests))


def _find(distribution: Distribution, baseline: Distribution) -> Finding:
    gains = [one.value - other.value for one, other in zip(distribution.shares, baseline.shares, strict=True)]
    p = compare(distribution, baseline)
    return Finding(distribution, p, p, int(np.argmax(gains)))


def _compare_groups(distributions: Sequence[Distribution]) -> Iterator[GroupFinding]:
    """Every group that has subjects enough, and others to compare with."""
    shares: dict[str, list[float]] = {}
    for each in distributions:
        shares.setdefault(each.subject.group, []).append(each.shares[0].value)
    for name, values in shares.items():
        rest = [value for other, more in shares.items() if other != name for value in more]
        if min(len(values), len(rest)) >= SMALLEST_GROUP:
            own, others = np.array(values), np.array(rest)
            p = permutation_test(own, others)
            interval = bootstrap_interval(own)
            yield GroupFinding(name, len(values), float(own.mean()), interval, float(others.mean()), p, p)


def measure_deviation(distributions: Sequence[Distribution]) -> float:
    """The mean distance of all shares from even ones: 0 where all are even, 0.5 where all of two are one-sided."""
    return float(np.mean([abs(share.value - 1 / len(each.shares)) for each in distributions for share in each.shares]))


def measure_echo(distributions: Sequence[Distribution]) -> float | None:
    """The correlation of what the ranker makes of pictures and of their prompts; None where either never varies."""
    seen, read = (np.array([getattr(each, name)[0] for each in distributions]) for name in ("means", "words"))
    if len(seen) < SMALLEST_GROUP or min(seen.std(), read.std()) < 1e-9:
        return None
    return float(np.corrcoef(seen, read)[0, 1])
