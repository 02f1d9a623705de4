"""The kinds of model that a folder may hold: how each is recognized, checked and written."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import clip_layout, layout
from dalle_mini.checkpoints.config_file import CONFIG, read_config
from dalle_mini.checkpoints.folder import read_tree
from dalle_mini.config import CLIPConfig, PerceptualConfig, TransformerConfig, VQGANConfig
from dalle_mini.config.judge import JudgeConfig
from dalle_mini.config.nsfw import NsfwConfig
from dalle_mini.errors import CheckpointError, ConfigError


@dataclasses.dataclass(frozen=True)
class Kind:
    """`naming` tells whose names a tree has ("ours", "published" or "torch"); `adopt` checks a tree as read and gives
    it our names; `formats` are the trees to write."""

    name: str
    model_type: str
    config: Any
    telling_fields: frozenset[str]
    naming: Callable[[Params], str]
    adopt: Callable[[Params, Any, object], Params]
    formats: Mapping[str, Callable[[Params], Params]]


def _adopt_transformer(tree: Params, config: TransformerConfig, source: object) -> Params:
    if layout.is_published(tree):
        layout.check_tree(tree, layout.published_shapes(config, tree), source)
        return layout.from_published(tree)
    params = layout.unstack_layers(tree)
    layout.check_tree(params, layout.transformer_shapes(config), source)
    return params


def _adopt_vqgan(tree: Params, config: VQGANConfig, source: object) -> Params:
    params = layout.from_torch_vqgan(tree) if layout.is_torch(tree) else tree
    layout.check_tree(params, layout.vqgan_shapes(config), source)
    return params


def _adopt_perceptual(tree: Params, config: PerceptualConfig, source: object) -> Params:
    layout.check_tree(tree, layout.perceptual_shapes(config), source)
    return tree


def _adopt_judge(tree: Params, config: JudgeConfig, source: object) -> Params:
    layout.check_tree(tree, layout.judge_shapes(config), source)
    return tree


def _adopt_nsfw(tree: Params, config: NsfwConfig, source: object) -> Params:
    layout.check_tree(tree, layout.nsfw_shapes(config), source)
    return tree


def _name_clip(tree: Params) -> str:
    return "torch" if layout.is_torch(tree) else "published" if clip_layout.is_flax(tree) else "ours"


def _adopt_clip(tree: Params, config: CLIPConfig, source: object) -> Params:
    naming = {"torch": clip_layout.TORCH, "published": clip_layout.FLAX}.get(_name_clip(tree))
    if naming:
        return naming.adopt(tree, config, source)
    layout.check_tree(tree, clip_layout.clip_shapes(config), source)
    return tree


TRANSFORMER = Kind(
    name="transformer",
    model_type="dallebart",
    config=TransformerConfig,
    telling_fields=frozenset({"d_model", "image_vocab_size"}),
    naming=lambda tree: "published" if layout.is_published(tree) else "ours",
    adopt=_adopt_transformer,
    formats={
        "safetensors": lambda params: params,
        "msgpack-scanned": layout.group_published,
        "msgpack": lambda params: layout.to_published(params, scan=False),
    },
)
VQGAN = Kind(
    name="VQGAN",
    model_type="vqgan",
    config=VQGANConfig,
    telling_fields=frozenset({"ch_mult", "n_embed"}),
    naming=lambda tree: "torch" if layout.is_torch(tree) else "ours",
    adopt=_adopt_vqgan,
    formats={"safetensors": lambda params: params, "msgpack": lambda params: params},
)
PERCEPTUAL = Kind(
    name="perceptual network",
    model_type="perceptual",
    config=PerceptualConfig,
    telling_fields=frozenset({"widths", "num_words"}),
    naming=lambda tree: "ours",
    adopt=_adopt_perceptual,
    formats={"safetensors": lambda params: params},
)
CLIP = Kind(
    name="CLIP",
    model_type="clip",
    config=CLIPConfig,
    telling_fields=frozenset({"text_config", "vision_config"}),
    naming=_name_clip,
    adopt=_adopt_clip,
    formats={
        "safetensors": lambda params: params,
        "safetensors-torch": clip_layout.TORCH.rename,
        "msgpack": clip_layout.FLAX.rename,
    },
)
JUDGE = Kind(
    name="judge",
    model_type="judge",
    config=JudgeConfig,
    telling_fields=frozenset({"network", "fields"}),
    naming=lambda tree: "ours",
    adopt=_adopt_judge,
    formats={"safetensors": lambda params: params},
)
NSFW = Kind(
    name="NSFW network",
    model_type="nsfw",
    config=NsfwConfig,
    telling_fields=frozenset({"stem_width", "depths"}),
    naming=lambda tree: "ours",
    adopt=_adopt_nsfw,
    formats={"safetensors": lambda params: params},
)
_KINDS = (TRANSFORMER, VQGAN, PERCEPTUAL, CLIP, JUDGE, NSFW)


def kind_of(values: Mapping[str, Any], source: object) -> Kind:
    """The kind that a `config.json` describes, by its fields where it names no `model_type`."""
    named = values.get("model_type")
    for kind in _KINDS:
        if named == kind.model_type or (not named and kind.telling_fields <= values.keys()):
            return kind
    what = f"describes a {named!r}" if named else "describes no known model"
    hint = "expected model_type 'dallebart', 'perceptual', 'clip', 'judge' or 'nsfw', or a VQGAN's sizes"
    raise CheckpointError(f"{source} {what}", hint=hint)


def read_kind(directory: str | Path) -> tuple[Kind, Any]:
    """Which kind of model a folder holds, and its config."""
    source = Path(directory) / CONFIG
    values = read_config(directory)
    kind = kind_of(values, source)
    try:
        return kind, kind.config.from_dict(values)
    except ConfigError as error:
        raise ConfigError(f"{source}: {error}", hint=error.hint) from error


def open_model(directory: str | Path, kind: Kind) -> tuple[Any, Params]:
    """Config and parameters of a folder of this `kind`: our names, checked, views of the file."""
    found, config = read_kind(directory)
    if found is not kind:
        raise CheckpointError(
            f"{directory} holds a {found.name}, not a {kind.name}",
            hint=f"give the {kind.name}'s folder",
        )
    tree, _ = read_tree(directory)
    return config, kind.adopt(tree, config, directory)
