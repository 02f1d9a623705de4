"""Short work beside the drawings: when it is run, and what becomes of it where it fails, is too much, or too late."""

import functools
import threading
from collections.abc import Callable

import numpy as np
import pytest
from clocks import Clock
from PIL import Image
from quick_models import Gate, QuickModel, make_painter

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import Closing, DalleMiniError, DeviceError, Overloaded
from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.engine import Engine
from dalle_mini.serving.errands import MOMENT, MOST, Errands
from dalle_mini.serving.order import Order


def attempt(work: Callable[[], None]) -> DalleMiniError | None:
    try:
        work()
    except DalleMiniError as error:
        return error
    return None


def test_a_moments_worth_is_run_and_one_at_least() -> None:
    clock = Clock()
    errands = Errands(clock=clock)

    def take(seconds: float) -> None:
        clock.now += seconds

    short, long = (functools.partial(take, seconds) for seconds in (MOMENT / 1.5, 10 * MOMENT))
    waiting = errands.add([short, short, long, short])
    for done in (2, 3, 4):
        errands.run(attempt)
        assert sum(each.done() for each in waiting) == done


def fail() -> None:
    raise DeviceError("out of memory")


def test_errors_reach_those_who_wait_and_the_others_are_run() -> None:
    errands = Errands(clock=Clock())
    first, cancelled, last = errands.add([fail, fail, lambda: 7])
    cancelled.cancel()
    errands.run(attempt)
    assert isinstance(first.exception(), DeviceError) and cancelled.cancelled() and last.result() == 7


def test_no_more_than_a_crowd_may_wait() -> None:
    errands = Errands()
    errands.add([fail] * MOST)
    with pytest.raises(Overloaded, match="many people are watching"):
        errands.add([fail])
    errands.close()
    assert not errands
    with pytest.raises(Closing):
        errands.add([fail])


def order(prompt: str) -> Order:
    return Order("quick", prompt, GenerationConfig(images=2), 7)


def count_rows(picture: Image.Image) -> int:
    """Of pixels that are drawn."""
    return int((np.asarray(picture)[:, 0, 3] > 0).sum())


@pytest.fixture
def model() -> QuickModel:
    return QuickModel()


def test_a_drawing_is_looked_back_at_between_the_chunks_of_another(model: QuickModel) -> None:
    """Before the second drawing is finished, and while nothing is drawn."""
    gate = Gate()
    engine = Engine(make_painter(model))
    engine.start()
    try:
        drawn = engine.submit(order("a cat"), client="a").result()
        idle = engine.look_back(drawn, 8)
        assert [count_rows(each.result(30)) for each in idle] == [4, 4]
        begun = threading.Event()
        model.on_chunk = lambda chunk: (begun.set(), gate.pass_through())
        other = engine.submit(order("a dog"), client="b")
        assert begun.wait(30)
        busy = engine.look_back(drawn, 4)
        gate.open(1)
        assert [count_rows(each.result(30)) for each in busy] == [2, 2]
        assert not other.ended
        gate.open()
        assert other.result().seed == 7 and model.looked_back == [(0, 8), (1, 8), (0, 4), (1, 4)]
    finally:
        gate.open()
        engine.close()
    with pytest.raises(Closing):
        engine.look_back(drawn, 4)


def test_a_model_that_made_room_is_told(model: QuickModel) -> None:
    painter = make_painter(model)
    *_, last = model.draw("a cat", GenerationConfig(images=1), seed=7)
    assert last.result
    with pytest.raises(NotFound, match="quick made room"):
        painter.look_back(last.result, 0, 4)
