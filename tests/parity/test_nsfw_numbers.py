"""The NSFW network gives onnxruntime's scores for drawn pictures, preparation included."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from record_nsfw import draw

from dalle_mini.safety.pictures import LANES, NsfwChecker


@pytest.fixture(scope="module")
def checker() -> NsfwChecker:
    return NsfwChecker.load()


@pytest.fixture(scope="module")
def pictures() -> tuple[list[Image.Image], np.ndarray]:
    scores = json.loads((Path(__file__).parent / "nsfw" / "scores.json").read_text())["scores"]
    return [Image.fromarray(draw(int(seed))) for seed in scores], np.array(list(scores.values()))


def log_odds(scores: np.ndarray) -> np.ndarray:
    return np.log(scores / (1 - scores))


def test_the_scores_are_those_of_onnxruntime(checker, pictures):
    images, expected = pictures
    found = checker.scores(images)
    np.testing.assert_allclose(found, expected, atol=5e-3)
    # Every one of them, the smallest too; what is left is float16 and the JPEG of another Pillow.
    np.testing.assert_allclose(log_odds(found), log_odds(expected), atol=0.05)


def test_the_recorded_scores_reach_from_safe_to_not(pictures):
    _, expected = pictures
    assert expected.min() < 1e-3 and expected.max() > 0.8


def test_a_score_does_not_depend_on_the_pictures_beside(checker, pictures):
    images, _ = pictures
    assert len(images) > LANES
    together = checker.scores(images)
    alone = np.concatenate([checker.scores([image]) for image in images[:2] + images[-1:]])
    np.testing.assert_array_equal(alone, together[[0, 1, -1]])
