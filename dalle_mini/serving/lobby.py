"""Who waits for a drawing, and how long: those in the line, and in front of it those who are held back until there is
room.

    enter ───▶ Overloaded, where there is no room ──┐
                                                    ▼
    stand_by ─▶ held, a line of its own ─────▶ FairQueue ─▶ take

Whoever is held keeps the place: as soon as there is room, the next of them goes on, before anybody who comes later. One
whose own drawings are too many lets the others pass.
"""

import dataclasses
import itertools
import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator

from dalle_mini.errors import Cancelled, Closing, DalleMiniError, Overloaded
from dalle_mini.serving.callers import describe_wait
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.order import Order
from dalle_mini.serving.queue import FairQueue
from dalle_mini.serving.rates import Rates
from dalle_mini.serving.tickets import Keep, Ticket
from dalle_mini.serving.updates import Failed, Held, Limit, Outcome, Waiting

_LONGEST_RETRY, _USUAL_RETRY = 120.0, 10.0


@dataclasses.dataclass(frozen=True)
class EngineLimits:
    """How much may wait, and how long anything may take, in seconds. `held` are those who wait for room to wait."""

    waiting: int = 32
    per_client: int = 8
    held: int = 64
    patience: float = 600
    step_seconds: float = 300
    load_seconds: float = 1800
    at_once: int = 1


