"""Sizes of a CLIP and its two towers."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dalle_mini.config.checks import check_sizes, check_types, known_fields, require
from dalle_mini.config.residual import ResidualConfig
from dalle_mini.errors import ConfigError

_ACTIVATIONS = ("quick_gelu", "gelu")
_POOLINGS = ("end_token", "highest_token")


@dataclasses.dataclass(frozen=True)
class CLIPTextConfig:
    """Sizes of CLIP's text tower, named as in the published files; the defaults are ViT-B/32's.

    Two fields are ours. `pooling` is the token whose state stands for a text: "end_token", the first `eos_token_id`, or
    "highest_token", the first of the largest id. `normalize_text` reads prompts as the text-to-image transformer does.
    """

    vocab_size: int = 49408
    hidden_size: int = 512
    intermediate_size: int = 2048
    num_hidden_layers: int = 12
    num_attention_heads: int = 8
    max_position_embeddings: int = 77
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5
    eos_token_id: int = 49407
    pooling: str = "end_token"
    normalize_text: bool = False

    def __post_init__(self) -> None:
        _check_tower(self, "CLIP text config")
        require(self.pooling in _POOLINGS, "pooling", self.pooling, f"must be one of {_POOLINGS}")


@dataclasses.dataclass(frozen=True)
class CLIPVisionConfig:
    """Sizes of CLIP's image tower, named as in the published files; the defaults are ViT-B/32's."""

    hidden_size: int = 768
    intermediate_size: int = 3072
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    num_channels: int = 3
    image_size: int = 224
    patch_size: int = 32
    hidden_act: str = "quick_gelu"
    layer_norm_eps: float = 1e-5

    def __post_init__(self) -> None:
        _check_tower(self, "CLIP vision config")
        whole = self.image_size % self.patch_size == 0
        require(whole, "image_size", self.image_size, f"must divide by patch_size={self.patch_size}")
        require(self.num_channels == 3, "num_channels", self.num_channels, "must be 3")


@dataclasses.dataclass(frozen=True)
class CLIPResidualConfig(ResidualConfig):
    """Sizes of an image tower of convolutions, which learns from fewer pictures than one of patches: those of
    `image_size` pixels are cut into squares of `patch_size`; stage i has `depths[i]` residual blocks of `widths[i]`
    channels and works at half the resolution of the one before."""

    image_size: int = 96

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_resolution(self.image_size, "choose another patch_size, or fewer stages")


@dataclasses.dataclass(frozen=True)
class CLIPConfig:
    """Sizes of a CLIP: its two towers, and the width of the space that both project into. The image tower is one of
    patches, as published, or one of convolutions, which is ours."""

    text_config: CLIPTextConfig = dataclasses.field(default_factory=CLIPTextConfig)
    vision_config: CLIPVisionConfig | CLIPResidualConfig = dataclasses.field(default_factory=CLIPVisionConfig)
    projection_dim: int = 512
    logit_scale_init_value: float = 2.6592

    def __post_init__(self) -> None:
        check_types(self, "CLIP config")
        check_sizes(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CLIPConfig":
        """Read the contents of a CLIP's `config.json`; an activation that is not built is a ConfigError."""
        text, vision = (_tower_table(values, name) for name in ("text_config", "vision_config"))
        # Quirk: an eos_token_id of 2 was a mistake of the first published files, which pool at the highest id.
        text = {"pooling": _POOLINGS[text.get("eos_token_id") == 2], **text}
        sizes = known_fields(cls, values)
        sizes["text_config"] = CLIPTextConfig(**known_fields(CLIPTextConfig, text))
        tower = CLIPResidualConfig if "widths" in vision else CLIPVisionConfig
        sizes["vision_config"] = tower(**known_fields(tower, vision))
        return cls(**sizes)

    def to_dict(self) -> dict[str, Any]:
        return {"model_type": "clip", **dataclasses.asdict(self)}


def _tower_table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A tower's sizes in a CLIP's file; where it has them twice, those of the `_dict` count."""
    given = next((values[key] for key in (f"{name}_dict", name) if values.get(key) is not None), {})
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name}={given!r} is not a table of sizes")
    return given


def _check_tower(tower: Any, what: str) -> None:
    """Refuse a tower of a CLIP that can't be built."""
    check_types(tower, what)
    check_sizes(tower)
    width, heads = tower.hidden_size, tower.num_attention_heads
    require(width % heads == 0, "num_attention_heads", heads, f"must divide hidden_size={width}")
    require(tower.hidden_act in _ACTIVATIONS, "hidden_act", tower.hidden_act, f"must be one of {_ACTIVATIONS}")
