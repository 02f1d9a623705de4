"""The experiment with candidates that are given up half-way: what it finds and saves."""

import numpy as np
import pytest
from doubles import make_tiny_clip, make_tiny_model

import dalle_mini
from benchmarks.experiments import early_exit
from benchmarks.experiments.early_exit import Drawn, compare
from recipes import renderers


def test_all_candidates_are_marked_half_way_and_at_the_end(tmp_path) -> None:
    model = dalle_mini.load(str(make_tiny_model(tmp_path / "model")), ranker=str(make_tiny_clip(tmp_path / "clip")))
    drawn = early_exit.draw(model, "a red car", 20, 1)
    assert drawn.half.shape == drawn.end.shape == (20,)
    assert np.isfinite(drawn.half).all() and (drawn.half != drawn.end).any()
    assert drawn.tokens > 0 and drawn.pixels > 0 and drawn.marks > 0


def test_what_is_kept_is_held_against_the_best_of_all() -> None:
    end = np.arange(36) / 36
    told = compare([Drawn(end, end, tokens=8, pixels=1, marks=1)], 0.5)
    assert told["found"] == told["found_best"] == 1 and told["mark"] == told["mark_of_all"]
    assert told["saved"] == pytest.approx(1 - (6 + 3) / 10)
    wrong = compare([Drawn(-end, end, tokens=8, pixels=1, marks=1)], 0.5)
    assert wrong["found"] == wrong["found_best"] == 0 and wrong["mark"] < wrong["mark_of_all"]
    assert "| 50 % of 36 | 100 % |" in renderers.write_early_exit({"candidates": 36, "rows": [told]})
