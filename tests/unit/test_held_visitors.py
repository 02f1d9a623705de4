"""Visitors over a limit: they wait and go on by themselves, in turn, and nobody who comes later passes them."""

import math
from pathlib import Path

import gradio as gr
import pytest
from clocks import Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from sites import Site
from starlette.requests import Request

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import Cancelled, Closing, Overloaded
from dalle_mini.serving.callers import Buckets, Turn, describe_wait
from dalle_mini.serving.lobby import EngineLimits, Lobby, say_cancelled
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.order import Order
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Drawing, Failed, Finished, Held, Waiting
from dalle_mini.web.page import Page
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.progress import render_progress
from dalle_mini.web.studio import Studio
from dalle_mini.web.uploads import Uploads
from dalle_mini.web.words import read_words

ORDER = Order("nano", "a red car", GenerationConfig(images=1), 3)
ANN = "address/192.0.2.1"
LIMITS = EngineLimits(waiting=2, per_client=2, held=4, patience=50)


# The line for room.


class Crowd(RuleBasedStateMachine):
    """A lobby in which anything happens in any order, with a clock that is set by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock(0.0)
        self.lobby = Lobby(LIMITS, Metrics(), clock=self.clock)
        self.tickets: list[Ticket] = []
        self.drawn: list[Ticket] = []

    def held(self) -> list[Ticket]:
        return [ticket for ticket in self.tickets if isinstance(ticket.news.update, Held)]

    def count(self, client: str) -> int:
        """A client's drawings that wait or are drawn."""
        mine = [ticket for ticket in self.tickets if ticket.client == client and not ticket.ended]
        return len(mine) - sum(ticket in self.held() for ticket in mine)

    @rule(client=st.sampled_from("abc"))
    def visit(self, client: str) -> None:
        held = self.held()
        mine = sum(ticket.client == client for ticket in held)
        try:
            self.tickets.append(self.lobby.stand_by(ORDER, client=client))
        except Overloaded as error:
            assert error.retry_after >= 1 and (len(held) == LIMITS.held or mine == LIMITS.per_client)

    @rule(client=st.sampled_from("abc"))
    def order(self, client: str) -> None:
        """By the API; whoever gets in has passed nobody who could have gone on."""
        held = self.held()
        try:
            self.tickets.append(self.lobby.enter(ORDER, client=client))
        except Overloaded:
            return
        assert all(self.count(ticket.client) >= LIMITS.per_client for ticket in held)

    @rule()
    def draw(self) -> None:
        if self.lobby.waiting:
            self.drawn += self.lobby.take(1, lambda ticket: 0)

    @precondition(lambda self: self.drawn)
    @rule()
    def finish(self) -> None:
        self.lobby.end(self.drawn.pop(0), Failed(say_cancelled()))

    @precondition(lambda self: self.tickets)
    @rule(number=st.integers(0, 1000))
    def leave(self, number: int) -> None:
        ticket = self.tickets[number % len(self.tickets)]
        self.lobby.cancel(ticket)
        if ticket in self.drawn:
            self.drawn.remove(ticket)
            self.lobby.end(ticket, Failed(say_cancelled()))
        assert ticket.ended

    @rule(seconds=st.floats(0, 20))
    def wait(self, seconds: float) -> None:
        self.clock.now += seconds
        self.lobby.drop_expired()
        for ticket in self.tickets:
            assert ticket.ended or ticket in self.drawn or ticket.deadline > self.clock.now

    @invariant()
    def nobody_is_held_without_a_reason(self) -> None:
        self.lobby.tell_line()
        for ticket in self.held():
            update = ticket.news.update
            assert isinstance(update, Held) and update.seconds >= 0
            if update.limit == "own":
                assert self.count(ticket.client) >= LIMITS.per_client
            else:
                assert len(self.lobby.waiting) >= LIMITS.waiting

    @invariant()
    def limits_hold(self) -> None:
        assert len(self.lobby.waiting) <= LIMITS.waiting and len(self.held()) <= LIMITS.held
        assert all(self.count(client) <= LIMITS.per_client for client in "abc")

    def teardown(self) -> None:
        """Whoever still waits gets a turn."""
        for _ in range(2 * len(self.tickets)):
            self.draw()
            while self.drawn:
                self.finish()
        assert all(ticket.ended for ticket in self.tickets) and not self.lobby.count_open()


