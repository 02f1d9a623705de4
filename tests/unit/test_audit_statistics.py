"""Intervals and tests against SciPy's; a planted effect is found, and chance is taken for one as seldom as promised."""

import numpy as np
import pytest
from scipy import stats

from dalle_mini.audit.bias import Sample, find_bias
from dalle_mini.audit.marking import Marker
from dalle_mini.audit.statistics import (
    RATE,
    adjust,
    bootstrap_interval,
    fisher_test,
    permutation_test,
    wilson_interval,
)
from dalle_mini.audit.subjects import NEUTRAL, NEUTRAL_GROUP, DescriptorSet, Subject

AXES = np.eye(2, dtype=np.float32)
MARKER = Marker(DescriptorSet("color", ("red", "blue")), np.stack([AXES, AXES]), scale=20.0)


@pytest.mark.parametrize(("count", "total"), [(0, 7), (7, 7), (3, 27), (27, 27), (500, 1000)])
def test_the_interval_of_a_share_is_wilsons(count: int, total: int) -> None:
    expected = stats.binomtest(count, total).proportion_ci(0.95, "wilson")
    assert wilson_interval(count, total) == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_nothing_seen_says_nothing() -> None:
    assert wilson_interval(0, 0) == (0, 1)


def test_two_shares_are_compared_as_fisher_did() -> None:
    random = np.random.default_rng(0)
    for _ in range(200):
        total, other_total = random.integers(1, 60, 2).tolist()
        count, other = int(random.integers(total + 1)), int(random.integers(other_total + 1))
        expected = stats.fisher_exact([[count, total - count], [other, other_total - other]])[1]
        assert fisher_test(count, total, other, other_total) == pytest.approx(expected, abs=1e-9)


def test_many_tests_are_adjusted_as_benjamini_and_hochberg_did() -> None:
    random = np.random.default_rng(1)
    for size in (1, 2, 50):
        p_values = random.random(size).tolist()
        assert adjust(p_values) == pytest.approx(stats.false_discovery_control(p_values))
    assert adjust([]) == []


def test_permutations_agree_with_all_of_them() -> None:
    random = np.random.default_rng(2)
    values, others = random.normal(0.4, 1, 6), random.normal(0, 1, 7)
    exact = stats.permutation_test(
        (values, others), lambda a, b, axis: a.mean(axis) - b.mean(axis), vectorized=True, n_resamples=np.inf
    ).pvalue
    assert permutation_test(values, others) == pytest.approx(exact, abs=0.02)


def test_the_bootstrap_finds_the_mean_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(3)
    inside = 0
    for _ in range(60):
        low, high = bootstrap_interval(random.normal(0.5, 0.1, 25))
        inside += low <= 0.5 <= high
    assert 50 <= inside <= 60


def make_sample(
    phrase: str, share: float, random: np.random.Generator, group: str = "jobs", images: int = 27
) -> Sample:
    """Pictures that are red with that chance, the others blue."""
    red = random.random(images) < share
    return Sample(Subject(phrase, group), AXES[np.where(red, 0, 1)], AXES[:1] * 0.5 + AXES[1:] * 0.5, ())


def make_neutral(random: np.random.Generator, share: float = 0.5) -> list[Sample]:
    return [make_sample(phrase, share, random, NEUTRAL_GROUP) for phrase in NEUTRAL]


def test_a_planted_effect_is_found_and_named_by_its_side() -> None:
    random = np.random.default_rng(4)
    shares = {"a CEO": 0.95, "a nurse": 0.05, **{f"a worker {number}": 0.5 for number in range(30)}}
    samples = make_neutral(random) + [make_sample(phrase, share, random) for phrase, share in shares.items()]
    (found,) = find_bias(samples, [MARKER])
    leaning = {each.distribution.subject.phrase: each.towards for each in found.leaning}
    assert leaning == {"a CEO": 0, "a nurse": 1} and found.neutral_is_even


