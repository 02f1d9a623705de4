"""Has orders drawn by replicas, each with a device of its own, and answers every one, whatever becomes of them.

    Lobby ─▶ Fleet ─▶ Replicas, several orders at a time each ─▶ Reception, which keeps the pictures
               ▲          │
               └──────────┴─ ReplicaLost: the same order, with the same seed, goes to another

A drawing depends on its order and its seed, so it may be begun anew as often as need be.
"""

import asyncio
import concurrent.futures
import contextlib
import dataclasses
import logging
import os
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Callable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from dalle_mini.checkpoints.releases import find_name
from dalle_mini.config import MAX_SEED
from dalle_mini.errors import CheckpointError, DeviceError
from dalle_mini.safety.options import SafetyOptions
from dalle_mini.serving.errands import say_crowded
from dalle_mini.serving.lobby import EngineLimits, say_cancelled, say_closing
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.order import Order
from dalle_mini.serving.reception import Reception, put_in_words
from dalle_mini.serving.replica import SECONDS_OF_SILENCE
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Drawing, Failed, Finished, Update, Waiting

if TYPE_CHECKING:
    from PIL import Image

    from dalle_mini.generation import Generation

TRIES = 3
"""Replicas that may be lost over one order."""
LOOKS = 16
"""Drawings that may be looked back on at one time."""
_SECONDS_TO_STOP = 3.0

_logger = logging.getLogger(__name__)


class ReplicaLost(DeviceError):
    """A replica ended, or fell silent, with orders that it had yet to draw."""


class Strength(NamedTuple):
    """How many replicas there are, and how many of them draw; `failed` says that none of them will."""

    ready: int
    count: int
    failed: bool = False


class Replicas(Protocol):
    """Where a fleet's orders are drawn. Each call goes to one of several; ReplicaLost where it comes to nothing."""

    def start(self) -> None:
        """Begin to make them ready."""

    def count(self) -> Strength: ...

    def draw(self, order: Order, client: str) -> AsyncGenerator[Update | None]:
        """As `Replica.draw`."""
        ...

    async def look_back(self, drawn: "Generation", position: int) -> "list[Image.Image] | Failed":
        """As `Replica.look_back`."""
        ...

    def close(self) -> None: ...


