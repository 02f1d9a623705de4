"""Trouble of the device: memory that runs out, steps that hang, pictures that are no numbers."""

import dataclasses
import os
import threading
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from clocks import Clock
from doubles import make_tiny_model
from quick_models import QuickModel, make_painter

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import DeviceError
from dalle_mini.loading import load
from dalle_mini.pipeline import DalleMini
from dalle_mini.serving.engine import Engine, EngineLimits
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.order import Order
from dalle_mini.serving.painter import Painter
from dalle_mini.serving.updates import Drawing, Finished

OUT_OF_MEMORY = "RESOURCE_EXHAUSTED: Out of memory allocating 4294967296 bytes."


def order(model: str = "quick", images: int = 2) -> Order:
    return Order(model, "a red car", GenerationConfig(images=images, top_k=32), 5)


class Mishaps:
    """Raises what it holds, one for every second chunk after the model was made ready."""

    def __init__(self, *errors: Exception) -> None:
        self.left = list(errors)

    def __call__(self, chunk: int) -> None:
        if chunk == 2 and self.left:
            raise self.left.pop(0)


def paint(painter: Painter, order: Order) -> tuple[list[Drawing], Finished]:
    *steps, last = painter.paint(order)
    assert isinstance(last, Finished)
    return [step for step in steps if isinstance(step, Drawing)], last


@pytest.mark.parametrize("error", [jax.errors.JaxRuntimeError(OUT_OF_MEMORY), MemoryError()])
def test_out_of_memory_saves_memory_and_tries_again(error: Exception) -> None:
    metrics, model = Metrics(), QuickModel()
    painter = make_painter(model, metrics=metrics)
    steps, _ = paint(painter, order("other"))
    assert steps[-1].pictures and painter.loaded == {"other"}
    list(painter.warm_up())
    while painter.can_widen("quick", 8):
        painter.widen("quick")
    assert painter.batch_size("quick", 8) == 8
    model.on_chunk = Mishaps(error)
    steps, last = paint(painter, order())
    assert [step.done for step in steps] == [4, 4, 8, 12]
    assert last.generation.seed == 5
    assert not steps[-1].pictures, "previews take memory"
    assert painter.loaded == {"quick"}, "so does another model"
    assert painter.batch_size("quick", 8) == 4 and painter.batch_size("quick", 3) == 2
    assert b'device_trouble_total{kind="out_of_memory"} 1.0' in metrics.render()
    steps, _ = paint(painter, order())
    assert not any(step.pictures for step in steps), "it is remembered"


def test_out_of_memory_twice_is_told(caplog: pytest.LogCaptureFixture) -> None:
    model = QuickModel()
    painter = make_painter(model)
    list(painter.warm_up())
    model.on_chunk = Mishaps(*[jax.errors.JaxRuntimeError(OUT_OF_MEMORY)] * 2)
    with pytest.raises(DeviceError, match="out of memory") as told:
        paint(painter, order())
    assert told.value.hint and told.value.http_status == 503
    assert "trying once more" in caplog.text
    paint(painter, order())
    assert painter.batch_size("quick", 1) == 1


def test_other_errors_are_not_tried_again() -> None:
    model = QuickModel()
    painter = make_painter(model)
    list(painter.warm_up())
    model.on_chunk = Mishaps(jax.errors.JaxRuntimeError("INTERNAL: something else"))
    with pytest.raises(jax.errors.JaxRuntimeError, match="something else"):
        paint(painter, order())
    assert model.drawn == ["a picture", "a red car"]


def test_out_of_memory_at_once_is_met_by_drawing_one_by_one(caplog: pytest.LogCaptureFixture) -> None:
    model, metrics = QuickModel(), Metrics()
    waits = threading.Event()
    model.on_chunk = lambda chunk: model.drawn[-1:] == ["a picture"] or waits.wait(10)
    engine = Engine(make_painter(model, metrics=metrics), limits=EngineLimits(at_once=4), metrics=metrics)
    engine.start()
    tickets = [engine.submit(order(), client=str(number)) for number in range(5)]
    mishaps = Mishaps(MemoryError())
    model.on_chunk = lambda chunk: waits.wait(10) and len(model.drawn) > 2 and mishaps(chunk)
    waits.set()
    assert all(len(ticket.result().images) == 2 for ticket in tickets)
    engine.close()
    assert "now one by one" in caplog.text and not mishaps.left
    assert b'device_trouble_total{kind="out_of_memory"} 1.0' in metrics.render()


# Pictures that are no numbers, by a real model whose VQGAN is spoiled.