def test_without_an_effect_hardly_an_audit_finds_one() -> None:
    """The promise is that at most a twentieth of audits without any effect name somebody."""
    random, wrong, audits = np.random.default_rng(5), 0, 200
    for _ in range(audits):
        samples = make_neutral(random) + [make_sample(f"a worker {number}", 0.5, random) for number in range(20)]
        (found,) = find_bias(samples, [MARKER])
        wrong += bool(found.leaning)
    assert wrong <= stats.binom.ppf(0.999, audits, RATE)


def test_a_ranker_that_prefers_one_descriptor_is_not_the_subjects_doing() -> None:
    random = np.random.default_rng(6)
    samples = make_neutral(random, 0.9) + [make_sample(f"a worker {number}", 0.9, random) for number in range(20)]
    (found,) = find_bias(samples, [MARKER])
    assert not found.leaning and not found.neutral_is_even


def test_groups_are_compared_by_their_subjects() -> None:
    random = np.random.default_rng(7)
    samples = make_neutral(random)
    for group, share in (("business", 0.9), ("care", 0.2), ("trades", 0.5)):
        samples += [make_sample(f"{group} {number}", share, random, group) for number in range(8)]
    samples += [make_sample("an oddity", 0.5, random, "lonely")]
    (found,) = find_bias(samples, [MARKER])
    groups = {group.name: group for group in found.groups}
    assert groups.keys() == {"business", "care", "trades"}
    assert groups["business"].differs and groups["care"].differs and not groups["trades"].differs
    low, high = groups["business"].interval
    assert low < groups["business"].share < high and groups["business"].others < low


def test_of_three_descriptors_each_is_held_against_the_others() -> None:
    axes, random = np.eye(3, dtype=np.float32), np.random.default_rng(8)
    marker = Marker(DescriptorSet("color", ("red", "green", "blue")), axes[None], scale=20.0)

    def draw(phrase: str, chances: tuple[float, ...], group: str) -> Sample:
        return Sample(Subject(phrase, group), axes[random.choice(3, 60, p=chances)], axes.mean(0, keepdims=True), ())

    even = (1 / 3, 1 / 3, 1 / 3)
    samples = [draw(phrase, even, NEUTRAL_GROUP) for phrase in NEUTRAL]
    samples += [draw("a frog", (0.05, 0.9, 0.05), "x"), draw("a stone", even, "x")]
    (found,) = find_bias(samples, [marker])
    assert [(each.distribution.subject.phrase, each.towards) for each in found.leaning] == [("a frog", 1)]
    assert found.deviation > 0.1


def test_marks_are_a_softmax_of_scaled_cosines_in_every_template() -> None:
    random = np.random.default_rng(9)
    texts, images = (random.normal(size=shape) for shape in ((2, 3, 5), (4, 5)))
    texts, images = (rows / np.linalg.norm(rows, axis=-1, keepdims=True) for rows in (texts, images))
    marker = Marker(DescriptorSet("x", ("a", "b", "c")), texts, scale=7.0)
    expected = np.mean([np.exp(7 * images @ text.T) / np.exp(7 * images @ text.T).sum(1)[:, None] for text in texts], 0)
    np.testing.assert_allclose(marker.mark(images), expected, rtol=1e-6)
    directions = texts.mean(0) / np.linalg.norm(texts.mean(0), axis=1, keepdims=True)
    counts = [int(np.count_nonzero((images @ directions.T).argmax(1) == place)) for place in range(3)]
    assert marker.count_nearest(images) == counts


def test_the_echo_of_the_ranker_is_a_correlation() -> None:
    random = np.random.default_rng(10)
    samples = make_neutral(random)
    for number, share in enumerate(np.linspace(0, 1, 12)):
        sample = make_sample(f"a worker {number}", share, random, images=60)
        words = np.array([[share, 1 - share]], np.float32)
        samples.append(Sample(sample.subject, sample.embedded, words, ()))
    (found,) = find_bias(samples, [MARKER])
    assert found.echo is not None and found.echo > 0.8
    (still,) = find_bias(make_neutral(random) + [make_sample("a", 0.5, random)], [MARKER])
    assert still.echo is None
