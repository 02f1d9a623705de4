"""A fleet with replicas of this process: turns, losses, cancelling, and what is told meanwhile."""

import asyncio
import collections
import dataclasses
import functools
import pickle
import threading
import time
from collections.abc import AsyncGenerator, Callable, Generator, Iterator
from typing import Any

import pytest
from clocks import Clock
from PIL import Image
from quick_models import CHUNKS, Gate, QuickModel, make_painter
from served import PATIENCE

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import (
    Cancelled,
    CheckpointError,
    Closing,
    DalleMiniError,
    DeviceError,
    Overloaded,
    PromptError,
    PromptRejected,
)
from dalle_mini.generation import Generation
from dalle_mini.serving import fleet as fleets
from dalle_mini.serving import replica as replicas
from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.engine import Engine, EngineLimits
from dalle_mini.serving.fleet import TRIES, Fleet, ReplicaLost, Strength
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.order import Order
from dalle_mini.serving.painter import Painter
from dalle_mini.serving.replica import Replica
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Drawing, Failed, Finished, Update, Waiting

LIMITS = EngineLimits(waiting=100, per_client=100)
ALL = 1000
"""Chunks, as many as any test draws."""


class LocalReplicas:
    """Engines of this process, that take turns; what goes to and fro is pickled. `poison` kills whoever draws it."""

    def __init__(self, *models: QuickModel, poison: str = "") -> None:
        self._makes = [functools.partial(_make_engine, model) for model in models]
        self._there: collections.deque[Replica] = collections.deque()
        self._poison, self._ends = poison, []
        self.failed = False
        self.sent: list[Order] = []
        self.under_way = self.most_under_way = 0

    def start(self) -> None:
        self._there.extend(map(Replica, self._makes))

    def count(self) -> Strength:
        return Strength(len(self._there), len(self._makes), self.failed)

    def kill(self) -> None:
        """End the one whose turn was last."""
        self._end(self._there[-1])

    async def draw(self, order: Order, client: str) -> AsyncGenerator[Update | None]:
        while not self._there:
            await asyncio.sleep(0.01)
        self._there.rotate(-1)
        replica = self._there[-1]
        self.sent.append(order)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            async for update in replica.draw(*_send((order, client))):
                if order.prompt == self._poison:
                    self._end(replica)
                    raise ReplicaLost("it fell over")
                yield _send(update)
        except DeviceError as error:
            raise ReplicaLost(str(error)) from None
        finally:
            self.under_way -= 1

    async def look_back(self, drawn: Generation, position: int):
        return _send(await self._there[0].look_back(_send(drawn), position))

    def close(self) -> None:
        for end in self._ends:
            end.join()
        for replica in self._there:
            replica.close()

    def _end(self, replica: Replica) -> None:
        if replica not in self._there:
            return
        self._there.remove(replica)
        if not self._there:
            self._there.append(Replica(functools.partial(_make_engine, QuickModel())))
        self._ends.append(threading.Thread(target=replica.close))
        self._ends[-1].start()


def _make_engine(model: QuickModel) -> Engine:
    """One that has `model` ready, and makes others when they are wanted."""

    def load(name: str) -> Any:
        return model if name == model.name else QuickModel(name)

    return Engine(Painter(model.name, load=load), limits=LIMITS)


