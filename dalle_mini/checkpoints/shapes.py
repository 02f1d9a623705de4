"""The shapes of a model's parameters, as its own `init` makes them.

To ask `init` is to trace the whole model, which for a small one takes most of a second. So what it said is kept in the
user's cache folder, under a name that changes with whatever could make it say something else.
"""

import contextlib
import functools
import hashlib
import json
from pathlib import Path
from typing import Any

import flax
import jax

from dalle_mini.cache import cache_folder
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import OutputError

Shapes = dict[str, tuple[int, ...]]
"""Shapes of leaves by path, joined by "/"."""

MOST_KEPT = 200
"""Files; with one more, all are made anew when they are next wanted."""

_MODELS = Path(__file__).parents[1] / "models"


@functools.cache
def find_shapes(model: Any, config: Any, **options: Any) -> Shapes:
    """Every parameter's shape by its path in what `init` of a module of models makes; nothing is allocated."""
    digest = hashlib.sha256(f"{model.__name__} {config!r} {options!r} {_version()}".encode()).hexdigest()
    path = cache_folder("shapes") / f"{digest[:32]}.json"
    if (known := _read(path)) is not None:
        return known
    tree = jax.eval_shape(lambda: model.init(jax.random.key(0), config, **options))
    shapes = {"/".join(key.key for key in keys): leaf.shape for keys, leaf in jax.tree.leaves_with_path(tree)}
    _keep(path, shapes)
    return shapes


@functools.cache
def _version() -> str:
    """Of all that takes part in `init`."""
    sources = [path.read_bytes() for path in sorted(_MODELS.glob("*.py"))]
    return f"{jax.__version__} {flax.__version__} {hashlib.sha256(b''.join(sources)).hexdigest()}"


def _read(path: Path) -> Shapes | None:
    """What is kept; None where nothing is, or nothing that can be read."""
    try:
        return {name: tuple(map(int, shape)) for name, shape in json.loads(path.read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def _keep(path: Path, shapes: Shapes) -> None:
    """Keep them if that can be done: a cache is no reason to fail."""
    with contextlib.suppress(OSError, OutputError):
        path.parent.mkdir(parents=True, exist_ok=True)
        kept = list(path.parent.glob("*.json"))
        for old in kept if len(kept) >= MOST_KEPT else ():
            old.unlink(missing_ok=True)
        write_whole(path, json.dumps(shapes).encode())
