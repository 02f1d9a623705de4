"""`manifest.json`: what a record set holds, where it comes from, and the digests of its files."""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.config import check_names
from dalle_mini.errors import ConfigError, DataError

MANIFEST = "manifest.json"
Kind = Literal["pictures", "tokens"]
KINDS: tuple[Kind, ...] = ("pictures", "tokens")

_AGAIN = "make the set again, or fetch it again"
_OUTCOME = ("count", "shards", "licences", "sources", "dropped", "named")
_PLAIN_NAME = re.compile(r"[\w-][\w.-]*")


@dataclasses.dataclass(frozen=True)
class Shard:
    """One file of a set; `sha256` and `size` (in bytes) are of the whole file."""

    file: str
    count: int
    size: int
    sha256: str


@dataclasses.dataclass(frozen=True)
class Dropped:
    """How many items a rule dropped, and some of them."""

    count: int
    examples: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Manifest:
    """What a set holds. `licences` and `sources` count items, `dropped` is by the rule that dropped them, and `named`
    counts captions that are names of files. Pictures have a `resolution`, in pixels a side; token sets have what
    follows it, with the digests of the VQGAN and the tokenizer that made them. `settings` is what else went into it.
    """

    kind: Kind
    count: int = 0
    shards: tuple[Shard, ...] = ()
    licences: Mapping[str, int] = dataclasses.field(default_factory=dict)
    sources: Mapping[str, int] = dataclasses.field(default_factory=dict)
    dropped: Mapping[str, Dropped] = dataclasses.field(default_factory=dict)
    named: int = 0
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    resolution: int = 0
    text_length: int = 0
    image_length: int = 0
    vocab_size: int = 0
    codebook_size: int = 0
    vqgan: str = ""
    tokenizer: str = ""
    normalized: bool = False

    @property
    def plan(self) -> "Manifest":
        """What is known before the first item: two sets of one plan and one input are the same."""
        unmade = Manifest(self.kind)
        return dataclasses.replace(self, **{name: getattr(unmade, name) for name in _OUTCOME})

    def differences(self, other: "Manifest") -> str:
        """Where the plans of two sets differ, in words; nothing where they don't."""
        mine, others = (_flatten(manifest.plan) for manifest in (self, other))
        return ", ".join(
            f"{name} {_shorten(mine.get(name))} there and {_shorten(others.get(name))} here"
            for name in sorted(mine.keys() | others.keys())
            if mine.get(name) != others.get(name)
        )


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest whole or not at all; OutputError if it can't be."""
    unmade = Manifest(manifest.kind)
    values = {
        field.name: getattr(manifest, field.name)
        for field in dataclasses.fields(Manifest)
        if field.name in ("kind", "count") or getattr(manifest, field.name) != getattr(unmade, field.name)
    }
    text = json.dumps(values, indent=1, ensure_ascii=False, default=dataclasses.asdict)
    write_whole(path, (text + "\n").encode("utf-8", "surrogatepass"))


def read_manifest(path: Path) -> Manifest:
    """The manifest in `path`; DataError if it can't be read or does not add up."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}", hint="check the path and its permissions") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}", hint=_AGAIN) from error
    try:
        manifest = _parse(values)
    except (AttributeError, KeyError, TypeError, ValueError, ConfigError) as error:
        raise DataError(f"{path} is not the manifest of a record set: {error}", hint=_AGAIN) from error
    if sum(shard.count for shard in manifest.shards) != manifest.count:
        raise DataError(f"{path}: the counts of its shards do not add up to {manifest.count}", hint=_AGAIN)
    return manifest


def _parse(values: Any) -> Manifest:
    values = check_names(Manifest, values, "name")
    if values.get("kind") not in KINDS:
        raise ValueError(f"kind {values.get('kind')!r}")
    unmade = Manifest(values["kind"])
    for name, value in values.items():
        expected = type(getattr(unmade, name))
        if type(value) is not (list if expected is tuple else expected):
            raise ValueError(f"{name}={_shorten(value)}")
    shards = tuple(Shard(**shard) for shard in values.pop("shards", ()))
    for shard in shards:
        if not _PLAIN_NAME.fullmatch(shard.file) or not isinstance(shard.count, int) or shard.count < 1:
            raise ValueError(f"shard {shard.file!r} of {shard.count!r}")
    dropped = {
        reason: Dropped(entry["count"], tuple(entry["examples"])) for reason, entry in values.pop("dropped", {}).items()
    }
    return Manifest(**values, shards=shards, dropped=dropped)


def _flatten(manifest: Manifest) -> dict[str, Any]:
    values = {field.name: getattr(manifest, field.name) for field in dataclasses.fields(manifest)}
    return {**values, **values.pop("settings")}


def _shorten(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
