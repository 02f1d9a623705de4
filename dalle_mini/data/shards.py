"""Shards of captioned pictures and of tokens: `.npz` files that hold plain arrays, never pickles.

A picture shard holds `pixels` uint8[n, height, width, 3] and `captions` (n strings); a token shard `text`
int32[n, text], `image` int32[n, image] and `captions`. Sets are small enough here to be read whole.
"""

import io
import zipfile
from pathlib import Path

import numpy as np

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DataError

_READ_ERRORS = (OSError, ValueError, KeyError, zipfile.BadZipFile)


def shard_paths(directory: Path) -> list[Path]:
    """The shards of a set in their order; DataError if there are none."""
    paths = sorted(Path(directory).glob("*.npz"))
    if not paths:
        raise DataError(f"no shards (*.npz) in {str(directory)!r}", hint="build the pictures first, or check the path")
    return paths


def read_shard(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The named arrays of one shard; DataError if it can't be read or their lengths differ."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as shard:
            arrays = {name: shard[name] for name in names}
    except _READ_ERRORS as error:
        raise DataError(f"can't read shard {path}: {error}", hint="delete the shard and build it again") from error
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) != 1:
        raise DataError(f"shard {path}: arrays of different lengths {lengths}", hint="build the shard again")
    return arrays


def read_set(directory: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """The named arrays of all shards of a set, one behind the other."""
    shards = [read_shard(path, names) for path in shard_paths(directory)]
    try:
        return {name: np.concatenate([shard[name] for shard in shards]) for name in names}
    except ValueError as error:
        raise DataError(f"shards of different shapes in {str(directory)!r}", hint="keep one set in a folder") from error


def write_shard(path: Path, **arrays: np.ndarray) -> None:
    """Write a shard whole or not at all; OutputError if it can't be."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    write_whole(path, buffer.getvalue())