def _send(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


@pytest.fixture
def gates() -> list[Gate]:
    return [Gate(), Gate()]


@pytest.fixture
def models(gates: list[Gate]) -> list[QuickModel]:
    """Two that pass their gates before every chunk, but are ready at once."""
    models = [QuickModel(), QuickModel()]
    for model, gate in zip(models, gates, strict=True):
        model.on_chunk = functools.partial(
            lambda model, gate, _: model.drawn == ["a picture"] or gate.pass_through(), model, gate
        )
    return models


def _hold(model: QuickModel, gate: Gate, chunk: int) -> None:
    if model.drawn != ["a picture"]:
        gate.pass_through()


Start = Callable[..., Fleet]


@pytest.fixture
def start(gates: list[Gate]) -> Iterator[Start]:
    fleets = []

    def start(replicas: LocalReplicas, *, each: int = 4, limits: EngineLimits = LIMITS, **options) -> Fleet:
        fleet = Fleet(replicas, "quick", each=each, limits=limits, seconds_between_counts=0.01, **options)
        fleets.append(fleet)
        fleet.start()
        return fleet

    yield start
    for gate in gates:
        gate.open(ALL)
    for fleet in fleets:
        assert fleet.close()


def order(prompt: str = "a cat", *, seed: int | None = 7, images: int = 1) -> Order:
    return Order("quick", prompt, GenerationConfig(images=images), seed)


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it never comes"
        time.sleep(0.01)


def wait_for(ticket: Ticket, kind: type) -> Update:
    for update in ticket.follow():
        if isinstance(update, kind):
            return update
    raise AssertionError(ticket.news.update)


def test_a_drawing_is_what_it_is_without_a_fleet(start: Start) -> None:
    model = QuickModel()
    fleet = start(LocalReplicas(model, model))
    update = wait_for(ticket := fleet.submit(order(images=4), client="a"), Finished)
    (expected,) = [
        progress.result
        for progress in QuickModel().draw("a cat", GenerationConfig(images=4), seed=7)
        if progress.result
    ]
    assert isinstance(update, Finished) and expected
    assert [image.tobytes() for image in update.generation.images] == [image.tobytes() for image in expected.images]
    assert ticket.result().recipe == expected.recipe
    assert not fleet.trouble and fleet.loaded == {"quick"}


def test_previews_go_over_the_wire_once(models: list[QuickModel], gates: list[Gate]) -> None:
    class Replayed(QuickModel):
        def replay(self, drawn: Generation) -> Generator[Image.Image]:
            for _ in range(8):
                gates[0].pass_through()
                yield drawn.grid()

    replica = Replica(lambda: Engine(make_painter(Replayed())))

    async def listen() -> list[Drawing]:
        drawings = []
        async for update in replica.draw(dataclasses.replace(order(), animation=True), "a"):
            gates[0].open(1)
            if isinstance(update, Drawing):
                drawings.append(update)
        return drawings

    sent = [bool(drawing.pictures) for drawing in asyncio.run(listen())]
    assert any(sent) and not all(sent[sent.index(True) :])
    replica.close()


def test_and_stay_on_this_side(start: Start) -> None:
    class Telling(LocalReplicas):
        async def draw(self, order: Order, client: str) -> AsyncGenerator[Update | None]:
            yield Drawing(4, 16, order.settings, 1.0, (Image.new("RGB", (8, 8)),))
            yield Drawing(8, 16, order.settings, 1.0, ())
            await asyncio.Event().wait()

    ticket = start(Telling(QuickModel())).submit(order(), client="a")
    drawing = next(update for update in ticket.follow() if isinstance(update, Drawing) and update.done == 8)
    assert len(drawing.pictures) == 1


def test_replicas_draw_side_by_side_as_many_as_they_may(
    start: Start, models: list[QuickModel], gates: list[Gate]
) -> None:
    sites = LocalReplicas(*models)
    fleet = start(sites, each=2)
    tickets = [fleet.submit(order(f"order {number}"), client=str(number)) for number in range(7)]
    for gate in gates:
        gate.open(1)
    for ticket in tickets[:2]:
        wait_for(ticket, Drawing)
    waits = [update for ticket in tickets[2:] if isinstance(update := ticket.news.update, Waiting)]
    assert len(waits) == 5 and [model.drawn[1:] for model in models] == [["order 0"], ["order 1"]]
    wait_until(lambda: len(sites.sent) == 4)
    assert [wait.place for wait in waits[2:]] == sorted(wait.place for wait in waits[2:])
    for gate in gates:
        gate.open(ALL)
    assert all(ticket.result() for ticket in tickets)
    assert sites.most_under_way == 4


def test_clients_take_turns(start: Start, models: list[QuickModel], gates: list[Gate]) -> None:
    fleet = start(LocalReplicas(models[0]), each=1)
    first = fleet.submit(order("first"), client="a")
    gates[0].open(1)
    wait_for(first, Drawing)
    tickets = [fleet.submit(order(name), client=name[0]) for name in ("a1", "a2", "b1", "b2", "c1")]
    gates[0].open(ALL)
    for ticket in tickets:
        ticket.result()
    assert models[0].drawn[2:] == ["a1", "b1", "c1", "a2", "b2"]


def test_every_order_is_answered_when_a_replica_is_lost(
    start: Start, models: list[QuickModel], gates: list[Gate]
) -> None:
    metrics, sites = Metrics(), LocalReplicas(*models)
    fleet = start(sites, metrics=metrics)
    tickets = [fleet.submit(order(f"order {number}", seed=None), client=str(number)) for number in range(8)]
    for gate in gates:
        gate.open(2)
    wait_for(tickets[0], Drawing)
    wait_for(tickets[1], Drawing)
    sites.kill()
    for gate in gates:
        gate.open(ALL)
    results = [ticket.result() for ticket in tickets]
    assert [result.reading.prompt for result in results] == [f"order {number}" for number in range(8)]
    seeds = collections.defaultdict(set)
    for sent in sites.sent:
        seeds[sent.prompt].add(sent.seed)
    assert len(sites.sent) > 8, "some were sent again"
    assert [seeds[result.reading.prompt] for result in results] == [{result.seed} for result in results]
    lost = len(sites.sent) - 8
    assert f'device_trouble_total{{kind="replica_lost"}} {lost}.0' in metrics.render().decode()


def test_an_order_that_ends_every_replica_is_given_up_and_fails_alone(start: Start) -> None:
    sites = LocalReplicas(QuickModel(), QuickModel(), QuickModel(), poison="poison")
    fleet = start(sites)
    others = [fleet.submit(order(f"order {number}"), client=str(number)) for number in range(6)]
    with pytest.raises(DeviceError, match=f"{TRIES} machines were lost while they drew this") as told:
        fleet.submit(order("poison"), client="x").result()
    assert told.value.hint
    assert all(ticket.result() for ticket in others)
    assert sum(sent.prompt == "poison" for sent in sites.sent) == TRIES


def test_an_error_of_the_order_is_told_and_not_tried_again(start: Start) -> None:
    model = QuickModel()
    model.unreadable = "&"
    sites = LocalReplicas(model)
    with pytest.raises(PromptError, match="nobody can read this"):
        start(sites).submit(order("&"), client="a").result()
    assert len(sites.sent) == 1


def test_a_replica_that_says_nothing_is_given_up(start: Start) -> None:
    class Silent(LocalReplicas):
        async def draw(self, order: Order, client: str) -> AsyncGenerator[Update | None]:
            self.sent.append(order)
            await asyncio.Event().wait()
            yield None

    sites = Silent(QuickModel())
    fleet = start(sites, limits=EngineLimits(load_seconds=0.01))
    with pytest.raises(DeviceError, match="machines were lost"):
        fleet.submit(order(), client="a").result()
    assert len(sites.sent) == TRIES


def test_cancelling_frees_a_replica_within_a_chunk(start: Start, models: list[QuickModel], gates: list[Gate]) -> None:
    fleet = start(LocalReplicas(models[0]))
    first, second = (fleet.submit(order(name), client=name) for name in ("first", "second"))
    gates[0].open(1)
    wait_for(first, Drawing)
    before = models[0].closed
    fleet.cancel(first)
    with pytest.raises(Cancelled):
        first.result()
    gates[0].open(2)
    wait_for(second, Drawing)
    assert models[0].closed == before + 1
    fleet.cancel(second)
    with pytest.raises(Cancelled):
        second.result()


def test_without_replicas_orders_wait_until_there_is_one(start: Start) -> None:
    class Late(LocalReplicas):
        def start(self) -> None:
            pass

    sites = Late(QuickModel())
    fleet = start(sites)
    ticket = fleet.submit(order(), client="a")
    wait_until(lambda: isinstance(update := ticket.news.update, Waiting) and update.preparing == "quick")
    assert fleet.trouble == "no replica is ready" and not fleet.loaded
    LocalReplicas.start(sites)
    assert ticket.result() and fleet.loaded


def test_replicas_that_can_not_be_started_are_told_of(start: Start) -> None:
    sites = LocalReplicas()
    fleet = start(sites)
    waiting = fleet.submit(order(), client="a")
    sites.failed = True
    with pytest.raises(CheckpointError, match="quick can't be loaded"):
        waiting.result()
    assert fleet.trouble == "quick can't be loaded"


def test_draining_finishes_what_was_ordered(start: Start, models: list[QuickModel], gates: list[Gate]) -> None:
    fleet = start(LocalReplicas(models[0]), each=1)
    tickets = [fleet.submit(order(), client="a") for _ in range(3)]
    gates[0].open(1)
    wait_for(tickets[0], Drawing)
    drained: list[bool] = []
    draining = threading.Thread(target=lambda: drained.append(fleet.drain(60)))
    draining.start()
    wait_until(lambda: fleet.trouble == "the server is being stopped")
    with pytest.raises(Closing):
        fleet.submit(order(), client="b")
    gates[0].open(ALL)
    draining.join(60)
    assert drained == [True] and all(ticket.result() for ticket in tickets)


def test_closing_tells_who_waits(start: Start, models: list[QuickModel], gates: list[Gate]) -> None:
    fleet = start(LocalReplicas(models[0]), each=1)
    tickets = [fleet.submit(order(), client="a") for _ in range(2)]
    gates[0].open(1)
    wait_for(tickets[0], Drawing)
    gates[0].open(ALL)
    assert fleet.close()
    for ticket in tickets:
        assert isinstance(ticket.news.update, Failed | Finished)


def test_finished_drawings_are_looked_back_on(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = start(LocalReplicas(QuickModel()))
    drawn = fleet.submit(order(images=2), client="a").result()
    pictures = [future.result(60) for future in fleet.look_back(drawn, 8)]
    assert [picture.tobytes() for picture in pictures] == [
        QuickModel().look_back(drawn, n, 8).tobytes() for n in (0, 1)
    ]
    other = fleet.submit(Order("other", "a cat", GenerationConfig(images=1), 1), client="a").result()
    fleet.submit(Order("third", "a cat", GenerationConfig(images=1), 1), client="a").result()
    (gone,) = fleet.look_back(other, 8)
    with pytest.raises(NotFound, match="made room"):
        gone.result(60)
    monkeypatch.setattr(fleets, "LOOKS", 0)
    with pytest.raises(Overloaded, match="watching"):
        fleet.look_back(drawn, 8)


def test_a_replica_that_has_nothing_to_tell_gives_signs_of_life(
    models: list[QuickModel], gates: list[Gate], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(replicas, "SECONDS_OF_SILENCE", 0.01)
    replica = Replica(lambda: Engine(make_painter(models[0])))

    async def listen() -> list[Update | None]:
        told = []
        async for update in replica.draw(order(), "a"):
            told.append(update)
            if update is None:
                gates[0].open(ALL)
        return told

    told = asyncio.run(listen())
    assert None in told and isinstance(told[-1], Finished)
    replica.close()


def test_a_replica_whose_device_hangs_is_of_no_use(models: list[QuickModel], gates: list[Gate]) -> None:
    clock, hanging, statuses = Clock(0.0), threading.Event(), []
    limits = EngineLimits(step_seconds=60)
    engine = Engine(make_painter(models[0]), limits=limits, clock=clock, abort=statuses.append)
    replica = Replica(lambda: engine)

    async def draw() -> None:
        async for update in replica.draw(order(), "a"):
            assert not isinstance(update, Failed), "its order is not told to have failed, but drawn elsewhere"
            if isinstance(update, Drawing):
                clock.now = 61
                engine._watchdog.check()
                hanging.set()

    gates[0].open(1)
    with pytest.raises(DeviceError, match="hangs"):
        asyncio.run(draw())
    assert hanging.is_set() and statuses
    with pytest.raises(DeviceError, match="hangs"):
        replica.check_health()
    gates[0].open(CHUNKS)
    replica.close()


def test_a_replica_without_its_model_is_none() -> None:
    def load(name: str) -> Any:
        raise CheckpointError("the weights are gone")

    with pytest.raises(CheckpointError, match="quick can't be loaded"):
        Replica(lambda: Engine(Painter("quick", load=load)))


def list_errors(kind: type[DalleMiniError]) -> list[type[DalleMiniError]]:
    return [kind, *(error for child in kind.__subclasses__() for error in list_errors(child))]


@pytest.mark.parametrize("kind", list_errors(DalleMiniError))
def test_errors_are_whole_on_the_other_side(kind: type[DalleMiniError]) -> None:
    more = {
        PromptRejected: {"category": "x"},
        Overloaded: {"retry_after": 3},
        Closing: {"retry_after": 3},
    }
    error = kind("what happened", hint="what to do", **more.get(kind, {}))
    again = _send(error)
    assert type(again) is kind and str(again) == "what happened" and vars(again) == vars(error)
