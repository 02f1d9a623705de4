"""A CLIP's parameters under the published names: flax's, torch's, and ours.

Torch stores its kernels the way we do. Flax has them the other way round, and the patches' as [height, width, channels,
out]. One table names a parameter, and the other direction follows from the parameters that a config calls for. What our
towers of convolutions are made of was never published, and keeps its own names and axes.
"""

import dataclasses
import re
from collections.abc import Callable, Mapping

from dalle_mini.arrays import Params
from dalle_mini.checkpoints.layout import check_tree, flatten, unflatten
from dalle_mini.checkpoints.shapes import Shapes, find_shapes
from dalle_mini.config import CLIPConfig
from dalle_mini.models import clip

_TOWER_NAMES = {
    "text/token_embedding": "text_model/embeddings/token_embedding/embedding",
    "text/position_embedding": "text_model/embeddings/position_embedding/embedding",
    "text/final_norm": "text_model/final_layer_norm",
    "text/projection": "text_projection",
    "image/class_embedding": "vision_model/embeddings/class_embedding",
    "image/patch_embedding": "vision_model/embeddings/patch_embedding",
    "image/position_embedding": "vision_model/embeddings/position_embedding/embedding",
    "image/pre_norm": "vision_model/pre_layrnorm",  # spelled so in every published file
    "image/final_norm": "vision_model/post_layernorm",
    "image/projection": "visual_projection",
    "logit_scale": "logit_scale",
}
_LAYER_NAMES = {
    "attention_norm": "layer_norm1",
    "attention/query": "self_attn/q_proj",
    "attention/key": "self_attn/k_proj",
    "attention/value": "self_attn/v_proj",
    "attention/out": "self_attn/out_proj",
    "feed_forward_norm": "layer_norm2",
    "feed_forward/hidden": "mlp/fc1",
    "feed_forward/out": "mlp/fc2",
}
_SIDES = {"text": "text_model", "image": "vision_model"}
_LAYER = re.compile(r"(text|image)/layers_(\d+)/(.+)/(\w+)")


@dataclasses.dataclass(frozen=True)
class Naming:
    """What a published file calls our parameters; `axes` puts a kernel of ours, by rank, into its order."""

    name: Callable[[str], str]
    axes: Mapping[int, tuple[int, ...]]

    def shapes(self, config: CLIPConfig) -> Shapes:
        """Every parameter's shape by its name there."""
        return {
            self.name(path): tuple(shape[axis] for axis in self._axes(path, len(shape)))
            for path, shape in clip_shapes(config).items()
        }

    def adopt(self, tree: Params, config: CLIPConfig, source: object) -> Params:
        """Our tree of one that is named so; CheckpointError where it is not exactly what `config` calls for."""
        # Old torch files count positions: a buffer that is no parameter.
        found = {name: leaf for name, leaf in flatten(tree).items() if not name.endswith("position_ids")}
        check_tree(unflatten(found.items()), self.shapes(config), source)
        ours = ((path, found[self.name(path)]) for path in clip_shapes(config))
        return unflatten((path, leaf.transpose(_inverse(self._axes(path, leaf.ndim)))) for path, leaf in ours)

    def rename(self, params: Params) -> Params:
        """The published tree of ours."""
        leaves = flatten(params).items()
        return unflatten((self.name(path), leaf.transpose(self._axes(path, leaf.ndim))) for path, leaf in leaves)

    def _axes(self, path: str, rank: int) -> tuple[int, ...]:
        kept = tuple(range(rank))
        return self.axes.get(rank, kept) if path.endswith("/kernel") and not _is_convolution(path) else kept


def flax_name(path: str) -> str:
    """What transformers' Flax CLIP calls a parameter of ours."""
    if match := _LAYER.fullmatch(path):
        side, index, module, leaf = match.groups()
        return f"{_SIDES[side]}/encoder/layers/{index}/{_LAYER_NAMES[module]}/{leaf}"
    if _is_convolution(path):
        return path.replace("image", _SIDES["image"], 1)
    if path in _TOWER_NAMES:
        return _TOWER_NAMES[path]
    module, _, leaf = path.rpartition("/")
    return f"{_TOWER_NAMES[module]}/{leaf}"


def _is_convolution(path: str) -> bool:
    return path.startswith("image/stage_")


def torch_name(path: str) -> str:
    """What the torch CLIP calls a parameter of ours."""
    return re.sub(r"\.(kernel|scale|embedding)$", ".weight", flax_name(path).replace("/", "."))


FLAX = Naming(flax_name, {2: (1, 0), 4: (2, 3, 1, 0)})
TORCH = Naming(torch_name, {})


def clip_shapes(config: CLIPConfig) -> Shapes:
    """Every parameter's shape by its path in our tree; nothing is allocated."""
    return dict(find_shapes(clip, config))


def is_flax(tree: Params) -> bool:
    """Whether a CLIP's tree has the names of transformers' Flax models."""
    return "text_model" in tree or "vision_model" in tree


def _inverse(axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(axes.index(axis) for axis in range(len(axes)))
