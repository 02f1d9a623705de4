"""Frozen descriptions of a model and of a drawing; nothing here imports an array library.

The field names of a `config.json` are those of the published files, so one parser reads both. The published
architecture is the only one built (NormFormer, GLU, LayerNorm, no biases, learned positions): a file that turns any
other research switch of the original on is refused by name.
"""

import dataclasses
import difflib
import math
from collections.abc import Mapping
from typing import Any, cast

from dalle_mini.errors import ConfigError

_PUBLISHED_SWITCHES: dict[str, Any] = {
    "ln_positions": "normformer",
    "ln_type": "layernorm",
    "use_glu": True,
    "use_bias": False,
    "force_ln_scale": False,
    "use_head_scale": False,
    "use_cosine_attention": False,
    "use_absolute_position_embeddings": True,
    "use_swin_position_embeddings": False,
    "use_alibi": False,
    "use_deepnet_scaling": False,
    "sinkhorn_iters": 1,
    "use_final_ln_encoder": True,
    "use_final_ln_decoder": True,
    "tie_word_embeddings": False,
}
_HARMLESS_SWITCHES = {"use_cache", "use_scan", "use_subln_init", "use_bfloat16", "use_return_dict"}
ACTIVATIONS = ("gelu", "gelu_new")
CLIP_ACTIVATIONS = ("quick_gelu", "gelu")
CLIP_POOLINGS = ("end_token", "highest_token")
_REPEATS = {"encoder_layers", "decoder_layers", "num_res_blocks", "num_blocks", "num_layers", "num_hidden_layers"}
_MOST_REPEATS, _MOST_LEVELS, _MOST = 100, 16, 2**24


@dataclasses.dataclass(frozen=True)
class TransformerConfig:
    """Sizes of the text-to-image-token transformer; defaults are those of the original's config class.

    The vocabulary of the decoder and of its logits is `image_vocab_size + 1`: the last row is the start token of the
    published mini, though every file names its own `decoder_start_token_id`.
    """

    encoder_vocab_size: int = 50264
    image_vocab_size: int = 16384
    max_text_length: int = 64
    image_length: int = 256
    d_model: int = 1024
    encoder_layers: int = 12
    decoder_layers: int = 12
    encoder_attention_heads: int = 16
    decoder_attention_heads: int = 16
    encoder_ffn_dim: int = 4096
    decoder_ffn_dim: int = 4096
    activation_function: str = "gelu"
    scale_embedding: bool = False
    normalize_text: bool = False
    decoder_start_token_id: int = 16384
    bos_token_id: int = 16384
    pad_token_id: int = 16384
    eos_token_id: int = 16384

    def __post_init__(self) -> None:
        _check_types(self, "transformer config")
        _check_sizes(self)
        for heads in ("encoder_attention_heads", "decoder_attention_heads"):
            count = getattr(self, heads)
            _require(self.d_model % count == 0, heads, count, f"must divide d_model={self.d_model}")
        start = self.decoder_start_token_id
        _require(0 <= start <= self.image_vocab_size, "decoder_start_token_id", start, "has no embedding")
        if self.activation_function not in ACTIVATIONS:
            raise ConfigError(
                f"activation_function={self.activation_function!r} is not supported",
                hint="the published models use 'gelu'",
            )

    @property
    def decoder_vocab_size(self) -> int:
        return self.image_vocab_size + 1

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "TransformerConfig":
        """Read the contents of a `config.json`; every unsupported switch is named in one ConfigError."""
        refused = [
            f"{name}={values[name]!r}"
            for name, published in _PUBLISHED_SWITCHES.items()
            if values.get(name, published) != published
        ]
        known = {*_PUBLISHED_SWITCHES, *_HARMLESS_SWITCHES}
        refused += [
            f"{name}={on!r}" for name, on in values.items() if name.startswith("use_") and on and name not in known
        ]
        activation = values.get("activation_function", "gelu")
        if activation not in ACTIVATIONS:
            refused.append(f"activation_function={activation!r}")
        if refused:
            raise ConfigError(
                f"{', '.join(refused)}: not supported",
                hint="only the published architecture is built: NormFormer positions, GLU, LayerNorm, no biases, "
                "learned positions, final norms",
            )
        chosen = _known(cls, values)
        image_vocab_size = chosen.get("image_vocab_size", cls.image_vocab_size)
        for name in ("decoder_start_token_id", "bos_token_id", "pad_token_id", "eos_token_id"):
            if chosen.get(name) is None:
                chosen[name] = image_vocab_size
        return cls(**chosen)

    def to_dict(self) -> dict[str, Any]:
        return {"model_type": "dallebart", **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True)
