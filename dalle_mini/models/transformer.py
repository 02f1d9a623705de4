"""The text-to-image-token transformer: a BART-style encoder and decoder in the published shape.

BART (Lewis et al. 2019, arXiv 1910.13461) with NormFormer's norms (Shleifer et al. 2021, arXiv 2110.09456), gated feed
forward (Shazeer 2020, arXiv 2002.05202), learned positions and no biases. Kernels are stored [out, in], which a CPU
reads half as fast again in skinny products. Numbers are computed in the kernels' dtype; norms' statistics, softmax
and logits in float32. Caches are explicit: `decode_step` takes one and returns the next.
"""

import functools
import math
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from dalle_mini.arrays import Array, Bool, Float, Int32, Key, Params
from dalle_mini.config import TransformerConfig
from dalle_mini.int8 import Int8Kernel, attend_past
from dalle_mini.models.attention import KeyValue, attend, attend_shares
from dalle_mini.models.placement import divide_rows

_ACTIVATIONS: dict[str, Callable] = {
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
    "gelu_new": functools.partial(jax.nn.gelu, approximate=True),
}
INIT_STD = 0.02


class Linear(nn.Module):
    """A product with a kernel stored [out, in], without bias; the kernel's weights may be of eight bits."""

    in_dim: int
    out_dim: int

    def setup(self):
        init = nn.initializers.normal(INIT_STD)
        stored = self.get_variable("params", "kernel")
        is_int8 = isinstance(stored, Int8Kernel)
        self.kernel = stored if is_int8 else self.param("kernel", init, (self.out_dim, self.in_dim))

    def __call__(self, x: Float[Array, "*batch in_dim"]) -> Float[Array, "*batch out_dim"]:
        if isinstance(self.kernel, Int8Kernel):
            return self.kernel.multiply(x)
        return jnp.einsum("...i,oi->...o", x.astype(self.kernel.dtype), self.kernel)


# Quirk: no scale on norms that feed a product; its kernel absorbs it.
_feeding_norm = functools.partial(nn.LayerNorm, epsilon=1e-5, use_scale=False)
_norm = functools.partial(nn.LayerNorm, epsilon=1e-5)


class Attention(nn.Module):
    d_model: int
    num_heads: int

    def setup(self):
        self.query = Linear(self.d_model, self.d_model)
        self.key = Linear(self.d_model, self.d_model)
        self.value = Linear(self.d_model, self.d_model)
        self.out = Linear(self.d_model, self.d_model)

    def project(self, states: Float[Array, "batch source d_model"]) -> KeyValue:
        """Keys and values of the positions in `states`."""
        return KeyValue(self._split(self.key(states)), self._split(self.value(states)))

    def __call__(
        self,
        states: Float[Array, "rows query d_model"],
        source: KeyValue,
        mask: Bool[Array, "*texts #batch 1 #query source"],
        shares: Float[Array, "images texts"] | None = None,
    ) -> Float[Array, "rows query d_model"]:
        """Attend from `states`; where rows outnumber the source's, each source serves a run of consecutive rows.

        With `shares`, `source` and `mask` are stacked, and each image of a run takes its share of every one.
        """
        batch = source.key.shape[-4]
        query = self._split(self.query(states).reshape(batch, -1, self.d_model))
        if shares is None:
            attended = attend(query, source, mask)
        else:
            attended = attend_shares(query, source, mask, shares)
        return self.out(attended.swapaxes(1, 2).reshape(states.shape))

    def look_back(
        self, states: Float[Array, "rows 1 d_model"], past: KeyValue, position: Int32[Array, ""]
    ) -> Float[Array, "rows 1 d_model"]:
        """Attend from one new position to all up to it."""
        query = self._split(self.query(states))
        if isinstance(self.query.kernel, Int8Kernel):
            attended = attend_past(query, *past, position)
        else:
            attended = attend(query, past, (jnp.arange(past.key.shape[2]) <= position)[None, None, None, :])
        return self.out(attended.reshape(states.shape))

    def _split(self, states):
        return states.reshape(*states.shape[:2], self.num_heads, -1).swapaxes(1, 2)