TestCrowd = Crowd.TestCase
TestCrowd.settings = settings(deadline=None, max_examples=30, stateful_step_count=30)


@pytest.fixture
def lobby() -> Lobby:
    return Lobby(LIMITS, Metrics())


def test_one_visitors_own_cap_never_blocks_others(lobby: Lobby) -> None:
    for _ in range(2):
        lobby.stand_by(ORDER, client="a")
    lobby.take(2, lambda ticket: 0)
    own = lobby.stand_by(ORDER, client="a")
    assert own.news.update == Held("own", math.inf)
    other = lobby.stand_by(ORDER, client="b")
    assert isinstance(other.news.update, Waiting)


def test_those_who_are_held_go_on_in_turns(lobby: Lobby) -> None:
    for client in "xy":
        lobby.enter(ORDER, client=client)
    held = [lobby.stand_by(ORDER, client=client) for client in "aab"]
    with pytest.raises(Overloaded):
        lobby.enter(ORDER, client="late")
    gone_on = []
    for _ in range(3):
        lobby.take(1, lambda ticket: 0)
        gone_on += [t for t in held if isinstance(t.news.update, Waiting) and t not in gone_on]
    assert gone_on == [held[0], held[2], held[1]]


def test_the_countdown_is_the_time_until_a_place_is_free(lobby: Lobby) -> None:
    lobby.rates.note(ORDER, 10.0)
    lobby.enter(ORDER, client="x")
    lobby.take(1, lambda ticket: 0)
    lobby.seconds_left = 4.0
    for client in "xy":
        lobby.enter(ORDER, client=client)
    held = [lobby.stand_by(ORDER, client=client) for client in ("x", "a", "b")]
    # The drawing of x that is under way is done in 4 s, and then the next one is begun.
    assert [ticket.news.update for ticket in held] == [Held("own", 4.0), Held("room", 4.0), Held("room", 14.0)]


def test_a_server_that_is_stopped_sends_those_away_who_are_held(lobby: Lobby) -> None:
    tickets = [lobby.stand_by(ORDER, client=client) for client in "abc"]
    lobby.close(Closing("the server is being stopped", retry_after=10))
    assert [ticket.ended for ticket in tickets] == [False, False, True]
    with pytest.raises(Closing):
        lobby.stand_by(ORDER, client="d")


def test_where_nothing_may_wait_nobody_is_held() -> None:
    lobby = Lobby(EngineLimits(waiting=0), Metrics())
    with pytest.raises(Overloaded):
        lobby.stand_by(ORDER, client="a")


# The line for an address's ration.


@settings(deadline=None)
@given(st.lists(st.sampled_from(["come", "order", "leave", "wait"]), max_size=60), st.data())
def test_turns_come_in_order_and_within_the_ration(deeds: list[str], data: st.DataObject) -> None:
    clock = Clock(0.0)
    buckets = Buckets(6, 3, clock=clock, most_in_line=5)
    line: list[Turn] = []
    taken = 0
    for deed in deeds:
        if deed == "come":
            try:
                line.append(buckets.line_up("a"))
            except Overloaded:
                assert len(line) >= 3
        elif deed == "leave" and line:
            line.pop(data.draw(st.integers(0, len(line) - 1))).close()
        elif deed == "order":
            try:
                buckets.take("a")
                taken += 1
            except Overloaded as refused:
                assert refused.retry_after >= 1
        elif deed == "wait":
            clock.now += data.draw(st.floats(0, 30))
        waits = [turn.claim() for turn in line]
        assert waits == sorted(waits)
        taken += waits.count(0)
        line = [turn for turn, wait in zip(line, waits, strict=True) if wait]
        assert taken <= 3 + clock.now / 10 + 1e-6
    while line:
        clock.now += line[0].claim()
        assert line.pop(0).claim() == 0
    assert not buckets._lines


