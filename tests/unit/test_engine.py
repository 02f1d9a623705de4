"""The engine with cheap models: turns, caps, deadlines, cancelling, and how it ends."""

import dataclasses
import math
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clocks import Clock
from quick_models import CHUNKS, Gate, QuickModel, make_painter

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import (
    Cancelled,
    CheckpointError,
    Closing,
    DalleMiniError,
    DeviceError,
    OutputError,
    Overloaded,
    PromptError,
)
from dalle_mini.serving.engine import Engine, EngineLimits
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.order import Order
from dalle_mini.serving.painter import Painter
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Drawing, Failed, Finished, Preparing, Waiting
from dalle_mini.together import Trial

Start = Callable[..., Engine]


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def model(gate: Gate) -> QuickModel:
    """Passes the gate before every chunk, but is ready at once."""
    model = QuickModel()
    model.on_chunk = lambda chunk: model.drawn == ["a picture"] or gate.pass_through()
    return model


@pytest.fixture
def start(model: QuickModel, gate: Gate) -> Iterator[Start]:
    engines = []

    def start(**options) -> Engine:
        engine = Engine(make_painter(model), **options)
        engines.append(engine)
        engine.start()
        return engine

    yield start
    gate.open()
    for engine in engines:
        engine.close()


def order(prompt: str = "a cat", images: int = 1, model: str = "quick") -> Order:
    return Order(model, prompt, GenerationConfig(images=images), 7)


def wait_for(ticket: Ticket, kind: type) -> object:
    """The first update of a kind."""
    news = ticket.news
    while not isinstance(news.update, kind):
        assert not ticket.ended, news.update
        newer = ticket.wait(news.number, timeout=30)
        assert newer.number > news.number, "nothing happens"
        news = newer
    return news.update


def test_a_drawing_goes_from_waiting_to_finished(start: Start, gate: Gate) -> None:
    ticket = start().submit(order(images=3), client="a")
    gate.open(1)
    drawing = wait_for(ticket, Drawing)
    assert isinstance(drawing, Drawing) and (drawing.done, drawing.total) == (4, 16)
    gate.open()
    result = ticket.result()
    assert len(result.images) == 3 and result.seed == 7
    assert isinstance(ticket.news.update, Finished)


def test_clients_take_turns(start: Start, gate: Gate, model: QuickModel) -> None:
    engine = start()
    gate.open(1)
    first = engine.submit(order("a1"), client="a")
    wait_for(first, Drawing)
    tickets = [engine.submit(order(f"a{number}"), client="a") for number in (2, 3, 4)]
    tickets += [engine.submit(order(name), client=name[0]) for name in ("b1", "c1", "b2")]
    assert [wait.place for ticket in tickets if isinstance(wait := ticket.news.update, Waiting)] == [1, 2, 3, 2, 3, 5]
    gate.open()
    for ticket in tickets:
        ticket.result()
    assert model.drawn[1:] == ["a1", "a2", "b1", "c1", "a3", "b2", "a4"]


def test_place_and_time_left_only_shrink(start: Start, gate: Gate) -> None:
    engine = start()
    gate.open(CHUNKS)
    engine.submit(order(), client="x").result()
    engine.submit(order(), client="x")
    ticket = engine.submit(order(), client="a")
    second = engine.submit(order(), client="a")
    told = [second.news.update]
    for client in "bcd":
        engine.submit(order(), client=client)
    for _ in range(CHUNKS - 1):
        gate.open(1)
        told.append(second.wait(second.news.number, timeout=5).update)
    waits = [update for update in told if isinstance(update, Waiting)]
    assert len(waits) > 2 and all(math.isfinite(wait.seconds) for wait in waits)
    assert [wait.place for wait in waits] == sorted((wait.place for wait in waits), reverse=True)
    assert [wait.seconds for wait in waits] == sorted((wait.seconds for wait in waits), reverse=True)
    gate.open()
    ticket.result()


