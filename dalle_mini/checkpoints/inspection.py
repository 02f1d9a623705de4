"""What a folder holds, told from its config and the headers of its files: no weight is read."""

import collections
import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import layout
from dalle_mini.checkpoints.config_file import CONFIG, read_config
from dalle_mini.checkpoints.folder import read_tree
from dalle_mini.checkpoints.kinds import Kind, kind_of
from dalle_mini.config.checks import table_kinds
from dalle_mini.errors import DalleMiniError


@dataclasses.dataclass(frozen=True)
class Inspection:
    """`dtypes` counts parameters by dtype; `problems` keep the model from being loaded."""

    kind: str
    """"transformer", "VQGAN" or "CLIP"."""
    format: str
    """"safetensors" or "msgpack"."""
    names: str
    """Whose names the parameters have: "ours", "published" or "torch"."""
    stacked: bool
    parameters: int
    bytes: int
    dtypes: dict[str, int]
    sizes: dict[str, Any]
    problems: tuple[str, ...]


def inspect(directory: str | Path) -> Inspection:
    """Describe a folder's model, even one that can't be loaded; CheckpointError without one."""
    values = read_config(directory)
    kind = kind_of(values, Path(directory) / CONFIG)
    tree, form = read_tree(directory)
    leaves = [leaf for leaf in layout.flatten(tree).values() if hasattr(leaf, "dtype")]
    dtypes = collections.Counter()
    for leaf in leaves:
        dtypes[leaf.dtype.name] += leaf.size
    return Inspection(
        kind=kind.name,
        format=form,
        names=kind.naming(tree),
        stacked=layout.is_stacked(tree),
        parameters=dtypes.total(),
        bytes=sum(leaf.nbytes for leaf in leaves),
        dtypes=dict(dtypes),
        sizes=_sizes(kind.config, values),
        problems=_problems(kind, values, tree),
    )


def _sizes(config: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of `values` that are fields of `config`, those of a table inside by their path."""
    sizes = {}
    for field in dataclasses.fields(config):
        match values.get(field.name):
            case None:
                continue
            case dict(table) if kinds := table_kinds(field.type):
                inner = max((_sizes(kind, table) for kind in kinds), key=len)
                sizes |= {f"{field.name}.{name}": value for name, value in inner.items()}
            case value:
                sizes[field.name] = value
    return sizes


def _problems(kind: Kind, values: Mapping[str, Any], tree: Params) -> tuple[str, ...]:
    try:
        kind.adopt(tree, kind.config.from_dict(values), "the weights")
    except DalleMiniError as error:
        return (str(error),)
    return ()
