"""The C library's heaps, of which a server of many threads would have many."""

import contextlib
import ctypes

_MOST_ARENAS = -8
"""`M_ARENA_MAX` of glibc's malloc.h."""


def share_heaps(most: int = 2) -> None:
    """Let all threads from now on share `most` heaps, where the C library is glibc.

    It gives each thread one of up to eight for a core, and what another thread has freed is of no use to it: the heaps
    of threads that come and go fill up with holes, and the process grows though nothing is lost.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).mallopt(_MOST_ARENAS, most)
