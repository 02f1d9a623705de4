"""Files of the safetensors format (github.com/huggingface/safetensors).

The library checks a file's header; the arrays are then views of the file. Writing is done here,
with one leaf in memory at a time, to a stream that hashes what passes.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import safetensors

from dalle_mini.checkpoints.leaf import Leaf, Sink, raw_bytes
from dalle_mini.checkpoints.mapped import AGAIN, map_file, view
from dalle_mini.errors import CheckpointError

_CODES = {
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "I8": "int8",
    "U8": "uint8",
    "I32": "int32",
    "U32": "uint32",
    "I64": "int64",
}
_NAMES = {name: code for code, name in _CODES.items()}


def read(path: Path) -> dict[str, np.ndarray]:
    """Every array of `path` by name, each a view of the file."""
    data = map_file(path)
    try:
        with safetensors.safe_open(path, "np"):
            pass
        size = int.from_bytes(data[:8], "little")
        header = json.loads(bytes(data[8 : 8 + size]))
        header.pop("__metadata__", None)
        return {name: _view(data[8 + size :], **entry) for name, entry in header.items()}
    except (safetensors.SafetensorError, OverflowError, ValueError) as error:
        raise CheckpointError(f"{path}: {error}", hint=AGAIN) from error


def write(stream: Sink, leaves: Mapping[str, Leaf]) -> None:
    """Write `leaves`, the widest numbers first, so that each starts at a multiple of its size."""
    ordered = sorted(leaves.items(), key=lambda item: (-item[1].dtype.itemsize, item[0]))
    # Other programs go by this; torch's names have dots.
    written_by = "pt" if any("." in name for name in leaves) else "flax"
    header: dict[str, object] = {"__metadata__": {"format": written_by}}
    start = 0
    for name, leaf in ordered:
        offsets = [start, start := start + leaf.nbytes]
        header[name] = {
            "dtype": _NAMES[leaf.dtype.name],
            "shape": leaf.shape,
            "data_offsets": offsets,
        }
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little") + text)
    for _, leaf in ordered:
        stream.write(raw_bytes(leaf.load()))


def _view(numbers: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> np.ndarray:
    start, end = data_offsets
    return view(numbers[start:end], _CODES.get(dtype, dtype), tuple(shape))
