"""A weights file seen through memory: its arrays are views, whose pages are read when looked at.

So a model larger than half of memory is loaded leaf by leaf, and listed without being read. `release` gives back the
pages of a leaf that has been copied: they would count as the process's own until the system wants them.
"""

import math
import mmap
from pathlib import Path

import jax.numpy as jnp
import numpy as np

from dalle_mini.errors import CheckpointError

AGAIN = "the file is damaged or was not copied whole; copy or download it again"

DTYPES = {
    name: jnp.dtype(name)
    for name in (
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int8",
        "uint8",
        "int32",
        "uint32",
        "int64",
    )
}
"""What a leaf may be stored as; only floating ones are weights, the others can be reported."""


def map_file(path: Path) -> memoryview:
    """The bytes of `path`; CheckpointError where it can't be read or holds no weights."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)) if size else memoryview(b"")
    except OSError as error:
        raise CheckpointError(
            f"can't read {path}: {error.strerror}", hint="check the path and its permissions"
        ) from error
    if not size:
        raise CheckpointError(f"{path} is empty", hint=AGAIN)
    if bytes(data[:64]).startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"{path} is a Git LFS pointer, not the weights",
            hint="run `git lfs pull` in that folder",
        )
    return data


def view(data: memoryview, dtype: str, shape: tuple[int, ...]) -> np.ndarray:
    """`data` as an array; ValueError where its length or type does not fit."""
    if dtype not in DTYPES:
        raise ValueError(f"holds {dtype!r} numbers")
    if math.prod(shape) * DTYPES[dtype].itemsize != len(data):
        raise ValueError(f"has {len(data)} bytes for shape {shape} of {dtype}")
    return np.ndarray(shape, DTYPES[dtype], buffer=data)


def release(array: np.ndarray) -> None:
    """Let go of the whole pages of a file that `array` is a view of; they are read again if it is looked at again."""
    base: object = array
    while isinstance(base, np.ndarray):
        base = base.base
    if not isinstance(base, mmap.mmap) or not hasattr(mmap, "MADV_DONTNEED"):
        return
    origin = np.frombuffer(base, np.uint8).ctypes.data
    low, high = (address - origin for address in np.lib.array_utils.byte_bounds(array))
    start, end = -(-low // mmap.PAGESIZE) * mmap.PAGESIZE, high // mmap.PAGESIZE * mmap.PAGESIZE
    if start < end:
        base.madvise(mmap.MADV_DONTNEED, start, end - start)
