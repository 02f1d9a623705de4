"""The VQGAN that turns pictures into tokens and back (Esser et al. 2020, arXiv 2012.09841).

Module names are the published parameter tree, so its files load without a rename. Pixels are NHWC in [0, 1] and
kernels HWIO. Norms keep float32 statistics. Left out: double-width latents and temporal embeddings.
"""

import functools
import itertools
import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from dalle_mini.arrays import Array, Float, Int32, Key, Params
from dalle_mini.config import VQGANConfig

_conv3 = functools.partial(nn.Conv, kernel_size=(3, 3), padding=1)
_conv1 = functools.partial(nn.Conv, kernel_size=(1, 1))
_norm = functools.partial(nn.GroupNorm, epsilon=1e-6)
# Branches start near nothing, so that a fresh network begins almost linear and learns colors at once.
_small = nn.initializers.variance_scaling(0.01, "fan_in", "truncated_normal")


class ResnetBlock(nn.Module):
    in_channels: int
    out_channels: int
    groups: int

    def setup(self):
        self.norm1 = _norm(self.groups)
        self.conv1 = _conv3(self.out_channels)
        self.norm2 = _norm(self.groups)
        self.conv2 = _conv3(self.out_channels, kernel_init=_small)
        if self.in_channels != self.out_channels:
            self.nin_shortcut = _conv1(self.out_channels)

    def __call__(self, x):
        hidden = self.conv1(nn.swish(self.norm1(x)))
        hidden = self.conv2(nn.swish(self.norm2(hidden)))
        shortcut = x if self.in_channels == self.out_channels else self.nin_shortcut(x)
        return shortcut + hidden


class AttentionBlock(nn.Module):
    channels: int
    groups: int

    def setup(self):
        self.norm = _norm(self.groups)
        self.q = _conv1(self.channels)
        self.k = _conv1(self.channels)
        self.v = _conv1(self.channels)
        self.proj_out = _conv1(self.channels, kernel_init=_small)

    def __call__(self, x):
        batch, height, width, channels = x.shape
        normed = self.norm(x)
        query, key, value = (
            project(normed).reshape(batch, height * width, channels) for project in (self.q, self.k, self.v)
        )
        logits = jnp.einsum("bqc,bsc->bqs", query, key).astype(jnp.float32) / math.sqrt(channels)
        weights = jax.nn.softmax(logits).astype(value.dtype)
        attended = jnp.einsum("bqs,bsc->bqc", weights, value)
        return x + self.proj_out(attended.reshape(x.shape))


class Downsample(nn.Module):
    channels: int
    with_conv: bool

    def setup(self):
        if self.with_conv:
            self.conv = nn.Conv(self.channels, kernel_size=(3, 3), strides=(2, 2), padding=((0, 1), (0, 1)))

    def __call__(self, x):
        return self.conv(x) if self.with_conv else nn.avg_pool(x, (2, 2), (2, 2))


class DoublingConv(nn.Module):
    """A 3 × 3 convolution of a picture of twice the size, every pixel of which stands four times.

    Where pixels repeat, so do products: each of the four pixels that one becomes needs 2 × 2 products of summed kernels
    in place of 3 × 3, and the larger picture is never made.
    """

    channels: int

    def setup(self):
        init = nn.initializers.lecun_normal()
        self.kernel = self.param("kernel", init, (3, 3, self.channels, self.channels))
        self.bias = self.param("bias", nn.initializers.zeros_init(), (self.channels,))

    def __call__(self, x):
        batch, height, width, channels = x.shape
        # To [row, column, in, row phase, column phase, out].
        kernel = _fold(_fold(self.kernel, 0), 2).transpose(1, 3, 4, 0, 2, 5)
        folded = jax.lax.conv_general_dilated(
            x.astype(kernel.dtype),
            kernel.reshape(2, 2, channels, 4 * channels),
            window_strides=(1, 1),
            padding=((1, 1), (1, 1)),
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
        ).reshape(batch, height + 1, width + 1, 2, 2, channels)
        rows = [
            jnp.stack([folded[:, row : row + height, column : column + width, row, column] for column in (0, 1)], 3)
            for row in (0, 1)
        ]
        return jnp.stack(rows, 2).reshape(batch, 2 * height, 2 * width, channels) + self.bias


