"""Trees of parameters: from one naming to another, stacked or layer by layer, and checked.

Leaves may be numpy or jax arrays; only stacking copies numpy ones. What no naming knows is passed
on as it is, for `check_tree` to report.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np

from dalle_mini.arrays import Params
from dalle_mini.checkpoints.names import INDEX, flax_name, layered_sides, our_name, published_name
from dalle_mini.checkpoints.shapes import Shapes, find_shapes
from dalle_mini.config import PerceptualConfig, TransformerConfig, VQGANConfig
from dalle_mini.config.judge import JudgeConfig
from dalle_mini.config.nsfw import NsfwConfig
from dalle_mini.errors import CheckpointError
from dalle_mini.models import judge, nsfw, perceptual, transformer, vqgan

_STACKED = re.compile(r"(encoder|decoder)/layers/(.+)")
_UNSTACKED = re.compile(rf"(encoder|decoder)/layers_({INDEX})/(.+)")
_MOST_FOLDERS = 64
"""A path is cut at so many: what is deeper is no parameter of ours, and must not exhaust the stack."""

SHOWN = 20
"""How many leaves of a kind an error lists."""


def flatten(tree: Mapping[str, Any]) -> dict[str, Any]:
    """Leaves by path, joined by "/"."""
    flat = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat.update({f"{name}/{path}": leaf for path, leaf in flatten(value).items()})
        else:
            flat[name] = value
    return flat


def unflatten(leaves: Iterable[tuple[str, Any]]) -> Params:
    """The nested tree; two leaves in one place, or one below another, are a CheckpointError."""
    tree: Params = {}
    for path, leaf in leaves:
        *folders, name = path.split("/", _MOST_FOLDERS)
        node: Any = tree
        for folder in folders:
            node = node.setdefault(folder, {}) if isinstance(node, dict) else None
        if not isinstance(node, dict) or name in node:
            raise CheckpointError(f"{path!r} is there twice or below a leaf", hint="the file mixes two layouts")
        node[name] = leaf
    return tree


def from_published(tree: Params) -> Params:
    """Our tree of a published transformer's, stacked or layer by layer."""
    return unstack_layers(_rename(tree, our_name))


def to_published(params: Params, *, scan: bool) -> Params:
    """The published tree of ours; `scan` stacks the layers, as both published files do."""
    if not scan:
        return _rename(unstack_layers(params), published_name)
    return unflatten((path, stack(leaf)) for path, leaf in flatten(group_published(params)).items())


def group_published(params: Params) -> Params:
    """What `to_published` stacks, not yet stacked: a list of every layer's leaf in its place."""
    return _rename(group_layers(params), published_name)


def from_torch_vqgan(tree: Params) -> Params:
    """The flax tree of torch's dotted names; what only training used (`loss.*`) is dropped."""
    used = {name: leaf for name, leaf in flatten(tree).items() if not name.startswith("loss.")}
    return unflatten((flax_name(name, _ndim(leaf)), _to_hwio(leaf)) for name, leaf in used.items())


def is_published(tree: Params) -> bool:
    """Whether a transformer's tree has the published names."""
    return "model" in tree or "lm_head" in tree


def is_torch(tree: Params) -> bool:
    """Whether a VQGAN's tree has torch's names."""
    return any("." in name for name in tree)


def is_stacked(tree: Params) -> bool:
    """Whether a side of a transformer's tree, ours or published, has its layers stacked."""
    return bool(layered_sides(flatten(tree), stacked=True))


def stack_layers(params: Params) -> Params:
    """Either side's `layers_0`, `layers_1`, … as one `layers` with a leading axis."""
    return unflatten((path, stack(leaf)) for path, leaf in flatten(group_layers(params)).items())


def unstack_layers(params: Params) -> Params:
    """Either side's `layers` as `layers_0`, `layers_1`, …: the opposite of `stack_layers`."""
    return unflatten(pair for path, leaf in flatten(params).items() for pair in _split(path, leaf))


def group_layers(params: Params) -> Params:
    """What `stack_layers` stacks, not yet stacked: a list of every layer's leaf in its place."""
    whole, layered = [], {}
    for path, leaf in flatten(params).items():
        if match := _UNSTACKED.fullmatch(path):
            side, index, name = match.groups()
            layered.setdefault(f"{side}/layers/{name}", {})[int(index)] = leaf
        else:
            whole.append((path, leaf))
    return unflatten(whole + [(path, _in_order(path, layers)) for path, layers in layered.items()])


def stack(leaf: Any) -> Any:
    """One leaf of `group_layers` as an array."""
    if not isinstance(leaf, list):
        return leaf
    return np.stack(leaf) if isinstance(leaf[0], np.ndarray) else jnp.stack(leaf)


def transformer_shapes(config: TransformerConfig) -> Shapes:
    """Every parameter's shape by its path in our tree; nothing is allocated."""
    return _split_shapes(find_shapes(transformer, config, scan=True), {"encoder", "decoder"})