def test_a_full_queue_and_a_greedy_client_are_told_when_to_come_back(start: Start, gate: Gate) -> None:
    engine = start(limits=EngineLimits(waiting=3, per_client=2))
    gate.open(1)
    wait_for(engine.submit(order(), client="a"), Drawing)
    mine = engine.submit(order(), client="a")
    with pytest.raises(Overloaded, match="2 drawings of yours are under way") as refused:
        engine.submit(order(), client="a")
    assert refused.value.retry_after >= 1 and refused.value.hint
    engine.submit(order(), client="b")
    engine.submit(order(), client="b")
    with pytest.raises(Overloaded, match="3 drawings are waiting already"):
        engine.submit(order(), client="c")
    engine.cancel(mine)
    engine.submit(order(), client="c")


def test_what_waited_too_long_is_not_begun(start: Start, gate: Gate, model: QuickModel) -> None:
    clock = Clock(0.0)
    engine = start(limits=EngineLimits(patience=60, step_seconds=1e6), clock=clock)
    gate.open(1)
    first = engine.submit(order("first"), client="a")
    wait_for(first, Drawing)
    late = engine.submit(order("late"), client="b")
    clock.now = 30
    fresh = engine.submit(order("fresh"), client="c")
    clock.now = 61
    gate.open(1)
    with pytest.raises(Cancelled, match="not begun within 60 seconds"):
        late.result()
    gate.open()
    first.result()
    fresh.result()
    assert model.drawn[1:] == ["first", "fresh"]


def test_cancelling_what_waits_takes_it_out_at_once(start: Start, gate: Gate, model: QuickModel) -> None:
    engine = start()
    gate.open(1)
    first = engine.submit(order("first"), client="a")
    wait_for(first, Drawing)
    second, third = (engine.submit(order(name), client="b") for name in ("second", "third"))
    engine.cancel(second)
    assert isinstance(second.news.update, Failed)
    assert isinstance(wait := third.news.update, Waiting) and wait.place == 1
    gate.open()
    third.result()
    assert "second" not in model.drawn
    engine.cancel(third)
    assert isinstance(third.news.update, Finished)


def test_cancelling_what_is_drawn_frees_the_device_within_a_chunk(start: Start, gate: Gate, model: QuickModel) -> None:
    engine = start()
    gate.open(1)
    first = engine.submit(order("first"), client="a")
    wait_for(first, Drawing)
    before = model.closed
    engine.cancel(first)
    second = engine.submit(order("second"), client="b")
    gate.open(2)
    wait_for(second, Drawing)
    assert model.closed == before + 1
    with pytest.raises(Cancelled):
        first.result()


def test_pictures_are_kept_before_they_are_told_of(start: Start, gate: Gate) -> None:
    gate.open()
    kept: list[tuple[str, bool, int]] = []
    engine = start()
    ticket = engine.submit(
        order(images=2),
        client="a",
        keep=lambda ticket, generation: kept.append((ticket.id, ticket.ended, len(generation.images))),
    )
    ticket.result()
    assert kept == [(ticket.id, False, 2)]

    def refuse(*_: object) -> None:
        raise OutputError("the disk is full")

    with pytest.raises(OutputError, match="full"):
        engine.submit(order(), client="a", keep=refuse).result()


def test_a_mistake_of_ours_is_logged_and_told_in_words(
    start: Start, gate: Gate, model: QuickModel, caplog: pytest.LogCaptureFixture
) -> None:
    gate.open()
    engine = start()
    wait_for(engine.submit(order(), client="a"), Finished)

    def trip(chunk: int) -> None:
        raise ZeroDivisionError("in the middle of it")

    model.on_chunk = trip
    with pytest.raises(DalleMiniError, match="something went wrong here"):
        engine.submit(order(), client="a").result()
    assert "in the middle of it" in caplog.text
    model.on_chunk = lambda chunk: None
    assert engine.submit(order(), client="a").result()


def test_a_main_model_that_cannot_be_loaded_makes_the_engine_unready(caplog: pytest.LogCaptureFixture) -> None:
    def load(name: str) -> Any:
        if name == "quick":
            raise CheckpointError("the weights are gone")
        return QuickModel(name)

    engine = Engine(Painter("quick", load=load))
    assert engine.trouble == "the engine does not run"
    engine.start()
    with pytest.raises(CheckpointError, match="quick can't be loaded") as told:
        engine.submit(order(), client="a").result()
    assert "the weights are gone" in caplog.text and "log" in told.value.hint
    assert engine.trouble == "quick can't be loaded"
    assert engine.submit(order(model="other"), client="a").result().release == "other"
    engine.close()