def _fold(kernel, axis: int):
    """Three taps along an axis as two phases of two taps each, in its place: over doubled pixels some taps coincide."""
    first, middle, last = jnp.moveaxis(kernel, axis, 0)
    phases = jnp.stack([jnp.stack([first, middle + last]), jnp.stack([first + middle, last])])
    return jnp.moveaxis(phases, (0, 1), (axis, axis + 1))


class Upsample(nn.Module):
    channels: int
    with_conv: bool

    def setup(self):
        if self.with_conv:
            self.conv = DoublingConv(self.channels)

    def __call__(self, x):
        return self.conv(x) if self.with_conv else x.repeat(2, axis=1).repeat(2, axis=2)


class Level(nn.Module):
    """The blocks that run at one resolution, followed by the change to the next."""

    in_channels: int
    out_channels: int
    num_blocks: int
    groups: int
    with_attention: bool
    resample: type[nn.Module] | None
    with_conv: bool

    def setup(self):
        widths = [self.in_channels] + [self.out_channels] * self.num_blocks
        self.block = [ResnetBlock(*pair, self.groups) for pair in itertools.pairwise(widths)]
        self.attn = [AttentionBlock(self.out_channels, self.groups) for _ in self.block if self.with_attention]
        if self.resample is Downsample:
            self.downsample = Downsample(self.out_channels, self.with_conv)
        if self.resample is Upsample:
            self.upsample = Upsample(self.out_channels, self.with_conv)

    def __call__(self, x):
        for index, block in enumerate(self.block):
            x = block(x)
            if self.with_attention:
                x = self.attn[index](x)
        if self.resample is Downsample:
            return self.downsample(x)
        return self.upsample(x) if self.resample is Upsample else x


class Middle(nn.Module):
    channels: int
    groups: int

    def setup(self):
        self.block_1 = ResnetBlock(self.channels, self.channels, self.groups)
        self.attn_1 = AttentionBlock(self.channels, self.groups)
        self.block_2 = ResnetBlock(self.channels, self.channels, self.groups)

    def __call__(self, x):
        return self.block_2(self.attn_1(self.block_1(x)))


def _resolution_at(config: VQGANConfig, level: int) -> int:
    return config.resolution // config.patch_size // 2**level


class Encoder(nn.Module):
    config: VQGANConfig

    def setup(self):
        c = self.config
        widths = [c.ch] + [c.ch * factor for factor in c.ch_mult]
        last = len(c.ch_mult) - 1
        self.conv_in = _conv3(c.ch)
        self.down = [
            Level(
                widths[i],
                widths[i + 1],
                c.num_res_blocks,
                c.norm_groups,
                _resolution_at(c, i) in c.attn_resolutions,
                Downsample if i < last else None,
                c.resamp_with_conv,
            )
            for i in range(last + 1)
        ]
        self.mid = Middle(widths[-1], c.norm_groups)
        self.norm_out = _norm(c.norm_groups)
        self.conv_out = _conv3(c.z_channels)

    def __call__(self, pixels):
        hidden = self.conv_in(_to_patches(pixels, self.config.patch_size))
        for level in self.down:
            hidden = level(hidden)
        return self.conv_out(nn.swish(self.norm_out(self.mid(hidden))))


class Decoder(nn.Module):
    config: VQGANConfig

    def setup(self):
        c = self.config
        widths = [c.ch * factor for factor in c.ch_mult]
        widths.append(widths[-1])
        self.conv_in = _conv3(widths[-1])
        self.mid = Middle(widths[-1], c.norm_groups)
        self.up = [
            Level(
                widths[i + 1],
                widths[i],
                c.num_res_blocks + 1,
                c.norm_groups,
                _resolution_at(c, i) in c.attn_resolutions,
                Upsample if i > 0 else None,
                c.resamp_with_conv,
            )
            for i in range(len(c.ch_mult))
        ]
        self.norm_out = _norm(c.norm_groups)
        self.conv_out = _conv3(c.out_ch * c.patch_size**2)

    def __call__(self, latents):
        hidden = self.mid(self.conv_in(latents))
        for level in reversed(self.up):
            hidden = level(hidden)
        return _to_pixels(self.conv_out(nn.swish(self.norm_out(hidden))), self.config.patch_size)


