"""What is undone to be timed draws the same pictures, and does more work than the product."""

import costs
import numpy as np
import pytest

from benchmarks import ablations
from benchmarks.random_weights import make_transformer, make_vqgan


@pytest.fixture(scope="module")
def params():
    return make_transformer(costs.CONFIG)


@pytest.fixture(scope="module")
def ours(params) -> ablations.Drawing:
    return ablations.Drawing(ablations.Way(), params, costs.CONFIG)


def count(drawing: ablations.Drawing) -> dict[str, float]:
    return drawing.lower().cost_analysis()


def test_every_way_draws_the_same(params, ours) -> None:
    drawn = ours()
    assert len(np.unique(drawn)) > 30
    for way in ablations.WAYS:
        assert (ablations.Drawing(way, params, costs.CONFIG)() == drawn).all(), way.name


def test_doubling_makes_the_same_pixels_with_fewer_operations() -> None:
    params = make_vqgan(costs.VQGAN)
    row = ablations.compare(
        *(ablations.make_pixels(params, costs.VQGAN, folded=folded) for folded in (True, False)), repeats=1
    )
    assert row["alike"] == 1 and row["cpu_seconds"] > 0 and row["times"] > 0


def test_the_guard_on_costs_would_see_a_prompt_that_is_projected_for_every_token(params, ours) -> None:
    way = next(way for way in ablations.WAYS if way.step is ablations.step_projecting)
    before, after = count(ours), count(ablations.Drawing(way, params, costs.CONFIG))
    assert after["flops"] > 1.5 * before["flops"] and after["bytes accessed"] > 1.1 * before["bytes accessed"]
