"""The transformer and the VQGAN once more: plain float64 NumPy over the published parameter trees.

Written from the description of the published files, for one prompt or picture at a time, to compare
our models with. Only the published architecture; no cache, no dropout.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dalle_mini.config import TransformerConfig, VQGANConfig

Tree = Mapping[str, Any]

_erf = np.vectorize(math.erf)


# The transformer: arrays are [positions, d_model].


def encoder_states(tree: Tree, config: TransformerConfig, tokens, mask) -> np.ndarray:
    """States of one prompt; `mask` is True on its real tokens."""
    side = tree["model"]["encoder"]
    hidden = _embed(side, config, tokens)
    for layer in _layers(side, "FlaxBartEncoderLayer", config.encoder_layers):
        normed = _layer_norm(hidden, layer["LayerNorm_0"])
        attended = _attend(layer["FlaxBartAttention_0"], config.encoder_attention_heads, normed, normed, mask[None])
        hidden = hidden + _layer_norm(attended, layer["LayerNorm_1"])
        hidden = hidden + _feed_forward(hidden, layer["GLU_0"], config.activation_function)
    return _layer_norm(hidden, side["final_ln"])


def decoder_logits(tree: Tree, config: TransformerConfig, tokens, states, mask) -> np.ndarray:
    """Logits behind every one of `tokens`, of which the first is the start token."""
    side = tree["model"]["decoder"]
    heads = config.decoder_attention_heads
    causal = np.tri(len(tokens), dtype=bool)
    hidden = _embed(side, config, tokens)
    for layer in _layers(side, "FlaxBartDecoderLayer", config.decoder_layers):
        normed = _layer_norm(hidden, layer["LayerNorm_0"])
        attended = _attend(layer["FlaxBartAttention_0"], heads, normed, normed, causal)
        hidden = hidden + _layer_norm(attended, layer["LayerNorm_1"])
        normed = _layer_norm(hidden, layer["LayerNorm_2"])
        attended = _attend(layer["FlaxBartAttention_1"], heads, normed, states, mask[None])
        hidden = hidden + _layer_norm(attended, layer["LayerNorm_3"])
        hidden = hidden + _feed_forward(hidden, layer["GLU_0"], config.activation_function)
    return _layer_norm(hidden, side["final_ln"]) @ _float64(tree["lm_head"]["kernel"])


def _embed(side: Tree, config: TransformerConfig, tokens) -> np.ndarray:
    words = np.asarray(side["embed_tokens"]["embedding"])[tokens]
    if config.scale_embedding:
        words = words * words.dtype.type(math.sqrt(config.d_model))
    places = np.asarray(side["embed_positions"]["embedding"])[: len(tokens)]
    return _layer_norm(_float64(words + places), side["layernorm_embedding"])


def _layers(side: Tree, name: str, count: int) -> Iterator[Tree]:
    """The layers one by one, whether the file has them so or stacked."""
    for index in range(count):
        if f"{name}s" in side["layers"]:
            yield _pick(side["layers"][f"{name}s"], index)
        else:
            yield side["layers"][f"{name}_{index}"]


def _pick(tree, index: int):
    if isinstance(tree, Mapping):
        return {name: _pick(branch, index) for name, branch in tree.items()}
    return np.asarray(tree)[index]


def _layer_norm(x: np.ndarray, norm: Tree) -> np.ndarray:
    centered = x - x.mean(axis=-1, keepdims=True)
    x = centered / np.sqrt((centered**2).mean(axis=-1, keepdims=True) + 1e-5)
    return x * _float64(norm.get("scale", 1.0)) + _float64(norm["bias"])


def _attend(projections: Tree, heads: int, queries, source, mask) -> np.ndarray:
    def split(name, states):
        projected = states @ _float64(projections[name]["kernel"])
        return np.stack(np.split(projected, heads, axis=-1))

    query, key, value = split("q_proj", queries), split("k_proj", source), split("v_proj", source)
    scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])
    attended = _softmax(np.where(mask, scores, -np.inf)) @ value
    return np.concatenate(list(attended), axis=-1) @ _float64(projections["out_proj"]["kernel"])


def _feed_forward(hidden: np.ndarray, glu: Tree, activation: str) -> np.ndarray:
    normed = _layer_norm(hidden, glu["LayerNorm_0"])
    gate, value = (normed @ _float64(glu[name]["kernel"]) for name in ("Dense_0", "Dense_1"))
    gated = _layer_norm(_ACTIVATIONS[activation](gate) * value, glu["LayerNorm_1"])
    return gated @ _float64(glu["Dense_2"]["kernel"])


def _gelu(x: np.ndarray) -> np.ndarray:
    return x * (1 + _erf(x / math.sqrt(2))) / 2


def _gelu_new(x: np.ndarray) -> np.ndarray:
    return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2


_ACTIVATIONS = {"gelu": _gelu, "gelu_new": _gelu_new}


# The VQGAN: arrays are [height, width, channels].


def latents_of_pixels(tree: Tree, config: VQGANConfig, pixels) -> np.ndarray:
    """What is compared with the codebook."""
    side, levels, groups = tree["encoder"], len(config.ch_mult), config.norm_groups
    hidden = _conv(_squares_to_channels(_float64(pixels), config.patch_size), side["conv_in"])
    for index in range(levels):
        level = side[f"down_{index}"]
        hidden = _run_blocks(hidden, level, config.num_res_blocks, groups)
        if index < levels - 1:
            hidden = _halve(hidden, level)
    hidden = _middle(hidden, side["mid"], groups)
    hidden = _conv(_swish(_group_norm(hidden, side["norm_out"], groups)), side["conv_out"])
    return _conv(hidden, tree["quant_conv"])


def pixels_of_tokens(tree: Tree, config: VQGANConfig, tokens) -> np.ndarray:
    """Unclipped pixels of a square number of tokens."""
    side, width, groups = tree["decoder"], math.isqrt(len(tokens)), config.norm_groups
    levels, patch_size = len(config.decoder_ch_mult or config.ch_mult), config.decoder_patch_size or config.patch_size
    codebook = _float64(tree["quantize"]["embedding"]["embedding"])
    hidden = _conv(codebook[np.reshape(tokens, (width, width))], tree["post_quant_conv"])
    hidden = _middle(_conv(hidden, side["conv_in"]), side["mid"], groups)
    for index in reversed(range(levels)):
        level = side[f"up_{index}"]
        hidden = _run_blocks(hidden, level, config.num_res_blocks + 1, groups)
        if index > 0:
            hidden = np.kron(hidden, np.ones((2, 2, 1)))
            hidden = _conv(hidden, level["upsample"]["conv"]) if "upsample" in level else hidden
    hidden = _conv(_swish(_group_norm(hidden, side["norm_out"], groups)), side["conv_out"])
    return _channels_to_squares(hidden, patch_size)


def _run_blocks(hidden: np.ndarray, level: Tree, count: int, groups: int) -> np.ndarray:
    for index in range(count):
        hidden = _residual(hidden, level[f"block_{index}"], groups)
        if f"attn_{index}" in level:
            hidden = _look_around(hidden, level[f"attn_{index}"], groups)
    return hidden


def _middle(hidden: np.ndarray, middle: Tree, groups: int) -> np.ndarray:
    hidden = _look_around(_residual(hidden, middle["block_1"], groups), middle["attn_1"], groups)
    return _residual(hidden, middle["block_2"], groups)


def _residual(x: np.ndarray, block: Tree, groups: int) -> np.ndarray:
    hidden = _conv(_swish(_group_norm(x, block["norm1"], groups)), block["conv1"])
    hidden = _conv(_swish(_group_norm(hidden, block["norm2"], groups)), block["conv2"])
    return hidden + (_conv(x, block["nin_shortcut"]) if "nin_shortcut" in block else x)


def _look_around(x: np.ndarray, attention: Tree, groups: int) -> np.ndarray:
    normed = _group_norm(x, attention["norm"], groups)
    flat = [_conv(normed, attention[name]).reshape(-1, x.shape[-1]) for name in ("q", "k", "v")]
    weights = _softmax(flat[0] @ flat[1].T / math.sqrt(x.shape[-1]))
    return x + _conv((weights @ flat[2]).reshape(x.shape), attention["proj_out"])


def _halve(hidden: np.ndarray, level: Tree) -> np.ndarray:
    if "downsample" not in level:
        return (hidden[::2, ::2] + hidden[1::2, ::2] + hidden[::2, 1::2] + hidden[1::2, 1::2]) / 4
    padded = np.pad(hidden, ((0, 1), (0, 1), (0, 0)))
    return _slide(padded, level["downsample"]["conv"])[::2, ::2]


def _conv(x: np.ndarray, conv: Tree) -> np.ndarray:
    """A convolution that keeps the size."""
    edge = np.shape(conv["kernel"])[0] // 2
    return _slide(np.pad(x, ((edge, edge), (edge, edge), (0, 0))), conv)


def _slide(x: np.ndarray, conv: Tree) -> np.ndarray:
    kernel = _float64(conv["kernel"])
    windows = sliding_window_view(x, kernel.shape[:2], axis=(0, 1))
    return np.einsum("yxihw,hwio->yxo", windows, kernel, optimize=True) + _float64(conv["bias"])


def _group_norm(x: np.ndarray, norm: Tree, count: int) -> np.ndarray:
    height, width, channels = x.shape
    groups = x.reshape(height * width, count, channels // count)
    centered = groups - groups.mean(axis=(0, 2), keepdims=True)
    groups = centered / np.sqrt((centered**2).mean(axis=(0, 2), keepdims=True) + 1e-6)
    return groups.reshape(x.shape) * _float64(norm["scale"]) + _float64(norm["bias"])


def _squares_to_channels(pixels: np.ndarray, size: int) -> np.ndarray:
    """Every square of `size` x `size` pixels as one cell: its rows, one behind the other."""
    rows, columns = (length // size for length in pixels.shape[:2])
    cells = [
        [pixels[y * size : (y + 1) * size, x * size : (x + 1) * size].ravel() for x in range(columns)]
        for y in range(rows)
    ]
    return np.array(cells)


def _channels_to_squares(cells: np.ndarray, size: int) -> np.ndarray:
    return np.block([[[cell.reshape(size, size, -1)] for cell in row] for row in cells])


def _swish(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))


def _softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _float64(array) -> np.ndarray:
    return np.asarray(array, np.float64)
