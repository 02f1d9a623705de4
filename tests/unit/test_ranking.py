"""Choosing by marks: the order, the trade of mark for spread, marks that are none, words left out."""

import itertools

import numpy as np
import pytest
from doubles import CAPTIONS, make_tiny_clip

from dalle_mini.ranking import Clip, choose, leave_out, rank

PROMPT = "a red car at the beach"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return Clip.load(make_tiny_clip(tmp_path_factory.mktemp("clip") / "tiny"), made_for="tiny")


def make_clusters(clusters: int, each: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Marks and embeddings: groups of near-copies, of which the first has the best marks."""
    rng = np.random.default_rng(seed)
    centers = np.repeat(rng.standard_normal((clusters, 16)), each, axis=0)
    embedded = centers + rng.standard_normal((clusters * each, 16)) / 20
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    marks = np.repeat(np.linspace(0.32, 0.27, clusters), each) + rng.uniform(0, 0.004, clusters * each)
    return marks.astype(np.float32), embedded.astype(np.float32)


def find_likeness(embedded: np.ndarray, chosen: tuple[int, ...]) -> float:
    """The cosine of the two that are most alike."""
    return float(max(embedded[a] @ embedded[b] for a, b in itertools.combinations(chosen, 2)))


def test_the_best_come_first_and_equal_ones_as_they_were_drawn() -> None:
    marks = np.array([0.1, 0.3, 0.2, 0.3, -0.5], np.float32)
    assert rank(marks) == (1, 3, 2, 0, 4)
    assert choose(marks, np.eye(5, dtype=np.float32), 3) == (1, 3, 2)


def test_variety_trades_marks_for_spread() -> None:
    """Over many drawings: the more variety, the lower the marks and the less alike the nearest two."""
    means, alike = [], []
    for variety in (0.0, 0.25, 0.5, 0.75, 1.0):
        found = [make_clusters(9, 4, seed=seed) for seed in range(30)]
        chosen = [choose(marks, embedded, 9, variety) for marks, embedded in found]
        means.append(np.mean([marks[list(places)].mean() for (marks, _), places in zip(found, chosen, strict=True)]))
        alike.append(np.mean([find_likeness(rows, places) for (_, rows), places in zip(found, chosen, strict=True)]))
    assert means == sorted(means, reverse=True) and means[0] > means[-1] + 0.01
    assert alike == sorted(alike, reverse=True) and alike[0] > 0.9 > alike[-1]


@pytest.mark.parametrize(("variety", "clusters"), [(0.0, 1), (1.0, 4)])
def test_the_ends_are_the_best_and_one_of_each(variety: float, clusters: int) -> None:
    marks, embedded = make_clusters(4, 9)
    chosen = choose(marks, embedded, 4, variety)
    assert len({place // 9 for place in chosen}) == clusters
    assert chosen[0] == rank(marks)[0], "the best one is always shown, and first"
    assert list(marks[list(chosen)]) == sorted(marks[list(chosen)], reverse=True)


@pytest.mark.parametrize("variety", [0.0, 0.3, 0.8, 1.0])
def test_choices_are_those_of_the_formula(variety: float) -> None:
    """Step by step, for every candidate, as the paper has it; marks and likenesses reach from 0 to 1 as they are."""
    rng = np.random.default_rng(1)
    embedded = np.abs(rng.standard_normal((12, 6)))
    embedded[1] = embedded[0]
    embedded[2], embedded[3] = np.eye(6)[:2]
    embedded /= np.linalg.norm(embedded, axis=1, keepdims=True)
    marks = rng.permutation(np.linspace(0, 1, 12))
    chosen = [int(np.argmax(marks))]
    while len(chosen) < 5:
        rest = [place for place in range(12) if place not in chosen]
        gains = [
            (1 - variety) * marks[place] - variety * max(embedded[place] @ embedded[other] for other in chosen)
            for place in rest
        ]
        chosen.append(rest[int(np.argmax(gains))])
    assert set(choose(marks, embedded, 5, variety)) == set(chosen)


@pytest.mark.parametrize("variety", [0.0, 0.5, 1.0])
def test_pictures_without_a_mark_come_last(variety: float) -> None:
    marks, embedded = make_clusters(2, 3)
    marks[[0, 4]], embedded[[0, 4]] = np.nan, np.nan
    assert set(choose(marks, embedded, 4, variety)) == {1, 2, 3, 5}
    assert choose(marks, embedded, 6, variety)[4:] == rank(marks)[4:] == (0, 4)
    assert choose(np.full(6, np.nan, np.float32), embedded, 3, variety) == (0, 1, 2)


def test_pictures_that_are_all_alike_are_taken_as_they_come() -> None:
    marks, embedded = np.full(4, 0.2, np.float32), np.ones((4, 1), np.float32)
    assert choose(marks, embedded, 3, 0.5) == choose(marks, embedded, 3) == (0, 1, 2)


def test_words_are_left_out_one_by_one() -> None:
    assert leave_out(" a red car") == (("a", "red", "car"), (" red car", " a car", " a red"))
    assert leave_out("red  car\n") == (("red", "car"), ("car", "red"))
    assert leave_out(" car") == (("car",), (" ",)) and leave_out("  ") == leave_out("") == ((), ())


def test_a_word_carries_what_the_mark_loses_without_it(clip: Clip) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), dtype=np.uint8)
    found = clip.weigh_words(clip.embed_images(pixels), clip.marks(pixels, PROMPT), PROMPT)
    assert found.words == tuple(PROMPT.split()) and found.weights.shape == (3, 6)
    for place, shorter in enumerate(["red car at the beach", "a car at the beach", "a red at the beach"]):
        lost = clip.marks(pixels, PROMPT) - clip.marks(pixels, shorter)
        np.testing.assert_allclose(found.weights[:, place], lost, atol=1e-6)


def test_words_without_room_are_not_weighed(clip: Clip) -> None:
    embedded = clip.embed_images(np.zeros((2, 16, 16, 3), np.uint8))
    found = clip.weigh_words(embedded, np.zeros(2, np.float32), " ".join(CAPTIONS))
    assert 4 < len(found.words) < 15 and found.weights.shape == (2, len(found.words))
    assert clip.weigh_words(embedded[:0], np.zeros(0, np.float32), PROMPT).weights.shape == (0, 6)


def test_a_ranker_says_which_one_it_is(clip: Clip) -> None:
    assert (clip.id.name, clip.id.made_for, len(clip.id.digest)) == ("tiny", "tiny", 64)