def _to_patches(pixels, size: int):
    if size == 1:
        return pixels
    batch, height, width, channels = pixels.shape
    cells = pixels.reshape(batch, height // size, size, width // size, size, channels)
    return cells.swapaxes(2, 3).reshape(batch, height // size, width // size, size * size * channels)


def _to_pixels(patches, size: int):
    if size == 1:
        return patches
    batch, height, width, channels = patches.shape
    cells = patches.reshape(batch, height, width, size, size, channels // size**2)
    return cells.swapaxes(2, 3).reshape(batch, height * size, width * size, channels // size**2)


class Quantizer(nn.Module):
    """The codebook."""

    config: VQGANConfig

    def setup(self):
        bound = 1.0 / self.config.n_embed
        init = nn.initializers.uniform(2 * bound)
        self.embedding = nn.Embed(
            self.config.n_embed,
            self.config.embed_dim,
            embedding_init=lambda key, shape, dtype: init(key, shape, dtype) - bound,
        )

    def nearest(self, latents):
        """Index of the nearest row for every latent vector; the first of equals."""
        codebook = self.embedding.embedding.astype(jnp.float32)
        latents = latents.astype(jnp.float32)
        distances = (
            jnp.sum(latents**2, axis=-1, keepdims=True)
            + jnp.sum(codebook**2, axis=-1)
            - 2 * jnp.einsum("...e,ce->...c", latents, codebook)
        )
        return jnp.argmin(distances, axis=-1).astype(jnp.int32)

    def __call__(self, tokens):
        return self.embedding(tokens)


class VQGAN(nn.Module):
    config: VQGANConfig

    def setup(self):
        self.encoder = Encoder(self.config)
        self.decoder = Decoder(self.config.decoder_sizes)
        self.quantize = Quantizer(self.config)
        self.quant_conv = _conv1(self.config.embed_dim)
        self.post_quant_conv = _conv1(self.config.z_channels)

    def encode_latents(self, pixels):
        return self.quant_conv(self.encoder(pixels))

    def nearest(self, latents):
        return self.quantize.nearest(latents)

    def lookup(self, tokens):
        return self.quantize(tokens)

    def decode_latents(self, latents):
        return self.decoder(self.post_quant_conv(latents))

    def __call__(self, pixels):
        return self.decode_latents(self.lookup(self.nearest(self.encode_latents(pixels))))


def init(key: Key[Array, ""], config: VQGANConfig) -> Params:
    """Fresh float32 parameters."""
    size = config.resolution
    return VQGAN(config).init(key, jnp.zeros((1, size, size, config.in_channels)))["params"]


def encode_latents(
    params: Params, config: VQGANConfig, pixels: Float[Array, "batch height width channels"]
) -> Float[Array, "batch rows columns embed_dim"]:
    """Continuous latents, before the codebook; `pixels` in [0, 1]."""
    return VQGAN(config).apply({"params": params}, pixels, method="encode_latents")


def nearest_tokens(
    params: Params, config: VQGANConfig, latents: Float[Array, "batch rows columns embed_dim"]
) -> Int32[Array, "batch rows columns"]:
    """The codebook row nearest to each latent vector, in float32; the first of equals."""
    return VQGAN(config).apply({"params": params}, latents, method="nearest")


def lookup(params: Params, config: VQGANConfig, tokens: Int32[Array, "*cells"]) -> Float[Array, "*cells embed_dim"]:
    """The codebook rows of `tokens`."""
    return VQGAN(config).apply({"params": params}, tokens, method="lookup")


def decode_latents(
    params: Params, config: VQGANConfig, latents: Float[Array, "batch rows columns embed_dim"]
) -> Float[Array, "batch height width channels"]:
    """Pixels of (quantized) latents, meant for [0, 1] but not clipped."""
    return VQGAN(config).apply({"params": params}, latents, method="decode_latents")


def encode(
    params: Params, config: VQGANConfig, pixels: Float[Array, "batch height width channels"]
) -> Int32[Array, "batch image"]:
    """Image tokens, row by row."""
    tokens = nearest_tokens(params, config, encode_latents(params, config, pixels))
    return tokens.reshape(tokens.shape[0], -1)


def decode(
    params: Params, config: VQGANConfig, tokens: Int32[Array, "batch image"]
) -> Float[Array, "batch height width channels"]:
    """Pixels of a square number of image tokens, not clipped.

    A token outside the codebook turns the whole picture into NaN, as in the original.
    """
    side = math.isqrt(tokens.shape[1])
    return decode_latents(params, config, lookup(params, config, tokens.reshape(-1, side, side)))
