"""The C library's heaps, of which a server of many threads would have many, and which keep what was freed."""

import contextlib
import ctypes
import threading
import time

_MOST_ARENAS = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""
_SECONDS_BETWEEN = 10.0


def share_heaps(most: int = 2) -> None:
    """Let all threads from now on share `most` heaps, where the C library is glibc.

    It gives each thread one of up to eight for a core, and what another thread has freed is of no use to it: the heaps
    of threads that come and go fill up with holes, and the process grows though nothing is lost.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_MOST_ARENAS, most)


def trim_heaps() -> None:
    """Give the system the pages back that nothing is in, where the C library is glibc.

    By itself it does so only at the end of a heap: one small thing there that stays, and all that was freed below it is
    kept for good.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def keep_heaps_trimmed(seconds: float = _SECONDS_BETWEEN) -> None:
    """Trim them every so many seconds, as long as the process lives."""

    def work() -> None:
        while True:
            time.sleep(seconds)
            trim_heaps()

    threading.Thread(target=work, name="heaps", daemon=True).start()
