"""Threads share the C library's heaps, which malloc_info counts, and holes in them go back to the system."""

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


HOLES = """
import ctypes, os, time
from dalle_mini.serving import heaps

libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]

def read_megabytes():
    return int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

def make_holes():
    blocks = [libc.malloc(ctypes.c_size_t(100_000)) for _ in range(2000)]
    for block in blocks:
        ctypes.memset(block, 1, 100_000)
    for number, block in enumerate(blocks):
        if number % 10 < 9:
            libc.free(block)

make_holes()
before = read_megabytes()
{trim}
print(before - read_megabytes())
"""


def count_heaps(*, shared: bool) -> int:
    program = COUNT_HEAPS.format(shared=shared)
    return subprocess.check_output([sys.executable, "-c", program], text=True).count("<heap nr=")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of glibc")
def test_threads_share_two_heaps() -> None:
    assert count_heaps(shared=True) <= 2 < count_heaps(shared=False)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="heaps of glibc")
@pytest.mark.parametrize("trim", ["heaps.trim_heaps()", "heaps.keep_heaps_trimmed(0.01); time.sleep(2)"])
def test_what_was_freed_between_what_stays_goes_back(trim: str) -> None:
    """Of 200 MB, 180 were freed."""
    released = float(subprocess.check_output([sys.executable, "-c", HOLES.format(trim=trim)], text=True))
    kept = float(subprocess.check_output([sys.executable, "-c", HOLES.format(trim="")], text=True))
    assert released > 120 and abs(kept) < 20
