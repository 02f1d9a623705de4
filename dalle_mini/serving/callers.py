"""Who calls: an address that can't be forged, or a key; and how often each may order."""

import collections
import dataclasses
import hashlib
import hmac
import ipaddress
import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping

from dalle_mini.errors import DalleMiniError, Overloaded

_MOST_BUCKETS = 10_000
_ONE = 1 - 1e-6
"""An order's worth; a bucket that was told to be full enough in time must be, whatever rounding does."""


class Unauthorized(DalleMiniError):
    http_status = 401


def find_address(peer: str, forwarded: Iterable[str], trusted_proxies: int) -> str:
    """The caller's address: `peer`, or what the outermost of the trusted proxies saw.

    `forwarded` are the values of X-Forwarded-For. Each proxy adds to its end whom it was called by, and only what
    our own proxies added is to be believed. An IPv6 caller goes by its network, of which it has all addresses.
    """
    hops = [hop.strip() for value in forwarded for hop in value.split(",")]
    if trusted_proxies and len(hops) >= trusted_proxies:
        peer = hops[-trusted_proxies]
    try:
        address = ipaddress.ip_address(peer.strip("[]"))
    except ValueError:
        return "unknown"
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))
    return str(address)


class Keys:
    """The keys that open the API; without any, it is open."""

    def __init__(self, keys: Iterable[str]) -> None:
        self._digests = [_digest(key) for key in keys]

    def check(self, headers: Mapping[str, str]) -> str:
        """A name for the key in `Authorization: Bearer KEY`; "" where none is needed. Else Unauthorized."""
        if not self._digests:
            return ""
        scheme, _, key = headers.get("authorization", "").partition(" ")
        found = _digest(key.strip()) if scheme.lower() == "bearer" else b""
        # All are compared, so that time tells nothing.
        if not sum(hmac.compare_digest(found, digest) for digest in self._digests):
            raise Unauthorized("this API needs a key", hint="send it as `Authorization: Bearer KEY`")
        return found.hex()[:16]


class Buckets:
    """A bucket of `size` orders for every caller, which fills by so many a minute (a token bucket).

    In front of an empty one a caller's visitors may stand in line: as many as the bucket holds, `most_in_line` in all,
    none for longer than `patience` seconds.
    """

    def __init__(
        self,
        per_minute: float,
        size: int,
        *,
        most_in_line: int = 64,
        patience: float = 600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._per_second, self._size, self._clock = per_minute / 60, size, clock
        self._most_in_line, self._patience = most_in_line, patience
        self._levels: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()
        self._lines: dict[str, list[Turn]] = {}
        self._lock = threading.RLock()

    @property
    def most_in_line(self) -> int:
        """How many may stand in line, in all."""
        return self._most_in_line

    def take(self, caller: str) -> None:
        """Count an order; Overloaded where the bucket is empty, or others stand in line for what is in it."""
        with self._lock:
            wait = self._wait(caller, len(self._lines.get(caller, ())))
            if wait:
                raise self._refuse(wait)
            self._pour(caller)

    def line_up(self, caller: str) -> "Turn":
        """A place in the caller's line, to be left in any case; Overloaded where the line is too long."""
        with self._lock:
            line = self._lines.get(caller, [])
            wait = self._wait(caller, len(line))
            is_full = len(line) >= self._size or sum(map(len, self._lines.values())) >= self._most_in_line
            if wait > self._patience or (wait and is_full):
                raise self._refuse(wait)
            turn = Turn(self, caller)
            self._lines.setdefault(caller, []).append(turn)
            return turn

    def claim(self, turn: "Turn") -> float:
        """Seconds until it is that turn; 0: it is, and an order is counted."""
        with self._lock:
            line = self._lines.get(turn.caller, [])
            if turn not in line:
                return 0.0
            wait = self._wait(turn.caller, line.index(turn))
            if not wait:
                self._pour(turn.caller)
                self.leave(turn)
            return wait

    def leave(self, turn: "Turn") -> None:
        """Give a place in line up; nothing happens where it was claimed."""
        with self._lock:
            line = self._lines.get(turn.caller, [])
            if turn in line:
                line.remove(turn)
            if not line:
                self._lines.pop(turn.caller, None)

    def _wait(self, caller: str, ahead: int) -> float:
        """Seconds until a caller's bucket holds an order behind so many others; 0 where it does."""
        now = self._clock()
        level, filled = self._levels.get(caller, (float(self._size), now))
        left = min(self._size, level + (now - filled) * self._per_second) - ahead
        return 0.0 if left >= _ONE else (1 - left) / self._per_second

    def _pour(self, caller: str) -> None:
        """Take an order out of a bucket that holds one."""
        now = self._clock()
        level, filled = self._levels.pop(caller, (float(self._size), now))
        self._levels[caller] = min(self._size, level + (now - filled) * self._per_second) - 1, now
        while len(self._levels) > _MOST_BUCKETS:
            self._levels.popitem(last=False)

    def _refuse(self, seconds: float) -> Overloaded:
        wait = float(max(math.ceil(seconds), 1))
        message = f"more than {self._per_second * 60:g} orders a minute"
        return Overloaded(message, hint=f"try again in {describe_wait(wait)}", retry_after=wait)


@dataclasses.dataclass(frozen=True, eq=False)
class Turn:
    """A place in the line for a caller's bucket."""

    buckets: Buckets
    caller: str

    def claim(self) -> float:
        """Seconds until it is this turn; 0: it is, and an order is counted."""
        return self.buckets.claim(self)

    def close(self) -> None:
        """Leave the line."""
        self.buckets.leave(self)


def describe_wait(seconds: float) -> str:
    """`1 second`, `45 seconds`, `2 minutes`."""
    count, unit = (math.ceil(seconds), "second") if seconds <= 90 else (math.ceil(seconds / 60), "minute")
    return f"{count} {unit}{'' if count == 1 else 's'}"


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()
