"""Who calls: an address that can't be forged, or a key; and how often each may order."""

import collections
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
    """A bucket of `size` orders for every caller, which fills by so many a minute (a token bucket)."""

    def __init__(self, per_minute: float, size: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second, self._size, self._clock = per_minute / 60, size, clock
        self._levels: collections.OrderedDict[str, tuple[float, float]] = collections.OrderedDict()
        self._lock = threading.Lock()

    def take(self, caller: str) -> None:
        """Count an order; Overloaded where the bucket is empty."""
        with self._lock:
            now = self._clock()
            level, filled = self._levels.pop(caller, (float(self._size), now))
            level = min(self._size, level + (now - filled) * self._per_second)
            self._levels[caller] = (level - 1 if level >= _ONE else level, now)
            while len(self._levels) > _MOST_BUCKETS:
                self._levels.popitem(last=False)
        if level < _ONE:
            wait = float(math.ceil((1 - level) / self._per_second))
            message = f"more than {self._per_second * 60:g} orders a minute"
            raise Overloaded(message, hint=f"try again in {wait:.0f} seconds", retry_after=wait)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode(errors="surrogatepass")).digest()