def published_shapes(config: TransformerConfig, tree: Params) -> Shapes:
    """The same by the published names, each side stacked unless `tree` has it by layers."""
    by_layer = layered_sides(flatten(tree), stacked=False)
    shapes = _split_shapes(find_shapes(transformer, config, scan=True), by_layer)
    return {published_name(path): _swap_last(shape) if _is_kernel(path) else shape for path, shape in shapes.items()}


def vqgan_shapes(config: VQGANConfig) -> Shapes:
    """Every parameter's shape by its path; nothing is allocated."""
    return dict(find_shapes(vqgan, config))


def perceptual_shapes(config: PerceptualConfig) -> Shapes:
    """Every parameter's shape by its path; nothing is allocated."""
    return dict(find_shapes(perceptual, config))


def judge_shapes(config: JudgeConfig) -> Shapes:
    """Every parameter's shape by its path; nothing is allocated."""
    return dict(find_shapes(judge, config))


def nsfw_shapes(config: NsfwConfig) -> Shapes:
    """Every parameter's shape by its path; nothing is allocated."""
    return dict(find_shapes(nsfw, config))


def check_tree(tree: Params, expected: Shapes, source: object) -> None:
    """Refuse a tree that is not exactly the float arrays of `expected`; the error lists it all."""
    found = flatten(tree)
    missing = [f"{path} {shape}" for path, shape in expected.items() if path not in found]
    unexpected = [f"{path} {_describe(leaf)}" for path, leaf in found.items() if path not in expected]
    unlike = [
        f"{path} {_describe(found[path])}, expected {shape}"
        for path, shape in expected.items()
        if path in found and not _fits(found[path], shape)
    ]
    if missing or unexpected or unlike:
        counts = f"{len(missing)} missing, {len(unexpected)} unexpected, {len(unlike)} unlike"
        raise CheckpointError(
            f"{source}: wrong parameters: {counts}"
            + _listing("missing", missing)
            + _listing("unexpected", unexpected)
            + _listing("unlike", unlike),
            hint="use the config.json that was saved with these weights",
        )


def _rename(tree: Params, name: Callable[[str], str]) -> Params:
    """Every leaf under its other name; kernels are stored the other way round there."""
    renamed = ((path, name(path), leaf) for path, leaf in flatten(tree).items())
    return unflatten((new, _flip(leaf) if new != old and _is_kernel(old) else leaf) for old, new, leaf in renamed)


def _ndim(leaf: Any) -> int:
    """The rank of a leaf; what is no array counts as one without axes."""
    return getattr(leaf, "ndim", 0)


def _to_hwio(leaf: Any) -> Any:
    return leaf.transpose(2, 3, 1, 0) if _ndim(leaf) == 4 else leaf


def _is_kernel(path: str) -> bool:
    return path.endswith("/kernel")


def _flip(leaf: Any) -> Any:
    if isinstance(leaf, list):
        return [_flip(layer) for layer in leaf]
    return leaf.swapaxes(-1, -2) if _ndim(leaf) >= 2 else leaf


def _swap_last(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-2], shape[-1], shape[-2])


def _split(path: str, leaf: Any) -> list[tuple[str, Any]]:
    match = _STACKED.fullmatch(path)
    if not match or not _ndim(leaf):
        return [(path, leaf)]
    return [(f"{match[1]}/layers_{index}/{match[2]}", leaf[index]) for index in range(leaf.shape[0])]


def _in_order(path: str, layers: Mapping[int, Any]) -> list[Any]:
    gaps = set(range(max(layers))) - layers.keys()
    if gaps:
        raise CheckpointError(
            f"{path!r}: layer {min(gaps)} of {max(layers) + 1} is missing",
            hint="no layer may be left out",
        )
    return [layers[index] for index in range(len(layers))]


def _split_shapes(stacked: Shapes, sides: set[str]) -> Shapes:
    shapes = {}
    for path, shape in stacked.items():
        match = _STACKED.fullmatch(path)
        if match and match[1] in sides:
            shapes.update({f"{match[1]}/layers_{index}/{match[2]}": shape[1:] for index in range(shape[0])})
        else:
            shapes[path] = shape
    return shapes


def _fits(leaf: Any, shape: tuple[int, ...]) -> bool:
    return hasattr(leaf, "dtype") and leaf.shape == shape and jnp.issubdtype(leaf.dtype, jnp.floating)


def _describe(leaf: Any) -> str:
    return f"{leaf.shape} {leaf.dtype}" if hasattr(leaf, "dtype") else repr(leaf)[:40]


def _listing(kind: str, lines: list[str]) -> str:
    shown = [f"\n  {kind}: {line if len(line) <= 200 else line[:200] + '…'}" for line in lines[:SHOWN]]
    more = len(lines) - SHOWN
    return "".join(shown) + (f"\n  {kind}: ... and {more} more" if more > 0 else "")
