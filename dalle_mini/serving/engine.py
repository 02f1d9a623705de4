"""The one owner of the device: the page, the API and whoever else wants pictures are its clients.

    Lobby ─▶ the painter's thread, a batch at a time ─▶ Reception, which keeps the pictures

The painter's thread draws; between its chunks it runs errands, and the watchdog sees to it that it goes on.
"""

import concurrent.futures
import contextlib
import dataclasses
import functools
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Generator, Hashable
from typing import TYPE_CHECKING

from dalle_mini.checkpoints.releases import find_name
from dalle_mini.errors import DeviceError
from dalle_mini.safety.options import SafetyOptions
from dalle_mini.serving.errands import Errands
from dalle_mini.serving.lobby import EngineLimits, say_cancelled, say_closing
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.painter import Painter, Step
from dalle_mini.serving.reception import Reception, attempt
from dalle_mini.serving.tickets import Ticket
from dalle_mini.serving.updates import Drawing, Failed, Finished, Preparing, Update
from dalle_mini.serving.watchdog import Watchdog

if TYPE_CHECKING:
    from dalle_mini.generation import Generation

_SECONDS_TO_ANSWER = 3.0
"""What is left for waiting clients to be told that the process ends."""

_logger = logging.getLogger(__name__)


def leave(status: int) -> None:
    """End the process as it is, as soon as waiting clients have been told."""
    time.sleep(_SECONDS_TO_ANSWER)
    os._exit(status)


