"""CLIP: a text tower and an image tower whose embeddings can be compared (Radford et al. 2021, arXiv 2103.00020).

The published shape, section 2.4: pre-norm transformers, causal over the text, a class token before the patches of a
picture, projections without bias. Kernels are stored [out, in], the patches' [out, channels, height, width]. Numbers
are computed in the kernels' dtype; norms' statistics, softmax and embeddings in float32. Left out: pictures of another
size than the tower's, whose positions would have to be interpolated.

An image tower may be of convolutions instead, as those of the paper's ResNets, but pooled by means and maxima.
"""

import functools
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp

from dalle_mini.arrays import Array, Bool, Float, Int32, Key, Params
from dalle_mini.config import CLIPConfig, CLIPResidualConfig, CLIPTextConfig, CLIPVisionConfig
from dalle_mini.models.attention import KeyValue, attend
from dalle_mini.models.placement import divide_rows
from dalle_mini.models.residual import build_stages, look
from dalle_mini.models.transformer import INIT_STD, Linear

MAX_SCALE = 100.0
"""The largest factor that logits may be scaled by (section 2.5)."""
PIXEL_MEAN = (0.48145466, 0.4578275, 0.40821073)
PIXEL_DEVIATION = (0.26862954, 0.26130258, 0.27577711)

_ACTIVATIONS: dict[str, Callable] = {
    "quick_gelu": lambda x: x * jax.nn.sigmoid(1.702 * x),
    "gelu": functools.partial(jax.nn.gelu, approximate=False),
}


class Affine(nn.Module):
    """A product with a kernel stored [out, in], and a bias."""

    in_dim: int
    out_dim: int

    def setup(self):
        init = nn.initializers.variance_scaling(1.0, "fan_in", "normal", in_axis=1, out_axis=0)
        self.kernel = self.param("kernel", init, (self.out_dim, self.in_dim))
        self.bias = self.param("bias", nn.initializers.zeros, (self.out_dim,))

    def __call__(self, x: Float[Array, "*batch in_dim"]) -> Float[Array, "*batch out_dim"]:
        return jnp.einsum("...i,oi->...o", x.astype(self.kernel.dtype), self.kernel) + self.bias


class Attention(nn.Module):
    width: int
    num_heads: int

    def setup(self):
        self.query = Affine(self.width, self.width)
        self.key = Affine(self.width, self.width)
        self.value = Affine(self.width, self.width)
        self.out = Affine(self.width, self.width)

    def __call__(
        self, states: Float[Array, "batch length width"], mask: Bool[Array, "1 1 length length"]
    ) -> Float[Array, "batch length width"]:
        query, key, value = (self._split(project(states)) for project in (self.query, self.key, self.value))
        attended = attend(query, KeyValue(key, value), mask)
        return self.out(attended.swapaxes(1, 2).reshape(states.shape))

    def _split(self, states):
        return states.reshape(*states.shape[:2], self.num_heads, -1).swapaxes(1, 2)


class FeedForward(nn.Module):
    width: int
    hidden_dim: int
    activation: str

    def setup(self):
        self.hidden = Affine(self.width, self.hidden_dim)
        self.out = Affine(self.hidden_dim, self.width)

    def __call__(self, states):
        return self.out(_ACTIVATIONS[self.activation](self.hidden(states)))


class Layer(nn.Module):
    """Attention and feed forward, each behind a norm and beside a way past it."""

    config: CLIPTextConfig | CLIPVisionConfig

    def setup(self):
        c = self.config
        self.attention_norm = nn.LayerNorm(epsilon=c.layer_norm_eps)
        self.attention = Attention(c.hidden_size, c.num_attention_heads)
        self.feed_forward_norm = nn.LayerNorm(epsilon=c.layer_norm_eps)
        self.feed_forward = FeedForward(c.hidden_size, c.intermediate_size, c.hidden_act)

    def __call__(self, states, mask):
        states = states + self.attention(self.attention_norm(states), mask)
        return divide_rows(states + self.feed_forward(self.feed_forward_norm(states)))


class TextTower(nn.Module):
    config: CLIPTextConfig
    projection_dim: int

    def setup(self):
        c = self.config
        init = nn.initializers.normal(INIT_STD)
        self.token_embedding = self.param("token_embedding", init, (c.vocab_size, c.hidden_size))
        self.position_embedding = self.param("position_embedding", init, (c.max_position_embeddings, c.hidden_size))
        self.layers = [Layer(c) for _ in range(c.num_hidden_layers)]
        self.final_norm = nn.LayerNorm(epsilon=c.layer_norm_eps)
        self.projection = Linear(c.hidden_size, self.projection_dim)

    def __call__(self, tokens):
        length = tokens.shape[1]
        states = self.token_embedding[tokens] + self.position_embedding[:length]
        # The padding needs no mask of its own: it comes last, and nothing looks ahead.
        causal = jnp.tril(jnp.ones((length, length), bool))[None, None]
        for layer in self.layers:
            states = layer(states, causal)
        standing_for = tokens if self.config.pooling == "highest_token" else tokens == self.config.eos_token_id
        pooled = states[jnp.arange(len(tokens)), standing_for.argmax(axis=1)]
        return self.projection(self.final_norm(pooled))