class VQGANConfig:
    """Sizes of a VQGAN, named as in the published file; `n_embed` rows of width `embed_dim` form the codebook.

    Two fields are ours, for small models. `patch_size` (1 in every published file): squares of that many pixels become
    channels before the first convolution and pixels again after the last, so that arithmetic is spent on coarse cells.
    `norm_groups` (32 in every published file): with few channels, fewer groups.
    """

    ch: int = 128
    ch_mult: tuple[int, ...] = (1, 1, 2, 2, 4)
    num_res_blocks: int = 2
    attn_resolutions: tuple[int, ...] = (16,)
    resolution: int = 256
    in_channels: int = 3
    out_ch: int = 3
    z_channels: int = 256
    embed_dim: int = 256
    n_embed: int = 16384
    resamp_with_conv: bool = True
    patch_size: int = 1
    norm_groups: int = 32

    def __post_init__(self) -> None:
        for name in ("ch_mult", "attn_resolutions"):
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        _check_types(self, "VQGAN config")
        _check_sizes(self)
        _require(
            1 <= len(self.ch_mult) <= _MOST_LEVELS,
            "ch_mult",
            self.ch_mult,
            f"must have from 1 to {_MOST_LEVELS} levels",
        )
        _require(self.ch % self.norm_groups == 0, "ch", self.ch, f"must divide by norm_groups={self.norm_groups}")
        _require(
            self.resolution % self.downsampling == 0,
            "resolution",
            self.resolution,
            f"must divide by {self.downsampling}",
        )

    @property
    def downsampling(self) -> int:
        """Pixels along one side of a latent cell."""
        return self.patch_size * 2 ** (len(self.ch_mult) - 1)

    @property
    def codebook_size(self) -> int:
        return self.n_embed

    @property
    def image_length(self) -> int:
        """Tokens of a picture at the resolution the VQGAN was trained for."""
        return (self.resolution // self.downsampling) ** 2

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "VQGANConfig":
        """Read the contents of a VQGAN's `config.json`; variants that are not built are refused by name."""
        refused = [f"{name}={values[name]!r}" for name in ("double_z", "give_pre_end") if values.get(name)]
        if refused:
            raise ConfigError(f"{', '.join(refused)}: not supported", hint="use the published VQGAN's layout")
        return cls(**_known(cls, values))

    def to_dict(self) -> dict[str, Any]:
        return {"model_type": "vqgan", "num_resolutions": len(self.ch_mult), **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True)
class PerceptualConfig:
    """Sizes of the network by whose features pictures are compared.

    A stage is `num_blocks` convolutions of one of `widths` channels and works at half the resolution of the one before.
    `num_words` is how many words of captions it was trained to tell.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512)
    num_blocks: int = 2
    num_words: int = 1024

    def __post_init__(self) -> None:
        if isinstance(self.widths, list):
            object.__setattr__(self, "widths", tuple(self.widths))
        _check_types(self, "perceptual config")
        _check_sizes(self)
        _require(1 <= len(self.widths) <= _MOST_LEVELS, "widths", self.widths, f"must be from 1 to {_MOST_LEVELS}")
        _require(max(self.widths) <= _MOST, "widths", self.widths, f"must be at most {_MOST}")

    @property
    def smallest_resolution(self) -> int:
        """Pixels along one side of a picture of which the last stage still sees one cell."""
        return 2 ** (len(self.widths) - 1)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PerceptualConfig":
        """Read the contents of a perceptual network's `config.json`."""
        fields = {field.name for field in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in fields})

    def to_dict(self) -> dict[str, Any]:
        return {"model_type": "perceptual", **dataclasses.asdict(self)}