class Fleet(Reception):
    """Sends orders to replicas, to each of them `each` at a time; `main` is the model that they have ready."""

    def __init__(
        self,
        replicas: Replicas,
        main: str,
        *,
        each: int,
        limits: EngineLimits | None = None,
        safety: SafetyOptions | None = None,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
        seconds_between_counts: float = 1.0,
    ) -> None:
        # Nine PNGs and WebPs take a quarter of a second, and replicas may bring more than one thread keeps.
        keepers = os.cpu_count() or 1
        super().__init__(limits=limits, safety=safety, metrics=metrics, keepers=keepers, clock=clock)
        self._replicas, self._main, self._each = replicas, main, each
        self._seconds_between_counts = seconds_between_counts
        self._strength = Strength(0, 0)
        self._out: dict[Ticket, asyncio.Task[None]] = {}
        self._looks = 0
        self._stopped = False
        self._suspects = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker = threading.Thread(target=lambda: asyncio.run(self._work()), name="fleet", daemon=True)
        self._metrics.watch("replicas", "Replicas that there are", lambda: self._strength.count)
        self._metrics.watch("replicas_ready", "Replicas that draw", lambda: self._strength.ready)

    @property
    def trouble(self) -> str:
        if self._lobby.is_closing:
            return "the server is being stopped"
        if not self._worker.is_alive():
            return "the engine does not run"
        if self._strength.failed:
            return f"{find_name(self._main)} can't be loaded"
        return "" if self._strength.ready else "no replica is ready"

    @property
    def loaded(self) -> frozenset[str]:
        return frozenset([self._main] if self._strength.ready else [])

    def start(self) -> None:
        self._replicas.start()
        self._worker.start()

    def cancel(self, ticket: Ticket) -> None:
        super().cancel(ticket)
        if (task := self._out.get(ticket)) and self._loop:
            with contextlib.suppress(RuntimeError):  # the loop has ended, and the drawing with it
                self._loop.call_soon_threadsafe(task.cancel)

    def look_back(self, drawn: "Generation", position: int) -> "list[concurrent.futures.Future[Image.Image]]":
        if self._lobby.is_closing or self._loop is None:
            raise say_closing()
        if self._looks >= LOOKS:
            raise say_crowded()
        futures = [concurrent.futures.Future() for _ in drawn.images]
        for future in futures:
            future.set_running_or_notify_cancel()
        asyncio.run_coroutine_threadsafe(self._look_back(drawn, position, futures), self._loop)
        return futures

    def close(self) -> bool:
        self._stopped = True
        self._lobby.close(say_closing(), at_once=True)
        if self._worker.is_alive():
            self._worker.join(_SECONDS_TO_STOP)
        self._replicas.close()
        self._keeper.shutdown(wait=not self._worker.is_alive())
        return not self._worker.is_alive()

    # The fleet's thread. What is under way when this ends is cancelled.

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        watching = asyncio.create_task(self._watch())
        while ticket := await asyncio.to_thread(self._take):
            self._out[ticket] = asyncio.create_task(self._draw(ticket))
        watching.cancel()

    def _take(self) -> Ticket | None:
        """The next ticket, as soon as somebody can draw it; None when the fleet stops."""
        with self._lobby.changed:
            while not self._stopped:
                self._lobby.drop_expired()
                has_room = len(self._out) < self._each * self._strength.ready
                if self._lobby.waiting and (has_room or self._strength.failed):
                    (ticket,) = self._lobby.take(1, id)
                    return ticket
                self._lobby.changed.wait()
        return None

    async def _watch(self) -> None:
        """Keep count of the replicas."""
        while True:
            try:
                strength = await asyncio.to_thread(self._replicas.count)
            except Exception as error:
                _logger.warning("the replicas can't be counted: %s", error)
            else:
                if strength != self._strength:
                    _logger.info("%d of %d replicas are ready", strength.ready, strength.count)
                self._strength = strength
            self._tell_line()
            await asyncio.sleep(self._seconds_between_counts)

    def _tell_line(self) -> None:
        """Let those who wait know, and who may go on."""
        with self._lobby.changed:
            drawers = max(self._strength.ready, 1)
            expected = sum(self._lobby.rates.expect(ticket.order) for ticket in self._out)
            self._lobby.drawers, self._lobby.seconds_left = drawers, expected / drawers
            self._lobby.ahead = sum(isinstance(ticket.news.update, Waiting) for ticket in self._out)
            self._lobby.preparing = "" if self._strength.ready else self._main
            self._lobby.tell_line()
            self._lobby.changed.notify_all()

    async def _draw(self, ticket: Ticket) -> None:
        """Have a ticket's pictures drawn, and see to its end."""
        try:
            self._finish(ticket, await self._have_drawn(ticket))
        except asyncio.CancelledError:
            _logger.info("a drawing was stopped")
            self._lobby.end(ticket, Failed(say_cancelled()))
        except Exception as error:
            self._lobby.end(ticket, Failed(put_in_words(error)))
        finally:
            del self._out[ticket]
            self._tell_line()

    async def _have_drawn(self, ticket: Ticket) -> Finished:
        """Draw, on another replica where one is lost. An order over which several were lost goes alone."""
        order = ticket.order
        if order.seed is None:
            order = dataclasses.replace(order, seed=secrets.randbelow(MAX_SEED + 1))
        for attempt in range(1, TRIES + 1):
            if ticket.cancelled:
                raise say_cancelled()
            if self._strength.failed:
                hint = "whoever runs this server finds the reason in its log"
                raise CheckpointError(f"{find_name(self._main)} can't be loaded", hint=hint)
            try:
                async with self._suspects if attempt == TRIES else contextlib.nullcontext():
                    return await self._follow(ticket, order)
            except ReplicaLost as error:
                self._metrics.device_trouble.labels("replica_lost").inc()
                _logger.warning("an order has to be drawn anew, loss %d of %d: %s", attempt, TRIES, error)
        hint = "try again in a minute; if it stays so, ask for fewer pictures"
        raise DeviceError(f"{TRIES} machines were lost while they drew this", hint=hint)

    async def _follow(self, ticket: Ticket, order: Order) -> Finished:
        """Tell what a replica tells of a drawing, up to its pictures."""
        silence, shown = max(self._limits.step_seconds, 4 * SECONDS_OF_SILENCE), ()
        try:
            # A first sign of life may have to wait for a replica that starts anew.
            async with (
                asyncio.timeout(self._limits.load_seconds) as limit,
                contextlib.aclosing(self._replicas.draw(order, ticket.client)) as updates,
            ):
                async for update in updates:
                    limit.reschedule(asyncio.get_running_loop().time() + silence)
                    match update:
                        case None:
                            continue
                        case Failed(error):
                            raise error
                        case Finished():
                            return update
                        case Drawing(pictures=pictures):
                            shown = pictures or shown
                            if not isinstance(ticket.news.update, Drawing):
                                self._metrics.waiting_seconds.observe(self._clock() - ticket.submitted)
                            update = dataclasses.replace(update, pictures=shown)
                    ticket.tell(update)
                    self._tell_line()
        except TimeoutError:
            raise ReplicaLost("nothing was heard of a replica") from None
        raise ReplicaLost("a replica left its drawing")

    async def _look_back(
        self, drawn: "Generation", position: int, futures: "list[concurrent.futures.Future[Image.Image]]"
    ) -> None:
        self._looks += 1
        try:
            pictures = await self._replicas.look_back(drawn, position)
            if isinstance(pictures, Failed):
                raise pictures.error
            for future, picture in zip(futures, pictures, strict=True):
                future.set_result(picture)
        except (Exception, asyncio.CancelledError) as error:
            told = put_in_words(error) if isinstance(error, Exception) else say_closing()
            for future in futures:
                future.set_exception(told)
        finally:
            self._looks -= 1