class PatchEmbedding(nn.Module):
    """Squares of pixels as vectors, row by row: a convolution without overlap, as one product."""

    config: CLIPVisionConfig

    def setup(self):
        c = self.config
        shape = (c.hidden_size, c.num_channels, c.patch_size, c.patch_size)
        self.kernel = self.param("kernel", nn.initializers.normal(INIT_STD), shape)

    def __call__(self, pixels):
        batch, height, width, channels = pixels.shape
        size = self.config.patch_size
        cells = pixels.reshape(batch, height // size, size, width // size, size, channels)
        patches = jnp.einsum("brpsqc,ocpq->brso", cells.astype(self.kernel.dtype), self.kernel)
        return patches.reshape(batch, -1, self.config.hidden_size)


class ImageTower(nn.Module):
    config: CLIPVisionConfig
    projection_dim: int

    def setup(self):
        c = self.config
        init = nn.initializers.normal(INIT_STD)
        positions = (c.image_size // c.patch_size) ** 2 + 1
        self.patch_embedding = PatchEmbedding(c)
        self.class_embedding = self.param("class_embedding", init, (c.hidden_size,))
        self.position_embedding = self.param("position_embedding", init, (positions, c.hidden_size))
        self.pre_norm = nn.LayerNorm(epsilon=c.layer_norm_eps)
        self.layers = [Layer(c) for _ in range(c.num_hidden_layers)]
        self.final_norm = nn.LayerNorm(epsilon=c.layer_norm_eps)
        self.projection = Linear(c.hidden_size, self.projection_dim)

    def __call__(self, pixels):
        pixels = (pixels - jnp.asarray(PIXEL_MEAN)) / jnp.asarray(PIXEL_DEVIATION)
        patches = self.patch_embedding(pixels)
        first = jnp.broadcast_to(self.class_embedding, (len(pixels), 1, self.config.hidden_size))
        states = self.pre_norm(jnp.concatenate([first, patches], axis=1) + self.position_embedding)
        everywhere = jnp.ones((1, 1, states.shape[1], states.shape[1]), bool)
        for layer in self.layers:
            states = layer(states, everywhere)
        return self.projection(self.final_norm(states[:, 0]))


class ResidualTower(nn.Module):
    config: CLIPResidualConfig
    projection_dim: int

    def setup(self):
        self.stage = build_stages(self.config)
        self.projection = Linear(self.config.num_features, self.projection_dim)

    def __call__(self, pixels):
        return self.projection(look(self.stage, pixels.astype(self.projection.kernel.dtype)))


class CLIP(nn.Module):
    config: CLIPConfig

    def setup(self):
        c = self.config
        self.text = TextTower(c.text_config, c.projection_dim)
        tower = ResidualTower if isinstance(c.vision_config, CLIPResidualConfig) else ImageTower
        self.image = tower(c.vision_config, c.projection_dim)
        self.logit_scale = self.param("logit_scale", nn.initializers.constant(c.logit_scale_init_value), ())

    def embed_text(self, tokens):
        return _to_unit(self.text(tokens))

    def embed_images(self, pixels):
        return _to_unit(self.image(pixels))

    def __call__(self, tokens, pixels):
        return self.embed_text(tokens), self.embed_images(pixels), jnp.exp(self.logit_scale)


def _to_unit(vectors):
    vectors = vectors.astype(jnp.float32)
    return vectors / jnp.linalg.norm(vectors, axis=-1, keepdims=True)


def init(key: Key[Array, ""], config: CLIPConfig) -> Params:
    """Fresh float32 parameters."""
    size = config.vision_config.image_size
    tokens = jnp.zeros((1, config.text_config.max_position_embeddings), jnp.int32)
    return CLIP(config).init(key, tokens, jnp.zeros((1, size, size, 3)))["params"]


def embed_text(
    params: Params, config: CLIPConfig, tokens: Int32[Array, "batch text"]
) -> Float[Array, "batch projection"]:
    """Embeddings of length 1; rows of `tokens` have their padding at the end."""
    return CLIP(config).apply({"params": params}, tokens, method="embed_text")


def embed_images(
    params: Params, config: CLIPConfig, pixels: Float[Array, "batch height width channels"]
) -> Float[Array, "batch projection"]:
    """Embeddings of length 1; `pixels` in [0, 1], at the tower's own size."""
    return CLIP(config).apply({"params": params}, pixels, method="embed_images")