@dataclasses.dataclass(frozen=True)
class DiscriminatorConfig:
    """Sizes of the discriminator that a VQGAN is trained against; the defaults are those of its paper.

    Each of `num_layers` convolutions halves the resolution and doubles the `ch` channels of the first, up to eightfold.
    """

    ch: int = 64
    num_layers: int = 3
    norm_groups: int = 32

    def __post_init__(self) -> None:
        _check_types(self, "discriminator config")
        _check_sizes(self)
        _require(self.num_layers <= _MOST_LEVELS, "num_layers", self.num_layers, f"must be at most {_MOST_LEVELS}")
        _require(self.ch % self.norm_groups == 0, "ch", self.ch, f"must divide by norm_groups={self.norm_groups}")

    @property
    def smallest_resolution(self) -> int:
        """Pixels along one side of a picture of which one patch can be judged."""
        return 3 * 2**self.num_layers


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
        _require(self.pooling in CLIP_POOLINGS, "pooling", self.pooling, f"must be one of {CLIP_POOLINGS}")


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
        _require(whole, "image_size", self.image_size, f"must divide by patch_size={self.patch_size}")
        _require(self.num_channels == 3, "num_channels", self.num_channels, "must be 3")


@dataclasses.dataclass(frozen=True)
class CLIPConfig:
    """Sizes of a CLIP: its two towers, and the width of the space that both project into."""

    text_config: CLIPTextConfig = dataclasses.field(default_factory=CLIPTextConfig)
    vision_config: CLIPVisionConfig = dataclasses.field(default_factory=CLIPVisionConfig)
    projection_dim: int = 512
    logit_scale_init_value: float = 2.6592

    def __post_init__(self) -> None:
        _check_types(self, "CLIP config")
        _check_sizes(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CLIPConfig":
        """Read the contents of a CLIP's `config.json`; an activation that is not built is a ConfigError."""
        text, vision = (_tower_table(values, name) for name in ("text_config", "vision_config"))
        # Quirk: an eos_token_id of 2 was a mistake of the first published files, which pool at the highest id.
        text = {"pooling": CLIP_POOLINGS[text.get("eos_token_id") == 2], **text}
        sizes = _known(cls, values)
        sizes["text_config"] = CLIPTextConfig(**_known(CLIPTextConfig, text))
        sizes["vision_config"] = CLIPVisionConfig(**_known(CLIPVisionConfig, vision))
        return cls(**sizes)

    def to_dict(self) -> dict[str, Any]:
        return {"model_type": "clip", **dataclasses.asdict(self)}


MAX_IMAGES = 64
MAX_SEED = 2**32 - 1


@dataclasses.dataclass(frozen=True)
class GenerationConfig:
    """How to draw; the defaults are the original's (its notebook guides by 10 and keeps the best 50 tokens).

    `top_k=0` and `top_p=1.0` switch a filter off; `guidance_scale=1.0` draws without guidance, at half the work.
    """

    images: int = 9
    guidance_scale: float = 10.0
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0

    def __post_init__(self) -> None:
        for name in ("guidance_scale", "temperature", "top_p"):
            value = getattr(self, name)
            if isinstance(value, int) and not isinstance(value, bool):
                object.__setattr__(self, name, float(value))
        _check_types(self, "setting")
        _require(1 <= self.images <= MAX_IMAGES, "images", self.images, f"must be from 1 to {MAX_IMAGES}")
        _require(0 <= self.guidance_scale <= 100, "guidance_scale", self.guidance_scale, "must be from 0 to 100")
        _require(0.01 <= self.temperature <= 100, "temperature", self.temperature, "must be from 0.01 to 100")
        _require(0 <= self.top_k <= 2**31 - 1, "top_k", self.top_k, "must be 0 (off) or more")
        _require(0 < self.top_p <= 1, "top_p", self.top_p, "must be above 0 and at most 1 (off)")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GenerationConfig":
        return cls(**check_names(cls, values, "setting"))

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def check_seed(seed: Any) -> int:
    """`seed` as an int, or a ConfigError that says what a seed may be."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ConfigError(f"seed={seed!r} is not a seed", hint=f"a seed is a whole number from 0 to {MAX_SEED}")
    return seed


def check_names(cls: Any, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """`values` as a dict if every name is a field of `cls`; else a ConfigError with the nearest name."""
    names = [field.name for field in dataclasses.fields(cls)]
    for name in values:
        if name not in names:
            raise ConfigError(f"unknown {what} {name!r}", hint=suggest(name, names))
    return dict(values)


def suggest(name: str, known: list[str]) -> str:
    """A hint that offers the nearest of `known`, or all of them where none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


def _tower_table(values: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """A tower's sizes in a CLIP's file; where it has them twice, those of the `_dict` count."""
    given = next((values[key] for key in (f"{name}_dict", name) if values.get(key) is not None), {})
    if not isinstance(given, Mapping):
        raise ConfigError(f"{name}={given!r} is not a table of sizes")
    return given


def _known(cls: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a file's `values` that are fields of `cls`; the others matter to other programs."""
    names = {field.name for field in dataclasses.fields(cls)}
    return {name: value for name, value in values.items() if name in names}


def _check_tower(tower: Any, what: str) -> None:
    """Refuse a tower of a CLIP that can't be built."""
    _check_types(tower, what)
    _check_sizes(tower)
    width, heads = tower.hidden_size, tower.num_attention_heads
    _require(width % heads == 0, "num_attention_heads", heads, f"must divide hidden_size={width}")
    _require(tower.hidden_act in CLIP_ACTIVATIONS, "hidden_act", tower.hidden_act, f"must be one of {CLIP_ACTIVATIONS}")


def _require(holds: bool, name: str, value: Any, rule: str) -> None:
    if not holds:
        raise ConfigError(f"{name}={value!r} {rule}")


def _check_sizes(config: Any) -> None:
    """Refuse sizes that no model has, before anything of that size is laid out."""
    for field in dataclasses.fields(config):
        if field.type is int and not field.name.endswith("_token_id"):
            most = _MOST_REPEATS if field.name in _REPEATS else _MOST
            size = getattr(config, field.name)
            _require(1 <= size <= most, field.name, size, f"must be from 1 to {most}")


def _check_types(config: Any, what: str) -> None:
    """Refuse a value of another type than its field; floats must be finite."""
    for field in dataclasses.fields(config):
        value, kind = getattr(config, field.name), cast(Any, field.type)
        if kind in _WORDS:
            good = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
            good = good and (kind is not float or math.isfinite(value))
        elif dataclasses.is_dataclass(kind):
            good = isinstance(value, kind)
        else:
            good = isinstance(value, tuple) and all(isinstance(item, int) and item >= 1 for item in value)
        if not good:
            raise ConfigError(f"{what} {field.name}={value!r} is not {_describe(kind)}")


def _describe(kind: Any) -> str:
    return (
        f"a {kind.__name__}"
        if dataclasses.is_dataclass(kind)
        else _WORDS.get(kind, "a list of whole numbers from 1 up")
    )


_WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


PRESETS = {
    "mini": TransformerConfig(encoder_ffn_dim=2730, decoder_ffn_dim=2730, normalize_text=True),
    "mega": TransformerConfig(
        encoder_vocab_size=50272,
        image_vocab_size=16415,
        d_model=2048,
        encoder_layers=24,
        decoder_layers=24,
        encoder_attention_heads=32,
        decoder_attention_heads=32,
        normalize_text=True,
        decoder_start_token_id=16415,
        bos_token_id=16415,
        pad_token_id=16415,
        eos_token_id=16415,
    ),
}
"""Published sizes, for measuring and training without a checkpoint."""
