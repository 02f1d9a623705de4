"""What parameters are called: ours, the published transformer's, and the torch VQGAN's.

Ours are those that the models give (`encoder/layers_0/self_attention/attention/query/kernel`); the
flax VQGAN's are the published ones already. One table renames the rest, both ways. A name that no
table knows stays as it is, to be reported.
"""

import re
from collections.abc import Iterable, Mapping

_SIDE_NAMES = {
    "embedding/token_embedding": "embed_tokens/embedding",
    "embedding/position_embedding": "embed_positions/embedding",
    "embedding/norm": "layernorm_embedding",
    "final_norm": "final_ln",
}
_LAYER_NAMES = {
    "self_attention/pre_norm": "LayerNorm_0",
    "self_attention/attention/query": "FlaxBartAttention_0/q_proj",
    "self_attention/attention/key": "FlaxBartAttention_0/k_proj",
    "self_attention/attention/value": "FlaxBartAttention_0/v_proj",
    "self_attention/attention/out": "FlaxBartAttention_0/out_proj",
    "self_attention/post_norm": "LayerNorm_1",
    "cross_attention/pre_norm": "LayerNorm_2",
    "cross_attention/attention/query": "FlaxBartAttention_1/q_proj",
    "cross_attention/attention/key": "FlaxBartAttention_1/k_proj",
    "cross_attention/attention/value": "FlaxBartAttention_1/v_proj",
    "cross_attention/attention/out": "FlaxBartAttention_1/out_proj",
    "cross_attention/post_norm": "LayerNorm_3",
    "feed_forward/pre_norm": "GLU_0/LayerNorm_0",
    "feed_forward/gate": "GLU_0/Dense_0",
    "feed_forward/value": "GLU_0/Dense_1",
    "feed_forward/mid_norm": "GLU_0/LayerNorm_1",
    "feed_forward/out": "GLU_0/Dense_2",
}
_OUR_SIDE_NAMES = {theirs: ours for ours, theirs in _SIDE_NAMES.items()}
_OUR_LAYER_NAMES = {theirs: ours for ours, theirs in _LAYER_NAMES.items()}
_OUR_HEAD, _PUBLISHED_HEAD = "decoder/head/kernel", "lm_head/kernel"

INDEX = r"(?:0|[1-9]\d*)"
_OURS = re.compile(rf"(encoder|decoder)/(?:layers(|_{INDEX})/)?(.+)")
_PUBLISHED = re.compile(rf"model/(?:(encoder)|decoder)/(?:layers/FlaxBart(?(1)Encoder|Decoder)Layer(s|_{INDEX})/)?(.+)")


def our_name(path: str) -> str:
    """The path in our tree of a published parameter."""
    if path == _PUBLISHED_HEAD:
        return _OUR_HEAD
    match = _PUBLISHED.fullmatch(path)
    if not match:
        return path
    encoder, layer, rest = match.groups()
    known = _translate(rest, _OUR_SIDE_NAMES if layer is None else _OUR_LAYER_NAMES)
    folder = "" if layer is None else "layers/" if layer == "s" else f"layers{layer}/"
    return f"{encoder or 'decoder'}/{folder}{known}" if known else path


def published_name(path: str) -> str:
    """The published path of a parameter in our tree."""
    if path == _OUR_HEAD:
        return _PUBLISHED_HEAD
    match = _OURS.fullmatch(path)
    if not match:
        return path
    side, layer, rest = match.groups()
    known = _translate(rest, _SIDE_NAMES if layer is None else _LAYER_NAMES)
    folder = "" if layer is None else f"layers/FlaxBart{side.title()}Layer{layer or 's'}/"
    return f"model/{side}/{folder}{known}" if known else path


def layered_sides(paths: Iterable[str], *, stacked: bool) -> set[str]:
    """The sides of which `paths`, ours or published, name layers: stacked ones, or single ones."""
    matches = (_OURS.fullmatch(our_name(path)) for path in paths)
    return {match[1] for match in matches if match and match[2] is not None and stacked != bool(match[2])}


def flax_name(name: str, ndim: int) -> str:
    """`decoder.up.0.block.1.norm1.weight` is `decoder/up_0/block_1/norm1/scale` in flax."""
    module, _, leaf = re.sub(r"\.(\d+)(?=\.)", r"_\1", name).replace(".", "/").rpartition("/")
    weight = {1: "scale", 2: "embedding", 4: "kernel"}.get(ndim, "weight")
    return f"{module}/{weight if leaf == 'weight' else leaf}"


def _translate(name: str, names: Mapping[str, str]) -> str | None:
    """`name`, or else its module, in the other naming."""
    module, _, leaf = name.rpartition("/")
    return names.get(name) or (f"{names[module]}/{leaf}" if module in names else None)
