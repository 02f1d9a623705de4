"""A model's folder: `config.json` beside its weights, in one file or in several with an index.

    model.safetensors                                        ours
    model.safetensors.index.json, model-00001-of-0000N.safetensors …
    flax_model.msgpack                                       the published layout
    flax_model.msgpack.index.json, flax_model-00001-of-0000N.msgpack …

Where a folder holds several, the first of this list is read.
"""

import dataclasses
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import msgpack_file, safetensors_file
from dalle_mini.checkpoints.config_file import check_folder, read_json
from dalle_mini.checkpoints.layout import flatten, unflatten
from dalle_mini.checkpoints.leaf import Leaf
from dalle_mini.checkpoints.mapped import AGAIN
from dalle_mini.errors import CheckpointError


@dataclasses.dataclass(frozen=True)
class Format:
    """How a kind of weights file is named, read, and written from leaves by path."""

    stem: str
    suffix: str
    read: Callable[[Path], Params]
    write: Callable[[Any, Mapping[str, Leaf]], None]

    @property
    def file(self) -> str:
        return f"{self.stem}.{self.suffix}"

    @property
    def index(self) -> str:
        return f"{self.file}.index.json"

    def shard(self, number: int, count: int) -> str:
        return f"{self.stem}-{number:05d}-of-{count:05d}.{self.suffix}"

    def files(self, folder: Path) -> list[Path]:
        """Everything in `folder` that is named like a file of this format."""
        name = re.compile(rf"{self.stem}(-\d{{5}}-of-\d{{5}})?\.{self.suffix}|{re.escape(self.index)}")
        return sorted(path for path in folder.glob(f"{self.stem}*") if name.fullmatch(path.name))


FORMATS = {
    "safetensors": Format(
        "model",
        "safetensors",
        lambda path: unflatten(safetensors_file.read(path).items()),
        safetensors_file.write,
    ),
    "msgpack": Format(
        "flax_model",
        "msgpack",
        msgpack_file.read,
        lambda stream, leaves: msgpack_file.write(stream, unflatten(leaves.items())),
    ),
}


_PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl"}


def read_tree(directory: str | Path) -> tuple[Params, str]:
    """A folder's weights as its file has them, and the format: "safetensors" or "msgpack"."""
    folder = check_folder(directory)
    for name, form in FORMATS.items():
        if (folder / form.file).exists():
            return form.read(folder / form.file), name
        if (folder / form.index).exists():
            return _read_shards(folder, form), name
    raise CheckpointError(f"{folder} holds no weights", hint=_other_weights(folder))


def weight_files(folder: Path) -> list[Path]:
    """Every file of `folder` that belongs to weights, whole or not."""
    return [path for form in FORMATS.values() for path in form.files(folder)]


def _read_shards(folder: Path, form: Format) -> Params:
    index = folder / form.index
    named = read_json(index, AGAIN).get("weight_map")
    if not isinstance(named, dict) or not named or not all(isinstance(shard, str) for shard in named.values()):
        raise CheckpointError(f"{index} has no weight_map", hint=AGAIN)
    shards = sorted(set(named.values()))
    foreign = [shard for shard in shards if shard in ("", ".", "..") or set(shard) & set("/\\\0")]
    if foreign:
        raise _index_error(index, "files that are not beside it", foreign)
    absent = [shard for shard in shards if not os.path.exists(folder / shard)]
    if absent:
        raise _index_error(index, "files that are not there", absent)
    found = {shard: flatten(form.read(folder / shard)) for shard in shards}
    lacking = [f"{path} in {shard}" for path, shard in named.items() if path not in found[shard]]
    if lacking:
        raise _index_error(index, "parameters that their files lack", lacking)
    return unflatten(pair for leaves in found.values() for pair in leaves.items())


def _index_error(index: Path, what: str, names: list[str]) -> CheckpointError:
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return CheckpointError(f"{index} names {len(names)} {what}: {shown}", hint=AGAIN)


def _other_weights(folder: Path) -> str:
    pickled = sorted(path.name for path in folder.glob("*") if path.suffix in _PICKLES)
    if pickled:
        return f"{pickled[0]} may be a pickle, which can run code; save it as safetensors elsewhere"
    return f"expected {' or '.join(form.file for form in FORMATS.values())}, whole or in shards"
