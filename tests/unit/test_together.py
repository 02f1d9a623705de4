"""Several drawings from one program: each is to the bit what it is alone."""

import collections
import dataclasses
import gc
import itertools

import numpy as np
import pytest
from doubles import CAPTIONS, make_tiny_model

import dalle_mini
from dalle_mini.config import GenerationConfig
from dalle_mini.errors import ConfigError
from dalle_mini.generation import Generation
from dalle_mini.pipeline import DalleMini, Progress
from dalle_mini.sampling import DecodeState, Stacked, static_settings
from dalle_mini.together import Plan

SETTINGS = GenerationConfig(guidance_scale=3.0, top_k=32)
MANY = [
    dataclasses.replace(SETTINGS, images=images, temperature=temperature, guidance_scale=scale, top_p=top_p)
    for images, temperature, scale, top_p in (
        (9, 1.0, 3.0, 1.0),
        (1, 2.0, 3.0, 0.9),
        (12, 1.0, 8.0, 1.0),
        (4, 0.5, 2.0, 0.5),
        (2, 1.0, 0.0, 1.0),
    )
]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DalleMini:
    return dalle_mini.load(str(make_tiny_model(tmp_path_factory.mktemp("tiny"))))


def make_plans(model: DalleMini, count: int, settings: list[GenerationConfig] = MANY) -> list[Plan]:
    return [model.plan(CAPTIONS[at % 4], settings[at % len(settings)], seed=at) for at in range(count)]


def finish(model: DalleMini, plans: list[Plan]) -> list[Generation]:
    """Every drawing, one chunk of each after the other."""
    drawings = dict(enumerate(model.draw_together(plans)))
    results: dict[int, Generation] = {}
    while drawings:
        for number, drawing in list(drawings.items()):
            step = next(drawing)
            if step.result:
                results[number] = step.result
                del drawings[number]
    return [results[number] for number in range(len(plans))]


def draw_alone(model: DalleMini, plan: Plan) -> Generation:
    *_, last = model.draw(plan.reading.prompt, plan.settings, seed=plan.seeds[0])
    assert last.result is not None
    return last.result


@pytest.mark.parametrize("count", [2, 3, 5])
def test_a_picture_never_depends_on_those_beside_it(model: DalleMini, count: int) -> None:
    plans = make_plans(model, count)
    for plan, generation in zip(plans, finish(model, plans), strict=True):
        alone = draw_alone(model, plan)
        assert generation.recipe == alone.recipe
        assert (generation.candidates.tokens == alone.candidates.tokens).all()
        assert (generation.candidates.pixels == alone.candidates.pixels).all()


@pytest.mark.parametrize("change", [{"guidance_scale": 1.0}, {"top_k": 0}])
def test_other_programs_draw_together_too(model: DalleMini, change: dict) -> None:
    plans = make_plans(model, 2, [dataclasses.replace(settings, **change) for settings in MANY])
    assert len({static_settings(plan.settings) for plan in plans}) == 1
    assert static_settings(plans[0].settings) != static_settings(SETTINGS)
    for plan, generation in zip(plans, finish(model, plans), strict=True):
        assert (generation.tokens == draw_alone(model, plan).tokens).all()


def test_one_that_is_closed_leaves_the_others_as_they_are(model: DalleMini) -> None:
    plans = make_plans(model, 4)
    drawings = model.draw_together(plans)
    for drawing in drawings:
        next(drawing)
    drawings[0].close()
    next(drawings[1])
    drawings[3].close()
    drawings[1].close()
    *_, last = drawings[2]
    assert last.result and (last.result.tokens == draw_alone(model, plans[2]).tokens).all()


def test_one_may_run_ahead(model: DalleMini) -> None:
    plans = make_plans(model, 2)
    first, second = map(list, model.draw_together(plans))
    for plan, steps in zip(plans, (first, second), strict=True):
        assert isinstance(steps[-1], Progress) and steps[-1].result
        assert (steps[-1].result.tokens == draw_alone(model, plan).tokens).all()
    # A preview that was kept shows what was drawn when it was told of.
    assert not np.asarray(first[0].preview()[0])[-1].any()


def count_states() -> int:
    return sum(isinstance(each, DecodeState | Stacked) for each in gc.get_objects())


@pytest.mark.parametrize("chunks", [3, None])
@pytest.mark.parametrize("count", [1, 2])
def test_what_was_drawn_with_goes_with_the_last_stream(model: DalleMini, count: int, chunks: int | None) -> None:
    plans = make_plans(model, count)
    finish(model, plans)  # what is compiled keeps a state of its own
    gc.collect()
    gc.disable()
    try:
        before = count_states()
        drawings = model.draw_together(plans)
        while drawings:
            collections.deque(itertools.islice(drawings.pop(), chunks), maxlen=0)
        assert count_states() == before
    finally:
        gc.enable()


def test_a_trial_tells_whether_drawing_at_once_is_worth_it(model: DalleMini) -> None:
    trial = model.try_together(2)
    assert trial.is_exact and trial.speedup > 0


def test_many_at_once_need_room_for_all(model: DalleMini, monkeypatch: pytest.MonkeyPatch) -> None:
    from dalle_mini import memory

    plans = make_plans(model, 2, [SETTINGS])
    itemsize = 4
    need = memory.estimate(model.config, model.vqgan_config, plans[0].settings, lanes=9, itemsize=itemsize)
    monkeypatch.setattr(memory, "find_free", lambda: memory.Free(int(need.batch * 1.5), 2**40, is_shared=False))
    model.draw_together(plans[:1])
    with pytest.raises(ConfigError, match="a batch of pictures needs"):
        model.draw_together(plans)