class Engine(Reception):
    """Draws orders here, several at once where that pays."""

    def __init__(
        self,
        painter: Painter,
        *,
        limits: EngineLimits | None = None,
        safety: SafetyOptions | None = None,
        metrics: Metrics | None = None,
        clock: Callable[[], float] = time.monotonic,
        abort: Callable[[int], object] = leave,
    ) -> None:
        super().__init__(limits=limits, safety=safety, metrics=metrics, clock=clock)
        self._painter, self._abort = painter, abort
        self._errands = Errands(clock=clock)
        self._stopped = False
        self._trouble, self._loading_ended = "the model is being loaded", threading.Event()
        self._watchdog = Watchdog(self._give_up, clock=clock)
        self._worker = threading.Thread(target=self._work, name="painter", daemon=True)

    @property
    def trouble(self) -> str:
        if self._watchdog.stalled:
            return "the device hangs"
        if self._lobby.is_closing:
            return "the server is being stopped"
        if not self._worker.is_alive():
            return "the engine does not run"
        return self._trouble

    @property
    def loaded(self) -> frozenset[str]:
        return self._painter.loaded

    def start(self) -> None:
        self._worker.start()
        self._watchdog.start()

    def wait_until_loaded(self) -> str:
        """Wait for the main model; why it can't be drawn with, or ""."""
        self._loading_ended.wait()
        return self._trouble

    def look_back(self, drawn: "Generation", position: int) -> list[concurrent.futures.Future]:
        count = len(drawn.images)
        works = [functools.partial(self._painter.look_back, drawn, index, position) for index in range(count)]
        with self._lobby.changed:
            futures = self._errands.add(works)
            self._lobby.changed.notify_all()
        return futures

    def close(self) -> bool:
        self._stopped = True
        self._lobby.close(say_closing(), at_once=True)
        self._errands.close()
        self._watchdog.stop()
        if self._worker.is_alive():
            self._worker.join(_SECONDS_TO_ANSWER)
        self._keeper.shutdown(wait=not self._worker.is_alive())
        return not self._worker.is_alive()

    # The painter's thread.

    def _work(self) -> None:
        self._warm_up()
        while batch := self._take():
            self._draw(batch)
            self._lobby.seconds_left = math.inf

    def _warm_up(self) -> None:
        def load() -> None:
            for step in self._painter.warm_up():
                self._note_step(step)

        error = attempt(load)
        self._rest()
        self._trouble = f"{find_name(self._painter.main)} can't be loaded" if error else ""
        self._loading_ended.set()
        if error:
            _logger.warning("not ready: %s", error)

    def _take(self) -> list[Ticket]:
        """The next batch, when there is one; empty when the engine stops."""
        while True:
            self._run_errands()
            self._watchdog.rest()
            with self._lobby.changed:
                if self._stopped:
                    return []
                self._lobby.drop_expired()
                waiting = self._lobby.waiting
                if not waiting:
                    if not self._errands:
                        self._lobby.changed.wait()
                    continue
                alike = [ticket for ticket in waiting if self._alike(ticket) == self._alike(waiting[0])]
                model, most = waiting[0].order.model, min(len(alike), self._limits.at_once)
                if not self._painter.can_widen(model, most):
                    return self._lobby.take(self._painter.batch_size(model, most), self._alike)
            self._widen(model)

    def _run_errands(self) -> None:
        """A moment's worth of them, and then whatever comes next, are expected in time."""
        if self._errands:
            self._watchdog.expect(self._limits.step_seconds)
            self._errands.run(attempt)
            self._watchdog.expect(self._limits.step_seconds)

    def _alike(self, ticket: Ticket) -> Hashable:
        return self._painter.alike(ticket.order)

    def _widen(self, model: str) -> None:
        """Let those who wait know that the model is made ready for as many as they are."""
        self._note_step(Preparing(model))
        error = attempt(lambda: self._painter.widen(model))
        self._rest()
        if error:
            _logger.warning("%s is drawn with one by one", model)

    def _draw(self, tickets: list[Ticket]) -> None:
        """Draw tickets at once. Where that fails, each is drawn by itself, so that none fails because of another."""
        left = list(tickets)
        error = attempt(lambda: self._paint(left))
        if error and len(tickets) == 1:
            self._lobby.end(tickets[0], Failed(error))
        elif error:
            _logger.warning("%d drawings at once: %s; now one by one", len(tickets), error)
            for ticket in left:
                self._draw([ticket])

    def _paint(self, left: list[Ticket]) -> None:
        """Draw tickets, a chunk of each after the other; those that are done are taken out of `left`."""
        count = len(left)
        self._lobby.seconds_left = self._lobby.rates.expect(left[0].order) * count
        self._watchdog.expect(self._limits.step_seconds)
        self._metrics.at_once.observe(count)
        try:
            with contextlib.ExitStack() as closing:
                drawings = self._begin(left)
                for steps in drawings.values():
                    closing.enter_context(contextlib.closing(steps))
                begun: set[Ticket] = set()
                while left:
                    for ticket in list(left):
                        step = None if ticket.cancelled else next(drawings[ticket])
                        if step is None or isinstance(step, Finished):
                            left.remove(ticket)
                            drawings[ticket].close()
                            if not left:
                                self._rest()
                            if step:
                                self._finish(ticket, dataclasses.replace(step, beside=count))
                            else:
                                _logger.info("a drawing was stopped")
                                self._lobby.end(ticket, Failed(say_cancelled()))
                            continue
                        if isinstance(step, Drawing) and ticket not in begun:
                            begun.add(ticket)
                            self._metrics.waiting_seconds.observe(self._clock() - ticket.submitted)
                        ticket.tell(step)
                        self._note_step(step)
                    # Not before a model is loaded, which takes longer than a step.
                    if isinstance(step, Drawing):
                        self._run_errands()
        finally:
            self._rest()

    def _begin(self, tickets: list[Ticket]) -> dict[Ticket, Generator[Step]]:
        orders = [ticket.order for ticket in tickets]
        drawings = [self._painter.paint(orders[0])] if len(orders) == 1 else self._painter.paint_together(orders)
        return dict(zip(tickets, drawings, strict=True))

    def _rest(self) -> None:
        self._watchdog.rest()
        self._lobby.preparing = ""

    def _note_step(self, step: Update) -> None:
        """Expect the next step in time, and let those who wait know."""
        loading = isinstance(step, Preparing)
        self._watchdog.expect(self._limits.load_seconds if loading else self._limits.step_seconds)
        with self._lobby.changed:
            self._lobby.preparing = step.model if loading else ""
            if isinstance(step, Drawing):
                self._lobby.seconds_left = step.seconds_left
            self._lobby.drop_expired()
            self._lobby.tell_line()

    # The watchdog's thread.

    def _give_up(self) -> None:
        """The device hangs, which only a new process mends: say so to everybody, then leave."""
        self._metrics.device_trouble.labels("hang").inc()
        _logger.critical("no sign of life from the device; ending the process")
        error = DeviceError("the device hangs", hint="the server starts anew; try again in a minute")
        self._lobby.close(error, at_once=True)
        self._abort(os.EX_SOFTWARE)
