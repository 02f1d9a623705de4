"""Writing a model's folder: shards, index, digests and config appear together or not at all."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypedDict

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import layout
from dalle_mini.checkpoints.config_file import CONFIG
from dalle_mini.checkpoints.digests import DIGESTS
from dalle_mini.checkpoints.folder import FORMATS, Format, weight_files
from dalle_mini.checkpoints.kinds import TRANSFORMER, Kind, read_kind
from dalle_mini.checkpoints.leaf import Leaf, float_dtype
from dalle_mini.checkpoints.staging import Staging, output_errors
from dalle_mini.config import suggest
from dalle_mini.errors import ConfigError, DalleMiniError, OutputError

MAX_SHARD_BYTES = 4 * 2**30


class SaveOptions(TypedDict, total=False):
    """How to save: see `save_model`."""

    format: str
    dtype: str | None
    max_shard_bytes: int
    overwrite: bool


def save_model(
    kind: Kind,
    directory: Path,
    config: Any,
    params: Params,
    *,
    format: str = "safetensors",
    dtype: str | None = None,
    max_shard_bytes: int = MAX_SHARD_BYTES,
    overwrite: bool = False,
    beside: Mapping[str, bytes] | None = None,
) -> None:
    """Save `params` (numpy leaves, stacked or not) and `config`, and `beside` as further files.

    `dtype` casts every leaf; None keeps each as it is. A file holds at most `max_shard_bytes` of
    weights, or one leaf. A folder that holds another model, or this one in another format, is an
    OutputError unless `overwrite`.
    """
    if format not in kind.formats:
        raise ConfigError(
            f"unknown format {format!r} of a {kind.name}",
            hint=suggest(str(format), list(kind.formats)),
        )
    if max_shard_bytes < 1:
        raise ConfigError(f"max_shard_bytes={max_shard_bytes!r} must be at least 1")
    wanted = None if dtype is None else float_dtype(dtype)
    form = FORMATS[format.partition("-")[0]]
    tree = kind.formats[format](kind.adopt(params, config, "the parameters"))
    in_order = sorted(layout.flatten(tree).items(), key=lambda item: item[0].split("/"))
    leaves = {path: Leaf.of(leaf, wanted) for path, leaf in in_order}
    values = config.to_dict()
    if kind is TRANSFORMER and format.startswith("msgpack"):
        values["use_scan"] = format == "msgpack-scanned"
    if not overwrite:
        _refuse_foreign(directory, form, kind, config, beside or {})
    with Staging(directory) as staging:
        _write_weights(staging, form, leaves, max_shard_bytes)
        for name, content in (beside or {}).items():
            staging.write(name, content)
        staging.write(CONFIG, _json(values))
        if format == "safetensors":
            staging.write(DIGESTS, _json(staging.digests))
        written = staging.commit(last=CONFIG)
    for path in (*weight_files(directory), directory / DIGESTS):
        if path.name not in written:
            with output_errors(path):
                path.unlink(missing_ok=True)


def _write_weights(staging: Staging, form: Format, leaves: Mapping[str, Leaf], limit: int) -> None:
    shards = list(_shards(leaves, limit))
    names = (
        [form.shard(number, len(shards)) for number in range(1, len(shards) + 1)] if len(shards) > 1 else [form.file]
    )
    for name, shard in zip(names, shards, strict=True):
        with staging.open(name) as stream:
            form.write(stream, shard)
    if len(shards) > 1:
        total = sum(leaf.nbytes for leaf in leaves.values())
        places = {path: name for name, shard in zip(names, shards, strict=True) for path in shard}
        staging.write(form.index, _json({"metadata": {"total_size": total}, "weight_map": places}))


def _shards(leaves: Mapping[str, Leaf], limit: int) -> Iterator[dict[str, Leaf]]:
    shard: dict[str, Leaf] = {}
    size = 0
    for path, leaf in leaves.items():
        if shard and size + leaf.nbytes > limit:
            yield shard
            shard, size = {}, 0
        shard[path] = leaf
        size += leaf.nbytes
    yield shard


def _refuse_foreign(directory: Path, form: Format, kind: Kind, config: Any, beside: Mapping[str, bytes]) -> None:
    """Let a model be saved again, but cover nothing else that the folder holds."""
    hint = "choose another folder, or overwrite this one on purpose"
    weights = weight_files(directory)
    if weights or (directory / CONFIG).exists():
        try:
            same = read_kind(directory) == (kind, config)
        except DalleMiniError:
            same = False
        if not same:
            raise OutputError(f"{directory} already holds another model", hint=hint)
    others = [path.name for path in weights if path not in form.files(directory)]
    if others:
        raise OutputError(f"{directory} already holds this model as {others[0]}", hint=hint)
    for name, content in beside.items():
        path = directory / name
        if path.exists() and path.read_bytes() != content:
            raise OutputError(f"{directory} already holds another {name}", hint=hint)


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2) + "\n").encode()
