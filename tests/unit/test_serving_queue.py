"""Whose turn it is, what tickets tell, and how long things are expected to take."""

import asyncio
import math
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import Cancelled
from dalle_mini.serving.order import Order
from dalle_mini.serving.queue import FairQueue
from dalle_mini.serving.rates import Rates
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Drawing, Failed, Preparing, Waiting


def make_order(model: str = "nano", images: int = 9) -> Order:
    return Order(model, "a cat", GenerationConfig(images=images), 1)


def make_ticket(client: str = "a", model: str = "nano") -> Ticket:
    return Ticket(make_order(model), client=client)


def alike(ticket: Ticket) -> str:
    return ticket.order.model


clients = st.lists(st.sampled_from("abcd"), max_size=30)


@settings(deadline=None)
@given(clients)
def test_tickets_are_taken_as_the_line_says(names: str) -> None:
    queue = FairQueue()
    for name in names:
        queue.push(make_ticket(name))
    planned, taken = queue.in_order(), []
    while len(queue):
        taken += queue.take(1, alike)
    assert taken == planned and len(planned) == len(names)


@settings(deadline=None)
@given(clients, st.integers(1, 5))
def test_nobody_is_drawn_twice_while_another_waits_for_the_first(names: str, most: int) -> None:
    queue = FairQueue()
    for name in names:
        queue.push(make_ticket(name))
    done: list[str] = []
    while len(queue):
        waiting = {ticket.client for ticket in queue.in_order()}
        done += [ticket.client for ticket in queue.take(most, alike)]
        for client in waiting.difference(done):
            assert all(done.count(other) <= 1 for other in waiting)
            assert queue.in_order()[0].client in waiting, client


@settings(deadline=None)
@given(clients)
def test_a_clients_own_tickets_keep_their_order(names: str) -> None:
    queue, pushed = FairQueue(), [make_ticket(name) for name in names]
    for ticket in pushed:
        queue.push(ticket)
    for name in set(names):
        mine = [ticket for ticket in queue.in_order() if ticket.client == name]
        assert mine == [ticket for ticket in pushed if ticket.client == name]


def test_a_hundred_tickets_of_one_client_leave_the_next_one_second() -> None:
    queue = FairQueue()
    for _ in range(100):
        queue.push(make_ticket("crowd"))
    late = make_ticket("late")
    queue.push(late)
    assert queue.in_order().index(late) == 1


def test_a_batch_holds_what_is_alike_and_leaves_the_rest_in_order() -> None:
    queue = FairQueue()
    tickets = [make_ticket("a", "nano"), make_ticket("b", "mini"), make_ticket("c", "nano"), make_ticket("d", "nano")]
    for ticket in tickets:
        queue.push(ticket)
    assert queue.take(2, alike) == [tickets[0], tickets[2]]
    assert queue.in_order() == [tickets[1], tickets[3]]
    assert FairQueue().take(3, alike) == []


def test_a_ticket_leaves_from_the_middle() -> None:
    queue = FairQueue()
    tickets = [make_ticket() for _ in range(3)]
    for ticket in tickets:
        queue.push(ticket)
    assert tickets[1] in queue and queue.discard(tickets[1])
    assert queue.in_order() == [tickets[0], tickets[2]]
    for stranger in (tickets[1], make_ticket("nobody")):
        assert stranger not in queue and not queue.discard(stranger)


# Tickets.


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(1, 50), st.floats(0, 1e4) | st.just(math.inf)), min_size=1))
def test_what_is_told_only_shrinks(waits: list[tuple[int, float]]) -> None:
    ticket, told = make_ticket(), []
    for place, seconds in waits:
        ticket.tell(Waiting(place, seconds))
        told.append(ticket.news.update)
    assert [wait.place for wait in told] == sorted((wait.place for wait in told), reverse=True)
    assert [wait.seconds for wait in told] == sorted((wait.seconds for wait in told), reverse=True)
    ticket.tell(Drawing(1, 4, GenerationConfig(), 1e9, ()))
    assert isinstance(drawing := ticket.news.update, Drawing)
    assert drawing.seconds_left <= told[-1].seconds


def test_nothing_comes_behind_the_end() -> None:
    ticket, error = make_ticket(), Cancelled("stopped")
    ticket.tell(Failed(error))
    ticket.tell(Preparing("nano"))
    assert ticket.ended and list(ticket.follow()) == [Failed(error)]
    with pytest.raises(Cancelled, match="stopped"):
        ticket.result()


def test_any_number_of_listeners_hear_the_end() -> None:
    ticket = make_ticket()
    heard: list[list[object]] = []
    listeners = [threading.Thread(target=lambda: heard.append(list(ticket.follow())), daemon=True) for _ in range(5)]
    for listener in listeners:
        listener.start()

    async def listen() -> list[list[object]]:
        async def hear() -> list[object]:
            return [update async for update in ticket.follow_async()]

        tasks = [asyncio.create_task(hear()) for _ in range(5)]
        await asyncio.sleep(0.01)
        ticket.tell(Preparing("nano"))
        await asyncio.sleep(0.01)
        threading.Thread(target=ticket.tell, args=(Failed(Cancelled("stopped")),)).start()
        return await asyncio.gather(*tasks)

    heard += asyncio.run(listen())
    for listener in listeners:
        listener.join(10)
    assert len(heard) == 10
    assert all(isinstance(updates[-1], Failed) for updates in heard)
    assert not ticket._wakers


def test_a_wait_ends_in_time_without_news() -> None:
    ticket = make_ticket()
    assert ticket.wait(0, timeout=0.01).number == 0
    assert asyncio.run(ticket.wait_async(0, timeout=0.01)).number == 0
    ticket.tell(Preparing("nano"))
    assert ticket.wait(0).number == asyncio.run(ticket.wait_async(0)).number == 1


def test_ids_are_random() -> None:
    ids = {make_ticket().id for _ in range(100)}
    assert len(ids) == 100 and all(len(id) == 22 for id in ids)


# Rates.


def test_drawings_are_expected_to_take_what_they_took() -> None:
    rates = Rates()
    assert rates.expect(make_order()) == math.inf
    rates.note(make_order(images=4), 2.0)
    assert rates.expect(make_order(images=4)) == 2.0
    assert rates.expect(make_order(images=8)) == 4.0
    assert rates.expect(make_order("mini")) == math.inf
    for _ in range(30):
        rates.note(make_order(images=4), 6.0)
    assert rates.expect(make_order(images=4)) == pytest.approx(6.0, rel=0.01)