class FeedForward(nn.Module):
    """Gated feed-forward block with NormFormer's inner norm."""

    d_model: int
    ffn_dim: int
    activation: str
    dropout: float

    def setup(self):
        self.pre_norm = _feeding_norm()
        self.gate = Linear(self.d_model, self.ffn_dim)
        self.value = Linear(self.d_model, self.ffn_dim)
        self.mid_norm = _feeding_norm()
        self.out = Linear(self.ffn_dim, self.d_model)
        self.drop = nn.Dropout(self.dropout, deterministic=self.dropout == 0)

    def __call__(self, hidden):
        hidden = self.pre_norm(hidden)
        gated = _ACTIVATIONS[self.activation](self.gate(hidden)) * self.value(hidden)
        return self.drop(self.out(self.mid_norm(gated)))


class SelfAttention(nn.Module):
    """Attention of a sequence to itself between NormFormer's two norms."""

    d_model: int
    num_heads: int
    dropout: float

    def setup(self):
        self.pre_norm = _feeding_norm()
        self.attention = Attention(self.d_model, self.num_heads)
        self.post_norm = _norm()
        self.drop = nn.Dropout(self.dropout, deterministic=self.dropout == 0)

    def __call__(self, hidden, mask):
        normed = self.pre_norm(hidden)
        return self.drop(self.post_norm(self.attention(normed, self.attention.project(normed), mask)))

    def step(self, hidden, cache: KeyValue, position):
        """The same for one new position, whose key and value are written into `cache`."""
        normed = self.pre_norm(hidden)
        new = self.attention.project(normed)
        write = functools.partial(jax.lax.dynamic_update_slice_in_dim, start_index=position, axis=2)
        cache = jax.tree.map(write, cache, new)
        return self.post_norm(self.attention.look_back(normed, cache, position)), cache


class CrossAttention(nn.Module):
    """Attention to the encoder's states, whose keys and values are projected once a prompt."""

    d_model: int
    num_heads: int
    dropout: float

    def setup(self):
        self.pre_norm = _feeding_norm()
        self.attention = Attention(self.d_model, self.num_heads)
        self.post_norm = _norm()
        self.drop = nn.Dropout(self.dropout, deterministic=self.dropout == 0)

    def project(self, states):
        return self.attention.project(states)

    def __call__(self, hidden, source: KeyValue, mask, shares=None):
        return self.drop(self.post_norm(self.attention(self.pre_norm(hidden), source, mask, shares)))


class EncoderLayer(nn.Module):
    config: TransformerConfig
    dropout: float

    def setup(self):
        c = self.config
        self.self_attention = SelfAttention(c.d_model, c.encoder_attention_heads, self.dropout)
        self.feed_forward = FeedForward(c.d_model, c.encoder_ffn_dim, c.activation_function, self.dropout)

    def __call__(self, hidden, mask):
        hidden = hidden + self.self_attention(hidden, mask)
        return divide_rows(hidden + self.feed_forward(hidden)), None


class DecoderLayer(nn.Module):
    config: TransformerConfig
    dropout: float

    def setup(self):
        c = self.config
        self.self_attention = SelfAttention(c.d_model, c.decoder_attention_heads, self.dropout)
        self.cross_attention = CrossAttention(c.d_model, c.decoder_attention_heads, self.dropout)
        self.feed_forward = FeedForward(c.d_model, c.decoder_ffn_dim, c.activation_function, self.dropout)

    def project_cross(self, states):
        return self.cross_attention.project(states)

    def __call__(self, hidden, mask, states, cross_mask):
        hidden = hidden + self.self_attention(hidden, mask)
        hidden = hidden + self.cross_attention(hidden, self.project_cross(states), cross_mask)
        return divide_rows(hidden + self.feed_forward(hidden)), None

    def step(self, hidden, cache: KeyValue, cross: KeyValue, cross_mask, shares, position):
        attended, cache = self.self_attention.step(hidden, cache, position)
        hidden = hidden + attended
        hidden = hidden + self.cross_attention(hidden, cross, cross_mask, shares)
        return hidden + self.feed_forward(hidden), cache


