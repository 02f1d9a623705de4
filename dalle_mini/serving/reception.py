"""Where orders come in.

    submit ─▶ Lobby ─▶ those who draw: `Engine` here, `Fleet` elsewhere ─▶ the keepers' threads ─▶ Finished
                │                                                             store the pictures
                └─ full, over a client's cap, closing: Overloaded

Every order gets a ticket, and every ticket an end: pictures, or an error in words.
"""

import abc
import concurrent.futures
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from dalle_mini.errors import DalleMiniError, PromptRejected
from dalle_mini.safety.options import SafetyOptions
from dalle_mini.serving.lobby import EngineLimits, Lobby, say_cancelled, say_closing
from dalle_mini.serving.metrics import Metrics
from dalle_mini.serving.order import Order
from dalle_mini.serving.tickets import Keep, Ticket
from dalle_mini.serving.updates import Failed, Finished

if TYPE_CHECKING:
    from PIL import Image

    from dalle_mini.generation import Generation

_logger = logging.getLogger(__name__)


class Reception(abc.ABC):
    """Takes orders, fairly between clients, and has `keepers` put away what is drawn. `start` it first, `drain` or
    `close` it last."""

    def __init__(
        self,
        *,
        limits: EngineLimits | None = None,
        safety: SafetyOptions | None = None,
        metrics: Metrics | None = None,
        keepers: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits, self._safety, self._clock = limits or EngineLimits(), safety or SafetyOptions(), clock
        self._metrics = metrics or Metrics()
        self._lobby = Lobby(self._limits, self._metrics, clock=clock)
        self._keeper = concurrent.futures.ThreadPoolExecutor(keepers, "keeper")
        self._metrics.watch("ready", "1 where orders are drawn", lambda: not self.trouble)

    @property
    @abc.abstractmethod
    def trouble(self) -> str:
        """Why nothing is drawn here; empty where all is well."""

    @property
    @abc.abstractmethod
    def loaded(self) -> frozenset[str]:
        """Names of the models that draw at once."""

    @property
    def limits(self) -> EngineLimits:
        """How much may wait, and for how long."""
        return self._limits

    def count_open(self) -> int:
        """Orders that wait, are drawn or are being kept."""
        return self._lobby.count_open()

    @abc.abstractmethod
    def start(self) -> None:
        """Begin with loading the main model; orders may come at once."""

    def submit(self, order: Order, *, client: str, keep: Keep | None = None) -> Ticket:
        """A ticket for `order`; `keep` is called with its pictures before the ticket tells of them.

        Overloaded where no more may wait, in all or for this client; Closing where the server is being stopped;
        PromptRejected for what is not drawn, which waits for nothing.
        """
        self._check(order)
        return self._lobby.enter(order, client=client, keep=keep)

    def stand_by(self, order: Order, *, client: str) -> Ticket:
        """`submit` for somebody who can wait: where there is no room yet, the ticket is `Held` until there is.

        Overloaded where too many are held already.
        """
        self._check(order)
        return self._lobby.stand_by(order, client=client)

    def cancel(self, ticket: Ticket) -> None:
        """Give a drawing up: at once where it waits, within one chunk of tokens where it is drawn."""
        self._lobby.cancel(ticket)

    @abc.abstractmethod
    def look_back(self, drawn: "Generation", position: int) -> "list[concurrent.futures.Future[Image.Image]]":
        """Every picture of a finished drawing as it was when its tokens before `position` were drawn.

        They are made between the chunks of other drawings. A future's error is NotFound where the model is no longer
        loaded; Overloaded where too many wait; Closing.
        """

    def drain(self, seconds: float) -> bool:
        """Take no new orders, finish those that are here, and stop; False where `seconds` were too few for all."""
        self._lobby.close(say_closing())
        with self._lobby.changed:
            done = self._lobby.changed.wait_for(lambda: not self._lobby.count_open(), seconds)
        self.close()
        return done

    @abc.abstractmethod
    def close(self) -> bool:
        """Stop within one chunk of tokens, and tell who still waits; False where that chunk takes too long."""

    def _check(self, order: Order) -> None:
        for text in order.texts:
            try:
                self._safety.check(text)
            except PromptRejected as error:
                self._metrics.rejections.labels(error.category).inc()
                raise

    def _finish(self, ticket: Ticket, finished: Finished) -> None:
        """Have the pictures kept of what was drawn, then tell of them."""
        self._lobby.rates.note(ticket.order, finished.seconds / finished.beside)
        self._keeper.submit(self._attend, ticket, finished)

    # The keepers' threads.

    def _attend(self, ticket: Ticket, finished: Finished) -> None:
        """Keep a ticket's pictures; whatever fails is told to whoever waits for them."""
        error = attempt(lambda: self._keep(ticket, finished))
        if error:
            self._lobby.end(ticket, Failed(error))

    def _keep(self, ticket: Ticket, finished: Finished) -> None:
        if ticket.cancelled:
            raise say_cancelled()
        if ticket.keep:
            ticket.keep(ticket, finished.generation)
        self._metrics.drawing_seconds.observe(finished.seconds)
        self._metrics.pictures.inc(len(finished.generation.images))
        self._metrics.flagged.inc(sum(verdict.flagged for verdict in finished.generation.verdicts or ()))
        self._lobby.end(ticket, finished)


def attempt(work: Callable[[], object]) -> DalleMiniError | None:
    """Do some work; what went wrong, in words that anybody may read."""
    try:
        work()
    except Exception as error:
        return put_in_words(error)
    return None


def put_in_words(error: Exception) -> DalleMiniError:
    """An error for whoever waits; a mistake of ours is logged.

    Failures are remembered, and must not keep the pictures that their tracebacks reach.
    """
    if isinstance(error, DalleMiniError):
        error.__cause__ = error.__context__ = None
        return error.with_traceback(None)
    _logger.error("a drawing failed", exc_info=error)
    return DalleMiniError("something went wrong here", hint="it has been noted; please try again")
