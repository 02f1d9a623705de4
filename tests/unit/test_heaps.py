"""Threads share the C library's heaps, which malloc_info counts."""

import platform
import subprocess
import sys

import pytest

COUNT_HEAPS = """
import ctypes, threading
from dalle_mini.serving.heaps import share_heaps

libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
libc.malloc.restype = ctypes.c_void_p
if {shared}:
    share_heaps()

def allocate(barrier=threading.Barrier(12)):
    barrier.wait()
    libc.malloc(ctypes.c_size_t(2000))
    barrier.wait()

threads = [threading.Thread(target=allocate) for _ in range(12)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
"""


def count_heaps(*, shared: bool) -> int:
    program = COUNT_HEAPS.format(shared=shared)
    return subprocess.check_output([sys.executable, "-c", program], text=True).count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of glibc")
def test_threads_share_two_heaps() -> None:
    assert count_heaps(shared=True) <= 2 < count_heaps(shared=False)