class Embedding(nn.Module):
    """Tokens plus learned positions, then a norm."""

    config: TransformerConfig
    vocab_size: int
    length: int
    dropout: float

    def setup(self):
        init = nn.initializers.normal(INIT_STD)
        self.token_embedding = self.param("token_embedding", init, (self.vocab_size, self.config.d_model))
        self.position_embedding = self.param("position_embedding", init, (self.length, self.config.d_model))
        self.norm = _norm()
        self.drop = nn.Dropout(self.dropout, deterministic=self.dropout == 0)

    def __call__(self, tokens: Int32[Array, "batch length"], start=0) -> Float[Array, "batch length d_model"]:
        positions = jax.lax.dynamic_slice_in_dim(self.position_embedding, start, tokens.shape[1])
        # Quirk: tokens and positions are added in the dtype that they are stored in, even where the rest is wider.
        embedded = self.token_embedding[tokens]
        if self.config.scale_embedding:
            embedded = embedded * jnp.asarray(math.sqrt(self.config.d_model), embedded.dtype)
        return divide_rows(self.drop(self.norm(embedded + positions)))


def _build_layers(
    layer: type[nn.Module], config: TransformerConfig, count: int, dropout: float, scan: bool, remat: bool
):
    """`count` layers one by one, or one scanned layer with stacked parameters (shorter compiles, for training)."""
    if remat:
        layer = nn.remat(layer, prevent_cse=not scan)
    if not scan:
        return [layer(config, dropout) for _ in range(count)]
    scanned = nn.scan(
        layer,
        variable_axes={"params": 0},
        split_rngs={"params": True, "dropout": True},
        in_axes=nn.broadcast,
        length=count,
    )
    return scanned(config, dropout)


def _run_layers(layers, hidden, *inputs):
    if isinstance(layers, nn.Module):
        return layers(hidden, *inputs)[0]
    for layer in layers:
        hidden, _ = layer(hidden, *inputs)
    return hidden


class Encoder(nn.Module):
    config: TransformerConfig
    dropout: float
    scan: bool
    remat: bool

    def setup(self):
        c = self.config
        self.embedding = Embedding(c, c.encoder_vocab_size, c.max_text_length, self.dropout)
        self.layers = _build_layers(EncoderLayer, c, c.encoder_layers, self.dropout, self.scan, self.remat)
        self.final_norm = _feeding_norm()

    def __call__(self, tokens, mask):
        hidden = self.embedding(tokens)
        return self.final_norm(_run_layers(self.layers, hidden, mask[:, None, None, :]))


class Decoder(nn.Module):
    config: TransformerConfig
    dropout: float
    scan: bool
    remat: bool

    def setup(self):
        c = self.config
        self.embedding = Embedding(c, c.decoder_vocab_size, c.image_length, self.dropout)
        self.layers = _build_layers(DecoderLayer, c, c.decoder_layers, self.dropout, self.scan, self.remat)
        self.final_norm = _feeding_norm()
        self.head = Linear(c.d_model, c.decoder_vocab_size)

    def __call__(self, tokens, states, mask):
        hidden = self.embedding(tokens)
        causal = jnp.tril(jnp.ones((tokens.shape[1], tokens.shape[1]), bool))[None, None]
        hidden = _run_layers(self.layers, hidden, causal, states, mask[:, None, None, :])
        return divide_rows(self.head(self.final_norm(hidden)).astype(jnp.float32))

    def project_cross(self, states):
        return tuple(layer.project_cross(states) for layer in self.layers)

    def step(self, tokens, position, caches, cross, mask, shares):
        hidden = self.embedding(tokens[:, None], position)
        updated = []
        for layer, cache, source in zip(self.layers, caches, cross, strict=True):
            hidden, cache = layer.step(hidden, cache, source, mask[..., None, None, :], shares, position)
            updated.append(cache)
        return self.head(self.final_norm(hidden))[:, 0].astype(jnp.float32), tuple(updated)