def test_waiting_for_a_model_is_told_as_such(start: Start, gate: Gate) -> None:
    gate.open()
    loading, loaded = threading.Event(), threading.Event()

    def load(name: str) -> Any:
        if name == "slow":
            loading.set()
            assert loaded.wait(10)
        return QuickModel(name)

    engine = Engine(Painter("quick", load=load))
    engine.start()
    slow = engine.submit(order(model="slow"), client="a")
    assert loading.wait(10)
    assert slow.news.update == Preparing("slow")
    ticket = engine.submit(order(), client="b")
    assert isinstance(wait := ticket.news.update, Waiting) and (wait.place, wait.preparing) == (1, "slow")
    loaded.set()
    ticket.result()
    assert engine.loaded == {"quick", "slow"} and not engine.trouble
    engine.submit(order(model="third"), client="b").result()
    assert engine.loaded == {"quick", "third"}
    engine.close()


def test_draining_finishes_what_is_there_and_refuses_what_comes(start: Start, gate: Gate) -> None:
    engine = start()
    gate.open(1)
    first = engine.submit(order(), client="a")
    second = engine.submit(order(), client="b")
    wait_for(first, Drawing)
    drained: list[bool] = []
    draining = threading.Thread(target=lambda: drained.append(engine.drain(30)))
    draining.start()
    while engine.trouble != "the server is being stopped":
        assert draining.is_alive()
    with pytest.raises(Closing) as refused:
        engine.submit(order(), client="c")
    assert refused.value.http_status == 503 and refused.value.retry_after
    gate.open()
    draining.join(30)
    assert drained == [True]
    assert first.result() and second.result()


def test_a_drain_that_takes_too_long_tells_who_waits(start: Start, gate: Gate, model: QuickModel) -> None:
    engine = start()
    gate.open(1)
    first, second = (engine.submit(order(), client="a") for _ in range(2))
    wait_for(first, Drawing)
    threading.Timer(0.1, gate.open, (1,)).start()
    assert not engine.drain(0.05)
    for ticket in (first, second):
        with pytest.raises(Closing):
            ticket.result()


def test_what_happens_is_counted(start: Start, gate: Gate) -> None:
    metrics = Metrics()
    engine = start(metrics=metrics, limits=EngineLimits(per_client=1))
    ticket = engine.submit(order(images=4), client="a")
    with pytest.raises(Overloaded):
        engine.submit(order(), client="a")
    assert b"dalle_mini_open 1.0" in metrics.render()
    gate.open()
    ticket.result()
    text = metrics.render().decode()
    for line in (
        'dalle_mini_drawings_total{outcome="finished"} 1.0',
        "dalle_mini_pictures_total 4.0",
        'dalle_mini_refusals_total{reason="client"} 1.0',
        "dalle_mini_open 0.0",
        "dalle_mini_ready 1.0",
        "dalle_mini_drawing_seconds_count 1.0",
    ):
        assert line in text


