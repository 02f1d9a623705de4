"""Sizes of the text-to-image-token transformer.

The published architecture is the only one built (NormFormer, GLU, LayerNorm, no biases, learned positions): a file that
turns any other research switch of the original on is refused by name.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dalle_mini.config.checks import check_sizes, check_types, known_fields, require
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
_ACTIVATIONS = ("gelu", "gelu_new")


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
        check_types(self, "transformer config")
        check_sizes(self)
        for heads in ("encoder_attention_heads", "decoder_attention_heads"):
            count = getattr(self, heads)
            require(self.d_model % count == 0, heads, count, f"must divide d_model={self.d_model}")
        start = self.decoder_start_token_id
        require(0 <= start <= self.image_vocab_size, "decoder_start_token_id", start, "has no embedding")
        if self.activation_function not in _ACTIVATIONS:
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
        others = {*_PUBLISHED_SWITCHES, *_HARMLESS_SWITCHES}
        refused += [
            f"{name}={on!r}" for name, on in values.items() if name.startswith("use_") and on and name not in others
        ]
        activation = values.get("activation_function", "gelu")
        if activation not in _ACTIVATIONS:
            refused.append(f"activation_function={activation!r}")
        if refused:
            raise ConfigError(
                f"{', '.join(refused)}: not supported",
                hint="only the published architecture is built: NormFormer positions, GLU, LayerNorm, no biases, "
                "learned positions, final norms",
            )
        chosen = known_fields(cls, values)
        image_vocab_size = chosen.get("image_vocab_size", cls.image_vocab_size)
        for name in ("decoder_start_token_id", "bos_token_id", "pad_token_id", "eos_token_id"):
            if chosen.get(name) is None:
                chosen[name] = image_vocab_size
        return cls(**chosen)

    def to_dict(self) -> dict[str, Any]:
        return {"model_type": "dallebart", **dataclasses.asdict(self)}


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