class Transformer(nn.Module):
    """Encoder and decoder. For training: `scan` stacks the layers' parameters, `remat` computes each layer's insides
    again for its gradient instead of keeping them, `dropout` needs a "dropout" stream."""

    config: TransformerConfig
    dropout: float = 0.0
    scan: bool = False
    remat: bool = False

    def setup(self):
        self.encoder = Encoder(self.config, self.dropout, self.scan, self.remat)
        self.decoder = Decoder(self.config, self.dropout, self.scan, self.remat)

    def __call__(self, text_tokens, text_mask, decoder_tokens):
        return self.decoder(decoder_tokens, self.encoder(text_tokens, text_mask), text_mask)

    def encode(self, tokens, mask):
        return self.encoder(tokens, mask)

    def decode(self, tokens, states, mask):
        return self.decoder(tokens, states, mask)

    def project_cross(self, states):
        return self.decoder.project_cross(states)

    def step(self, tokens, position, caches, cross, mask, shares):
        return self.decoder.step(tokens, position, caches, cross, mask, shares)


def init(key: Key[Array, ""], config: TransformerConfig, *, scan: bool = False) -> Params:
    """Fresh float32 parameters."""
    text = jnp.zeros((1, config.max_text_length), jnp.int32)
    image = jnp.zeros((1, config.image_length), jnp.int32)
    return Transformer(config, scan=scan).init(key, text, text > -1, image)["params"]


def encode(
    params: Params,
    config: TransformerConfig,
    tokens: Int32[Array, "batch text"],
    mask: Bool[Array, "batch text"],
) -> Float[Array, "batch text d_model"]:
    """The encoder's states after its final norm; `mask` is True on real tokens."""
    return Transformer(config).apply({"params": params}, tokens, mask, method="encode")


def decode(
    params: Params,
    config: TransformerConfig,
    tokens: Int32[Array, "batch image"],
    states: Float[Array, "batch text d_model"],
    mask: Bool[Array, "batch text"],
) -> Float[Array, "batch image vocab"]:
    """Teacher-forced logits; `tokens` are the image tokens shifted right behind the start token."""
    return Transformer(config).apply({"params": params}, tokens, states, mask, method="decode")


def project_cross(
    params: Params, config: TransformerConfig, states: Float[Array, "batch text d_model"]
) -> tuple[KeyValue, ...]:
    """Every decoder layer's keys and values of the encoder's states: once a prompt, not once a token."""
    return Transformer(config).apply({"params": params}, states, method="project_cross")


def empty_cache(config: TransformerConfig, rows: int, dtype: jnp.dtype) -> tuple[KeyValue, ...]:
    """Room for every decoder layer's keys and values of all image positions."""
    heads = config.decoder_attention_heads
    shape = (rows, heads, config.image_length, config.d_model // heads)
    return tuple(KeyValue(jnp.zeros(shape, dtype), jnp.zeros(shape, dtype)) for _ in range(config.decoder_layers))


def decode_step(
    params: Params,
    config: TransformerConfig,
    tokens: Int32[Array, "rows"],
    position: Int32[Array, ""],
    caches: tuple[KeyValue, ...],
    cross: tuple[KeyValue, ...],
    mask: Bool[Array, "*texts batch text"],
    shares: Float[Array, "images texts"] | None = None,
) -> tuple[Float[Array, "rows vocab"], tuple[KeyValue, ...]]:
    """Logits of the token at `position`, given the one before it, and the caches with this position added.

    Rows may outnumber the prompts in `cross` and `mask`: each prompt serves a run of consecutive rows. With `shares`,
    several of both are stacked, and each image takes its share of what every one has it attend to.
    """
    return Transformer(config).apply({"params": params}, tokens, position, caches, cross, mask, shares, method="step")


def shift_right(labels: Int32[Array, "batch image"], config: TransformerConfig) -> Int32[Array, "batch image"]:
    """What the decoder reads when it should predict `labels`: the start token, then all but the last."""
    return jnp.pad(labels[:, :-1], ((0, 0), (1, 0)), constant_values=config.decoder_start_token_id)