def test_who_comes_later_does_not_pass_the_line() -> None:
    clock = Clock(0.0)
    buckets = Buckets(6, 1, clock=clock)
    buckets.take("a")
    turn = buckets.line_up("a")
    assert turn.claim() == pytest.approx(10)
    clock.now = 10.0
    with pytest.raises(Overloaded, match="more than 6 orders a minute") as refused:
        buckets.take("a")
    assert refused.value.hint == "try again in 10 seconds"
    buckets.take("b")
    assert turn.claim() == 0


def test_lines_are_short_and_so_are_waits() -> None:
    buckets = Buckets(6, 2, most_in_line=3, patience=60)
    turns = [buckets.line_up("a") for _ in range(2)]
    assert [turn.claim() for turn in turns] == [0, 0]
    turns = [buckets.line_up("a") for _ in range(2)]
    with pytest.raises(Overloaded):
        buckets.line_up("a")
    turns[0].close()
    assert buckets.line_up("a").claim() > 10
    slow = Buckets(0.01, 1, patience=60)
    slow.take("a")
    with pytest.raises(Overloaded) as refused:
        slow.line_up("a")
    assert refused.value.hint == "try again in 100 minutes"


@pytest.mark.parametrize(
    "seconds, told",
    [
        (0.2, "1 second"),
        (1, "1 second"),
        (1.01, "2 seconds"),
        (90, "90 seconds"),
        (91, "2 minutes"),
        (600, "10 minutes"),
    ],
)
def test_waits_are_told_in_words(seconds: float, told: str) -> None:
    assert describe_wait(seconds) == told


# The page.


def fill(site: Site) -> None:
    """One drawing is drawn, as far as the gate, and another one waits: all there is room for."""
    engine = site.service.engine
    site.gate.open(1)
    first = engine.submit(ORDER, client="a")
    while not isinstance(first.news.update, Drawing):
        first.wait(first.news.number, timeout=1)
    engine.submit(ORDER, client="b")


def test_a_visitor_who_was_too_quick_goes_on_by_himself(tmp_path: Path) -> None:
    site, clock = Site(tmp_path), Clock(0.0)
    site.gate.open()
    buckets = Buckets(6, 1, clock=clock)

    def sleep(seconds: float) -> None:
        assert 0 < seconds <= 1
        clock.now += seconds

    studio = Studio(site.service.engine, "nano", buckets=buckets, clock=clock, sleep=sleep)
    buckets.take(ANN)
    *updates, last = studio.draw(ORDER, visitor=ANN)
    counted = [update.seconds for update in updates if isinstance(update, Held)]
    assert counted == sorted(counted, reverse=True) and counted[0] == pytest.approx(10) and len(counted) > 10
    assert isinstance(last, Finished) and clock.now == pytest.approx(10)
    site.close()


def test_a_visitor_before_a_full_line_goes_on_by_himself_and_the_countdown_counts(tmp_path: Path) -> None:
    site, clock = Site(tmp_path, queue_size=1), Clock(0.0)
    engine = site.service.engine
    fill(site)
    engine._lobby.seconds_left = 8.0
    drawing = Studio(engine, "nano", clock=clock).draw(ORDER, visitor=ANN)
    told = []
    for _ in range(4):
        told.append(next(drawing))
        clock.now += 3
    assert told == [Held("room", seconds) for seconds in (8, 5, 2, 0)]
    site.gate.open()
    *_, last = drawing
    assert isinstance(last, Finished)
    site.close()