def test_every_ticket_of_a_crowd_ends(gate: Gate) -> None:
    gate.open()
    engine = Engine(make_painter(), limits=EngineLimits(waiting=20, per_client=6))
    engine.start()
    tickets: list[Ticket] = []
    refused: list[Overloaded] = []

    def order_many(client: str) -> None:
        for number in range(25):
            try:
                ticket = engine.submit(order(f"{client}{number}"), client=client)
            except Overloaded as error:
                refused.append(error)
                continue
            tickets.append(ticket)
            if number % 3 == 0:
                engine.cancel(ticket)

    threads = [threading.Thread(target=order_many, args=(client,)) for client in "abcdef"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert engine.drain(60)
    assert len(tickets) + len(refused) == 150
    assert all(ticket.ended for ticket in tickets)


# Several at once.


@pytest.fixture
def crowd(start: Start, gate: Gate) -> Callable[..., list[Ticket]]:
    """Tickets of clients who came while something else was drawn."""

    def gather(count: int, *, at_once: int = 8, metrics: Metrics | None = None, **changes) -> list[Ticket]:
        engine = start(limits=EngineLimits(at_once=at_once), metrics=metrics)
        gate.open(1)
        first = engine.submit(order("first"), client="x")
        wait_for(first, Drawing)
        settings = dataclasses.replace(GenerationConfig(images=1), **changes)
        tickets = [
            engine.submit(Order("quick", f"order {number}", settings, number), client=str(number))
            for number in range(count)
        ]
        gate.open(CHUNKS - 1)
        first.result()
        return tickets

    return gather


def test_a_crowd_is_drawn_at_once_in_buckets(crowd, gate: Gate, model: QuickModel) -> None:
    metrics = Metrics()
    tickets = crowd(7, metrics=metrics, temperature=2.0)
    gate.open(4)
    for ticket in tickets[:4]:
        assert isinstance(drawing := wait_for(ticket, Drawing), Drawing) and drawing.done == 4
    assert isinstance(tickets[4].news.update, Waiting)
    gate.open()
    for number, ticket in enumerate(tickets):
        result = ticket.result()
        assert result.seed == number and result.settings.temperature == 2.0
    text = metrics.render().decode()
    assert 'at_once_bucket{le="1.0"} 2.0' in text and 'at_once_bucket{le="2.0"} 3.0' in text
    assert 'at_once_bucket{le="4.0"} 4.0' in text and "at_once_sum 8.0" in text


def test_orders_of_other_programs_are_drawn_apart(start: Start, gate: Gate, model: QuickModel) -> None:
    engine = start(limits=EngineLimits(at_once=8))
    gate.open(1)
    wait_for(engine.submit(order("first"), client="x"), Drawing)
    plain = dataclasses.replace(GenerationConfig(images=1), guidance_scale=1.0)
    tickets = [
        engine.submit(Order("quick", name, settings, 1), client=name)
        for name, settings in (("a", plain), ("b", GenerationConfig(images=2)), ("c", plain))
    ]
    gate.open()
    for ticket in tickets:
        ticket.result()
    assert model.drawn[2:] == ["a", "c", "b"]


def test_cancelling_one_of_a_crowd_leaves_the_others(crowd, gate: Gate, model: QuickModel) -> None:
    tickets = crowd(4)
    gate.open(4)
    for ticket in tickets:
        wait_for(ticket, Drawing)
    before = model.closed
    tickets[1].cancelled = True
    gate.open(4)
    with pytest.raises(Cancelled):
        tickets[1].result()
    assert model.closed == before + 1
    gate.open()
    assert [ticket.result().seed for ticket in tickets if ticket is not tickets[1]] == [0, 2, 3]


def test_nobody_fails_because_of_another(crowd, gate: Gate, model: QuickModel) -> None:
    model.unreadable = "order 2"
    tickets = crowd(4)
    gate.open()
    with pytest.raises(PromptError, match="nobody can read this"):
        tickets[2].result()
    assert [tickets[number].result().seed for number in (0, 1, 3)] == [0, 1, 3]


@pytest.mark.parametrize("trial", [Trial(False, 3.0), Trial(True, 1.02)])
def test_what_is_not_the_same_or_no_faster_is_drawn_one_by_one(
    crowd, gate: Gate, model: QuickModel, trial: Trial
) -> None:
    model.trials[2] = trial
    metrics = Metrics()
    tickets = crowd(3, metrics=metrics)
    gate.open()
    for ticket in tickets:
        ticket.result()
    assert 'at_once_bucket{le="1.0"} 4.0' in metrics.render().decode()


def test_a_setting_keeps_drawings_apart(crowd, gate: Gate, model: QuickModel) -> None:
    model.trials.clear()
    tickets = crowd(3, at_once=1)
    gate.open()
    assert all(ticket.result() for ticket in tickets)


def test_a_failure_that_is_remembered_keeps_nothing_of_the_drawing(start: Start, gate: Gate, model: QuickModel) -> None:
    gate.open()
    engine = start()

    def trip(chunk: int) -> None:
        try:
            raise ZeroDivisionError
        except ZeroDivisionError as error:
            raise DeviceError("no more of this") from error

    model.on_chunk = lambda chunk: model.drawn == ["a picture"] or trip(chunk)
    failed = wait_for(engine.submit(order(), client="a"), Failed)
    assert isinstance(failed, Failed)
    error = failed.error
    assert error.__traceback__ is error.__context__ is error.__cause__ is None