class Lobby:
    """All tickets that have not ended. `changed` guards them, and is notified of what happens to them.

    Whoever draws says how many seconds are left until the next one is taken (`seconds_left`), which model all wait for
    (`preparing`), how many draw beside one another (`drawers`), and how many of those who were taken wait (`ahead`).
    """

    def __init__(
        self, limits: EngineLimits, metrics: Metrics, *, clock: Callable[[], float] = time.monotonic, drawers: int = 1
    ) -> None:
        self.changed = threading.Condition()
        self.rates = Rates()
        self.seconds_left, self.preparing, self.drawers, self.ahead = math.inf, "", drawers, 0
        self.is_closing = False
        self._limits, self._metrics, self._clock = limits, metrics, clock
        self._line, self._held = FairQueue(), FairQueue()
        self._open: set[Ticket] = set()
        metrics.watch("waiting", "Orders that wait", lambda: len(self._line))
        metrics.watch("held", "Visitors who are held back until there is room", lambda: len(self._held))
        metrics.watch("open", "Orders that wait, are drawn or are being kept", self.count_open)

    def count_open(self) -> int:
        """Orders that wait, are drawn or are being kept."""
        return len(self._open)

    @property
    def waiting(self) -> list[Ticket]:
        """The line, as turns will come."""
        return self._line.in_order()

    def enter(self, order: Order, *, client: str, keep: Keep | None = None) -> Ticket:
        """A ticket in the line. Overloaded where no more may wait, in all or for this client; Closing."""
        with self.changed:
            self._require_open()
            if limit := self._find_limit(client):
                raise self._refuse(limit, client)
            ticket = self._write(order, client, keep)
            self._let_in(ticket)
            self.tell_line()
            return ticket

    def stand_by(self, order: Order, *, client: str) -> Ticket:
        """A ticket in the line, or one that is `Held` until there is room.

        Overloaded where too many are held already, in all or of this client; Closing.
        """
        with self.changed:
            self._require_open()
            limit = self._find_limit(client)
            if limit and not self._may_be_held(client):
                raise self._refuse(limit, client)
            ticket = self._write(order, client, None)
            if limit:
                self._held.push(ticket)
            else:
                self._let_in(ticket)
            self.tell_line()
            return ticket

    def take(self, most: int, alike: Callable[[Ticket], Hashable]) -> list[Ticket]:
        """The next ticket, and up to `most` in all that may be drawn beside it."""
        with self.changed:
            batch = self._line.take(most, alike)
            self._go_on()
            return batch

    def end(self, ticket: Ticket, outcome: Outcome) -> None:
        """Tell whoever listens; nothing happens to a ticket that has ended."""
        with self.changed:
            self._line.discard(ticket)
            if ticket in self._open:
                self._open.remove(ticket)
            elif not self._held.discard(ticket):
                return
            ticket.tell(outcome)
            self._metrics.drawings.labels(_name(outcome)).inc()
            self._go_on()

    def cancel(self, ticket: Ticket) -> None:
        """Give up what waits, at once; whoever draws the others sees that they are cancelled."""
        ticket.cancelled = True
        with self.changed:
            if ticket in self._line or ticket in self._held:
                self.end(ticket, Failed(say_cancelled()))
            self.tell_line()

    def close(self, error: DalleMiniError, *, at_once: bool = False) -> None:
        """Take no new orders, and send away who is held; `at_once`, everybody."""
        with self.changed:
            self.is_closing = True
            for ticket in [*self._held.in_order(), *(self._open if at_once else ())]:
                ticket.cancelled = True
                self.end(ticket, Failed(error))
            self.changed.notify_all()

    def drop_expired(self) -> None:
        """Send away who has waited too long."""
        now = self._clock()
        with self.changed:
            for ticket in [*self._line.in_order(), *self._held.in_order()]:
                if ticket.deadline <= now:
                    message = f"not begun within {describe_wait(self._limits.patience)}"
                    hint = "there is a crowd here; try again later"
                    self.end(ticket, Failed(Cancelled(message, hint=hint)))

    def tell_line(self) -> None:
        """Tell everybody who waits their place, and how long it takes until their pictures are there; and everybody who
        is held, when they will go on."""
        with self.changed:
            waiting = self._line.in_order()
            before = self.seconds_left if len(self._open) > len(waiting) else 0.0
            expected = (self.rates.expect(ticket.order) / self.drawers for ticket in waiting)
            starts = list(itertools.accumulate(expected, initial=before))
            for place, (ticket, seconds) in enumerate(zip(waiting, starts[1:], strict=True), 1 + self.ahead):
                ticket.tell(Waiting(place, seconds, self.preparing))
            ends = dict(zip(waiting, starts[1:], strict=True))
            # A place is free whenever one of the line is begun; a client may have another one when one has ended.
            places, own = iter(starts), dict[str, Iterator[float]]()
            for ticket in self._held.in_order():
                limit = self._find_limit(ticket.client) or "room"
                if ticket.client not in own:
                    mine = (other for other in self._open if other.client == ticket.client)
                    own[ticket.client] = iter(sorted(ends.get(other, before) for other in mine))
                ticket.tell(Held(limit, next(own[ticket.client] if limit == "own" else places, math.inf)))

    def _require_open(self) -> None:
        if self.is_closing:
            self._metrics.refusals.labels("closing").inc()
            raise say_closing()

    def _find_limit(self, client: str) -> "Limit | None":
        """What keeps a client's next order out of the line."""
        if self._count(self._open, client) >= self._limits.per_client:
            return "own"
        return "room" if len(self._line) >= self._limits.waiting else None

    def _may_be_held(self, client: str) -> bool:
        held = self._held.in_order()
        mine = self._count(held, client)
        # Where nothing may wait, there would never be room.
        return self._limits.waiting > 0 and len(held) < self._limits.held and mine < self._limits.per_client

    @staticmethod
    def _count(tickets: "set[Ticket] | list[Ticket]", client: str) -> int:
        return sum(ticket.client == client for ticket in tickets)

    def _refuse(self, limit: "Limit", client: str) -> Overloaded:
        wait = self._retry_after()
        if limit == "own":
            self._metrics.refusals.labels("client").inc()
            message = f"{_count_drawings(self._count(self._open, client), ' of yours')} under way"
            return Overloaded(message, hint="wait for one of them, or cancel it", retry_after=wait)
        self._metrics.refusals.labels("full").inc()
        message = f"{_count_drawings(len(self._line))} waiting already"
        return Overloaded(message, hint=f"try again in {describe_wait(wait)}", retry_after=wait)

    def _retry_after(self) -> float:
        """Whole seconds until a place is likely to be free."""
        seconds = self.seconds_left if math.isfinite(self.seconds_left) else _USUAL_RETRY
        return float(math.ceil(min(max(seconds, 1), _LONGEST_RETRY)))

    def _write(self, order: Order, client: str, keep: Keep | None) -> Ticket:
        now = self._clock()
        return Ticket(order, client=client, submitted=now, deadline=now + self._limits.patience, keep=keep)

    def _let_in(self, ticket: Ticket) -> None:
        self._open.add(ticket)
        self._line.push(ticket)
        self.changed.notify_all()

    def _go_on(self) -> None:
        """Let in those who are held, as far as there is room."""
        before = len(self._held)
        for ticket in self._held.in_order():
            if not self._find_limit(ticket.client):
                self._held.pull(ticket)
                self._let_in(ticket)
        if len(self._held) < before:
            self.tell_line()
        self.changed.notify_all()


def _count_drawings(count: int, whose: str = "") -> str:
    return f"1 drawing{whose} is" if count == 1 else f"{count} drawings{whose} are"


def say_cancelled() -> Cancelled:
    return Cancelled("this drawing was cancelled", hint="order it again if you want it after all")


def say_closing() -> Closing:
    return Closing("the server is being stopped", hint="try again in a minute", retry_after=_USUAL_RETRY)


def _name(outcome: Outcome) -> str:
    if isinstance(outcome, Failed):
        return "cancelled" if isinstance(outcome.error, Cancelled) else "failed"
    return "finished"