def test_stop_and_leaving_free_the_place(tmp_path: Path) -> None:
    site = Site(tmp_path, queue_size=1, orders_at_once=1, orders_per_minute=1)
    engine, buckets = site.service.engine, site.service.buckets
    fill(site)
    studio = Studio(engine, "nano", buckets=buckets)
    drawing = studio.draw(ORDER, visitor=ANN)
    assert isinstance(held := next(drawing), Held) and held.limit == "room"
    quick = studio.draw(ORDER, visitor=ANN)
    assert isinstance(held := next(quick), Held) and held.limit == "ration" and 0 < held.seconds <= 60
    for each in (drawing, quick):
        each.close()
    assert not buckets._lines and not len(engine._lobby._held)
    site.close()


def test_an_impatient_crowd_does_not_hold_more_than_may_be_held(tmp_path: Path) -> None:
    site = Site(tmp_path, queue_size=1, held=2)
    engine = site.service.engine
    fill(site)
    studio = Studio(engine, "nano")
    drawings = [studio.draw(ORDER, visitor=f"address/{number}") for number in range(3)]
    assert all(isinstance(next(drawing), Held) for drawing in drawings[:2])
    with pytest.raises(Overloaded, match="1 drawing is waiting already"):
        next(drawings[2])
    for drawing in drawings:
        drawing.close()
    site.close()


def test_who_waits_too_long_is_told_so() -> None:
    clock = Clock(0.0)
    lobby = Lobby(LIMITS, Metrics(), clock=clock)
    for client in "ab":
        lobby.enter(ORDER, client=client)
    clock.now = 10.0
    held = lobby.stand_by(ORDER, client="c")
    clock.now = 55.0
    lobby.drop_expired()
    assert isinstance(held.news.update, Waiting)
    clock.now = 61.0
    lobby.drop_expired()
    with pytest.raises(Cancelled, match="not begun within 50 seconds"):
        held.result()


def test_the_pictures_of_before_stay_until_the_drawing_is_in_the_line(tmp_path: Path) -> None:
    site = Site(tmp_path)
    site.gate.open()
    clock = Clock(0.0)
    buckets = Buckets(6, 1, clock=clock)
    studio = Studio(
        site.service.engine, "nano", buckets=buckets, sleep=lambda seconds: clock.__setattr__("now", clock.now + 5)
    )
    page = Page(studio, Pictures(), (), Uploads(), name_visitor=lambda request: ANN)
    buckets.take(ANN)
    request = gr.Request(Request({"type": "http", "headers": [], "client": ("192.0.2.1", 1)}))
    first, *rest = page.draw(request, None, "a red car", "nano", 1, 2.0, 1.0, 50, 1.0, 0, 0.0, "", "", "")
    assert "That was quick" in first[page.canvas.status] and "in 10 s" in first[page.canvas.status]
    assert page.canvas.grid not in first and first[page.box.stop]["visible"]
    begun = next(changes for changes in rest if page.canvas.grid in changes)
    assert "No pictures yet" in begun[page.canvas.grid] and "Drawn in" in rest[-1][page.canvas.status]
    site.close()


def test_every_visitor_has_a_thread_and_some_are_left(tmp_path: Path) -> None:
    """Gradio draws for so many visitors at once as it has threads, and answers everybody else with these, too."""
    site = Site(tmp_path, queue_size=50, at_once=4, held=30)
    page = Page(Studio(site.service.engine, "nano", buckets=site.service.buckets), Pictures(), (), Uploads())
    most = 50 + 4 + 30 + 30
    assert page.studio.room == most
    assert page.blocks.max_threads > most and page.blocks._queue.max_thread_count > most
    site.close()


@pytest.mark.parametrize("language", sorted(read_words()))
def test_what_holds_a_visitor_is_told_in_every_language(language: str) -> None:
    words = read_words()[language]
    told = [
        render_progress(words, Held(limit, seconds))
        for limit in ("room", "own", "ration")
        for seconds in (math.inf, 0.2, 12.4, 119.0, 300.0)
    ]
    assert len(set(told)) == 15
    assert [place in told[2] for place in ("12 s",)] == [True] and "5 min" in told[4]