class Spoiled:
    """A real model that draws with NaN in its VQGAN the next `times`."""

    def __init__(self, model: DalleMini) -> None:
        self.model, self.times = model, 0
        nan = jax.tree.map(lambda leaf: jnp.full_like(leaf, jnp.nan), model.vqgan_params)
        self.broken = dataclasses.replace(model, vqgan_params=nan)
        self.vqgan_config, self.ranker, self.check = model.vqgan_config, model.ranker, model.check

    @property
    def vqgan_params(self) -> Any:
        return self.now.vqgan_params

    def draw(self, *arguments: Any, **options: Any) -> Any:
        self.now = self.broken if self.times > 0 else self.model
        self.times -= 1
        return self.now.draw(*arguments, **options)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> DalleMini:
    return load(str(make_tiny_model(tmp_path_factory.mktemp("tiny"))))


@pytest.fixture
def spoiled(tiny: DalleMini) -> Spoiled:
    return Spoiled(tiny)


def make_spoiled_painter(spoiled: Spoiled, metrics: Metrics) -> Painter:
    def load(name: str) -> Any:
        return spoiled

    painter = Painter("tiny", load=load, metrics=metrics)
    list(painter.warm_up())
    return painter


def test_a_picture_that_is_no_number_is_drawn_once_more(spoiled: Spoiled, tiny: DalleMini) -> None:
    metrics = Metrics()
    painter = make_spoiled_painter(spoiled, metrics)
    spoiled.times = 1
    _, last = paint(painter, order("tiny"))
    expected = tiny.generate("a red car", images=2, top_k=32, seed=5, guidance_scale=10, temperature=1)
    for picture, wanted in zip(last.generation.images, expected.images, strict=True):
        assert (np.array(picture) == np.array(wanted)).all()
    assert b'device_trouble_total{kind="nan"} 1.0' in metrics.render()


def test_and_told_of_if_it_stays_so(spoiled: Spoiled) -> None:
    painter = make_spoiled_painter(spoiled, Metrics())
    spoiled.times = 2
    with pytest.raises(DeviceError, match="picture 1, 2 of 2 came out as no number"):
        paint(painter, order("tiny"))
    paint(painter, order("tiny"))


def test_a_picture_that_is_meant_to_be_black_is_fine(tiny: DalleMini, monkeypatch: pytest.MonkeyPatch) -> None:
    black = dataclasses.replace(tiny, vqgan_params=jax.tree.map(jnp.zeros_like, tiny.vqgan_params))
    painter = Painter("tiny", load=lambda name: black)
    _, last = paint(painter, order("tiny"))
    assert all(not picture.getbbox() for picture in last.generation.images)


# Steps that hang.


@pytest.fixture
def release() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("hanging_chunk", [1, 2, 4])
def test_a_step_that_hangs_ends_the_process(hanging_chunk: int, release: threading.Event) -> None:
    clock, hanging, statuses = Clock(0.0), threading.Event(), []
    model = QuickModel()
    limits = EngineLimits(step_seconds=60, load_seconds=600)
    engine = Engine(make_painter(model), limits=limits, clock=clock, abort=statuses.append)
    engine.start()
    engine.submit(order(), client="a").result()

    def hang(chunk: int) -> None:
        if chunk == hanging_chunk:
            hanging.set()
            assert release.wait(30)

    model.on_chunk = hang
    tickets = [engine.submit(order(), client=client) for client in "ab"]
    assert hanging.wait(10)
    clock.now = 59
    engine._watchdog.check()
    assert not engine.trouble and not statuses
    clock.now = 61
    engine._watchdog.check()
    assert engine.trouble == "the device hangs"
    assert statuses == [os.EX_SOFTWARE]
    for ticket in tickets:
        with pytest.raises(DeviceError, match="hangs"):
            ticket.result()
    release.set()
    engine.close()


def test_loading_a_model_may_take_longer(release: threading.Event) -> None:
    clock, loading, statuses = Clock(0.0), threading.Event(), []

    def load(name: str) -> Any:
        loading.set()
        assert release.wait(30)
        return QuickModel(name)

    limits = EngineLimits(step_seconds=60, load_seconds=600)
    engine = Engine(Painter("quick", load=load), limits=limits, clock=clock, abort=statuses.append)
    engine.start()
    assert loading.wait(10)
    clock.now = 599
    engine._watchdog.check()
    assert not statuses and engine.trouble == "the model is being loaded"
    release.set()
    engine.submit(order(), client="a").result()
    clock.now = 1e6
    engine._watchdog.check()
    assert not statuses, "nothing is expected of a device without work"
    engine.close()
