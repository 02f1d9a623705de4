"""Flax's msgpack files: a nested map whose leaves are extensions (shape, dtype name, bytes).

Reads and writes the part of the format (github.com/msgpack/msgpack, spec.md) that
`flax.serialization` uses, without the copies of all weights that its own functions hold. Arrays
above a gibibyte are cut into chunks, as there.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from flax import serialization

from dalle_mini.arrays import Params
from dalle_mini.checkpoints.leaf import Leaf, Sink, raw_bytes
from dalle_mini.checkpoints.mapped import AGAIN, map_file, view
from dalle_mini.errors import CheckpointError

_ARRAY, _SCALAR = 1, 3
_CHUNKED = "__msgpack_chunked_array__"
CHUNK_BYTES = 2**30
_MAX_DEPTH = 64

_SIZED = {  # tag: kind, bytes of the length that follows
    0xC4: ("bin", 1),
    0xC5: ("bin", 2),
    0xC6: ("bin", 4),
    0xC7: ("ext", 1),
    0xC8: ("ext", 2),
    0xC9: ("ext", 4),
    0xD9: ("str", 1),
    0xDA: ("str", 2),
    0xDB: ("str", 4),
    0xDC: ("array", 2),
    0xDD: ("array", 4),
    0xDE: ("map", 2),
    0xDF: ("map", 4),
}
_UINTS = {0xCC: 1, 0xCD: 2, 0xCE: 4, 0xCF: 8}
_FIXED_EXT = {0xD4: 1, 0xD5: 2, 0xD6: 4, 0xD7: 8, 0xD8: 16}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def read(path: Path) -> Params:
    """The tree in `path`, its leaves views of the file."""
    cursor = _Cursor(map_file(path))
    try:
        tree = cursor.value()
        if not isinstance(tree, dict):
            raise ValueError("holds no tree")
        if cursor.rest():
            raise ValueError(f"has {cursor.rest()} bytes after its end")
    except (OverflowError, ValueError) as error:
        raise CheckpointError(f"{path} {error}", hint=AGAIN) from error
    return tree


def write(stream: Sink, value: Any) -> None:
    """Write a nested dict of `Leaf`s as Flax would, with one leaf in memory at a time."""
    if isinstance(value, Mapping):
        size = len(value)
        stream.write(bytes([0x80 | size]) if size < 16 else b"\xde" + size.to_bytes(2, "big"))
        for name, child in value.items():
            write(stream, name)
            write(stream, child)
    elif isinstance(value, Leaf):
        write(stream, _split_chunks(value.load()))
    elif isinstance(value, np.ndarray):
        _write_array(stream, value)
    else:
        stream.write(serialization.msgpack_serialize(value))


class _Cursor:
    """A place in msgpack data; ValueError says what is wrong with what stands there."""

    def __init__(self, data: memoryview):
        self.data = data
        self.position = 0

    def rest(self) -> int:
        return len(self.data) - self.position

    def take(self, count: int) -> memoryview:
        if count > self.rest():
            raise ValueError(f"ends after {len(self.data)} bytes, in the middle of a value")
        self.position += count
        return self.data[self.position - count : self.position]

    def uint(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def value(self, depth: int = 0) -> Any:
        tag = self.uint(1)
        if tag < 0x80:
            return tag
        if tag in _CONSTANTS:
            return _CONSTANTS[tag]
        if tag in _UINTS:
            return self.uint(_UINTS[tag])
        kind, length = self.kind(tag)
        if kind == "str":
            return str(self.take(length), "utf-8")
        if kind == "bin":
            return self.take(length)
        if kind == "ext":
            return self.extension(self.uint(1), length)
        if depth == _MAX_DEPTH:
            raise ValueError(f"is nested more than {_MAX_DEPTH} deep")
        if kind == "array":
            return [self.value(depth + 1) for _ in range(length)]
        return self.map(length, depth + 1)

    def kind(self, tag: int) -> tuple[str, int]:
        if tag < 0x90:
            return "map", tag & 0x0F
        if tag < 0xA0:
            return "array", tag & 0x0F
        if tag < 0xC0:
            return "str", tag & 0x1F
        if tag in _FIXED_EXT:
            return "ext", _FIXED_EXT[tag]
        if tag in _SIZED:
            kind, size = _SIZED[tag]
            return kind, self.uint(size)
        raise ValueError(f"holds a value of unknown type 0x{tag:02x} at byte {self.position - 1}")

    def map(self, length: int, depth: int) -> Any:
        tree = {}
        for _ in range(length):
            name = self.value(depth)
            if not isinstance(name, str):
                raise ValueError(f"has {type(name).__name__} for a name before byte {self.position}")
            if name in tree:
                raise ValueError(f"names {name!r} twice")
            tree[name] = self.value(depth)
        return _join_chunks(tree) if _CHUNKED in tree else tree

    def extension(self, code: int, length: int) -> np.ndarray:
        if code not in (_ARRAY, _SCALAR):
            raise ValueError(f"holds an extension of unknown type {code}")
        match _Cursor(self.take(length)).value():
            case [list(shape), str(dtype), memoryview() as data] if all(type(size) is int for size in shape):
                return view(data, dtype, tuple(shape))
        raise ValueError(f"holds a malformed array before byte {self.position}")


def _join_chunks(tree: dict[str, Any]) -> np.ndarray:
    try:
        shape, chunks = ([tree[name][str(index)] for index in range(len(tree[name]))] for name in ("shape", "chunks"))
        return np.concatenate(chunks).reshape(shape)
    except (KeyError, TypeError) as error:
        raise ValueError("holds a malformed array of chunks") from error


def _split_chunks(array: np.ndarray) -> Any:
    if array.nbytes <= CHUNK_BYTES:
        return array
    flat, step = array.reshape(-1), CHUNK_BYTES // array.itemsize
    chunks = [flat[start : start + step] for start in range(0, flat.size, step)]
    return {_CHUNKED: True, "shape": _numbered(array.shape), "chunks": _numbered(chunks)}


def _numbered(values: Iterable[Any]) -> dict[str, Any]:
    return {str(index): value for index, value in enumerate(values)}


def _write_array(stream: Sink, array: np.ndarray) -> None:
    shape, dtype = (serialization.msgpack_serialize(part) for part in (list(array.shape), array.dtype.name))
    head = b"\x93" + shape + dtype + _sized("bin", array.nbytes)
    size = len(head) + array.nbytes
    fixed = [tag for tag, length in _FIXED_EXT.items() if length == size]
    stream.write((bytes(fixed) or _sized("ext", size)) + bytes([_ARRAY]) + head)
    stream.write(raw_bytes(array))


def _sized(kind: str, length: int) -> bytes:
    """The shortest tag of `kind` whose length field holds `length`."""
    tag, size = next((tag, size) for tag, (name, size) in _SIZED.items() if name == kind and length < 256**size)
    return bytes([tag]) + length.to_bytes(size, "big")
