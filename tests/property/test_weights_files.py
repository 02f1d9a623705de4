"""Both weights files hold what the libraries of their formats say, and damage is answered."""

import contextlib
import io
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import msgpack
import numpy as np
import pytest
import safetensors.numpy
from flax import serialization
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dalle_mini.checkpoints import msgpack_file, safetensors_file
from dalle_mini.checkpoints.layout import flatten
from dalle_mini.checkpoints.leaf import Leaf
from dalle_mini.errors import CheckpointError

DTYPES = [jnp.dtype(name) for name in ("float32", "bfloat16", "float16", "float64", "int32")]

settings.register_profile("files", deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
in_files = settings(settings.get_profile("files"), max_examples=50)


def make_array(shape: tuple[int, ...], dtype: np.dtype, seed: int) -> np.ndarray:
    return np.asarray(np.random.default_rng(seed).standard_normal(shape) * 100).astype(dtype)


arrays = st.builds(
    make_array,
    st.lists(st.integers(0, 300), max_size=2).map(tuple) | st.just((2, 3, 1, 2)),
    st.sampled_from(DTYPES),
    st.integers(0, 99),
)
names = st.text("abyz_0éß", min_size=1, max_size=40)
trees = st.dictionaries(names, arrays | st.dictionaries(names, arrays, min_size=1, max_size=20), max_size=20)


def as_leaves(tree: dict[str, Any]) -> dict[str, Any]:
    """What is written, in the order that Flax writes in."""
    return {
        name: as_leaves(value) if isinstance(value, dict) else Leaf(value, value.dtype)
        for name, value in sorted(tree.items())
    }


def assert_same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    left, right = flatten(found), flatten(expected)
    assert left.keys() == right.keys()
    for name, leaf in left.items():
        np.testing.assert_array_equal(leaf, right[name], strict=True)


@in_files
@given(trees)
def test_msgpack_is_what_flax_reads_and_writes(tmp_path: Path, tree: dict[str, Any]) -> None:
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(serialization.msgpack_serialize(tree))
    assert_same(msgpack_file.read(path), tree)
    stream = io.BytesIO()
    msgpack_file.write(stream, as_leaves(tree))
    assert stream.getvalue() == serialization.msgpack_serialize(tree)


def test_msgpack_cuts_a_large_array_as_flax_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serialization, "MAX_CHUNK_SIZE", 1000)
    monkeypatch.setattr(msgpack_file, "CHUNK_BYTES", 1000)
    tree = {"a": {"large": make_array((40, 17), DTYPES[1], 0), "small": make_array((3,), DTYPES[0], 1)}}
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(serialization.msgpack_serialize(tree))
    assert_same(msgpack_file.read(path), tree)
    stream = io.BytesIO()
    msgpack_file.write(stream, as_leaves(tree))
    assert stream.getvalue() == path.read_bytes()


def test_msgpack_reads_numbers_beside_arrays(tmp_path: Path) -> None:
    tree = {"step": 70000, "flag": True, "nothing": None, "scalar": np.float32(2.5)}
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(serialization.msgpack_serialize(tree))
    assert msgpack_file.read(path) == tree


@in_files
@given(st.dictionaries(names, arrays, max_size=20))
def test_safetensors_is_what_its_library_reads_and_writes(tmp_path: Path, tensors: dict[str, np.ndarray]) -> None:
    path = tmp_path / "model.safetensors"
    safetensors.numpy.save_file(tensors, path)
    assert_same(safetensors_file.read(path), tensors)
    stream = io.BytesIO()
    safetensors_file.write(stream, as_leaves(tensors))
    path.write_bytes(stream.getvalue())
    assert_same(safetensors.numpy.load_file(path), tensors)
    assert_same(safetensors_file.read(path), tensors)


SAMPLE = {"head": make_array((5, 4), DTYPES[0], 0), "norm": make_array((3,), DTYPES[2], 1)}
WRITTEN = {
    "flax_model.msgpack": (serialization.msgpack_serialize(SAMPLE), msgpack_file.read),
    "model.safetensors": (safetensors.numpy.save(SAMPLE), safetensors_file.read),
}


@in_files
@given(st.sampled_from(sorted(WRITTEN)), st.data())
def test_a_file_cut_short_is_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    content, read = WRITTEN[name]
    path = tmp_path / name
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 1))])
    with pytest.raises(CheckpointError, match=name) as refusal:
        read(path)
    assert refusal.value.hint


@settings(in_files, max_examples=300)
@given(st.sampled_from(sorted(WRITTEN)), st.data())
def test_changed_bytes_are_read_or_refused(tmp_path: Path, name: str, data: st.DataObject) -> None:
    content, read = WRITTEN[name]
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / name
    path.write_bytes(changed)
    with contextlib.suppress(CheckpointError):
        read(path)


@in_files
@given(st.binary(max_size=200))
def test_any_bytes_are_answered(tmp_path: Path, content: bytes) -> None:
    for name, (_, read) in WRITTEN.items():
        (tmp_path / name).write_bytes(content)
        with contextlib.suppress(CheckpointError):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "Git LFS pointer"),
        (b"\x81\x80\x01", "has dict for a name"),
        (b"\x81\xa1a" * 100, "nested more than 64 deep"),
        (b"\x93\x01\x02\x03", "holds no tree"),
        (b"\x80\x00", "1 bytes after its end"),
        (b"\x82\xa1a\x01\xa1a\x02", "names 'a' twice"),
        (b"\x81\xa1a\xcb" + bytes(8), "unknown type 0xcb at byte 3"),
        (b"\x81\xa1a\xd4\x05\x00", "extension of unknown type 5"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_msgpack_says_what_is_wrong(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=said):
        msgpack_file.read(path)


CHUNKED = {"__msgpack_chunked_array__": True, "shape": {"0": 2**60}, "chunks": {}}


@pytest.mark.parametrize(
    "leaf",
    [
        msgpack.ExtType(1, msgpack.packb(((0, 2**64 - 1), "int32", b""))),
        msgpack.ExtType(1, msgpack.packb(((1,) * 70, "int8", b"a"))),
        msgpack.ExtType(1, msgpack.packb(((2,), "object", b"a" * 16))),
        msgpack.ExtType(1, msgpack.packb(((2,), "float32", b"short"))),
        msgpack.ExtType(1, msgpack.packb(("2", "float32", b"short"))),
        msgpack.ExtType(1, msgpack.packb([])),
        CHUNKED,
        CHUNKED | {"chunks": {"0": 1}},
        CHUNKED | {"chunks": {"1": 1}},
        CHUNKED | {"shape": 3},
        CHUNKED | {"chunks": {"0": msgpack.ExtType(1, msgpack.packb(((1,), "int8", b"a")))}},
    ],
)
def test_a_malformed_array_is_refused(tmp_path: Path, leaf: Any) -> None:
    path = tmp_path / "flax_model.msgpack"
    path.write_bytes(msgpack.packb({"a": leaf}))
    with pytest.raises(CheckpointError, match="flax_model.msgpack"):
        msgpack_file.read(path)
