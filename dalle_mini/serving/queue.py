"""Who is drawn next: clients take turns, and each client's tickets come in their order.

Of a caller's hundred tickets only the first stands before another caller's one.
"""

import collections
import itertools
from collections.abc import Callable, Hashable

from dalle_mini.serving.tickets import Ticket


class FairQueue:
    """Tickets that wait, a line for every client; not for several threads at once."""

    def __init__(self) -> None:
        self._lines: collections.OrderedDict[str, collections.deque[Ticket]] = collections.OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    def __contains__(self, ticket: Ticket) -> bool:
        return ticket in self._lines.get(ticket.client, ())

    def push(self, ticket: Ticket) -> None:
        self._lines.setdefault(ticket.client, collections.deque()).append(ticket)

    def discard(self, ticket: Ticket) -> bool:
        """Take a ticket out of the middle; False if it is not there."""
        if ticket not in self:
            return False
        line = self._lines[ticket.client]
        line.remove(ticket)
        if not line:
            del self._lines[ticket.client]
        return True

    def pull(self, ticket: Ticket) -> None:
        """Take a ticket whose turn it is; its client's next one comes behind everybody's."""
        self.discard(ticket)
        if ticket.client in self._lines:
            self._lines.move_to_end(ticket.client)

    def in_order(self) -> list[Ticket]:
        """All tickets as their turns will come: the first of every client, then the second of each, and so on."""
        rounds = itertools.zip_longest(*self._lines.values())
        return [ticket for turn in rounds for ticket in turn if ticket is not None]

    def take(self, most: int, alike: Callable[[Ticket], Hashable]) -> list[Ticket]:
        """The next ticket, and up to `most` in all that may be drawn beside it: those that are `alike`."""
        tickets = self.in_order()
        batch = [ticket for ticket in tickets if alike(ticket) == alike(tickets[0])][:most]
        for ticket in batch:
            self.pull(ticket)
        return batch
