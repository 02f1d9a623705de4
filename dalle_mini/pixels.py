"""The VQGAN's side of the program: tokens to pixels, and pictures to the tokens that are drawn on."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image, ImageChops, ImageOps

from dalle_mini.arrays import Array, Int32, Params, UInt8
from dalle_mini.config import UNKNOWN, Canvas, KeptTokens, VQGANConfig
from dalle_mini.models import vqgan
from dalle_mini.provenance import open_upload, read_tokens

_ALIKE = 12
"""Levels of 255 by which a cell may be off, on average, from what tokens look like, to be taken for that."""


@functools.partial(jax.jit, static_argnames="config")
def decode_pixels(
    params: Params, config: VQGANConfig, tokens: Int32[Array, "image"]
) -> UInt8[Array, "height width channels"]:
    """One picture of its tokens; alone, so that it rounds the same whatever is decoded beside it."""
    pixels = vqgan.decode(params, config, tokens[None])[0].astype(jnp.float32)
    # Quirk: values are cut to bytes, not rounded, as the original does.
    return (jnp.clip(pixels, 0, 1) * 255).astype(jnp.uint8)


@functools.partial(jax.jit, static_argnames="config")
def encode_pixels(
    params: Params, config: VQGANConfig, pixels: UInt8[Array, "height width channels"]
) -> Int32[Array, "image"]:
    """The tokens of one picture."""
    return vqgan.encode(params, config, pixels[None].astype(jnp.float32) / 255)[0]


def read_canvas(params: Params, config: VQGANConfig, canvas: Canvas, *, length: int) -> KeptTokens:
    """What stays of a picture to draw on, in tokens of which a picture has `length`.

    A picture that was drawn with this codebook is known by the tokens in its file, if they show what is to be seen; of
    any other, the middle square is read by the VQGAN's encoder. DataError for files that are no pictures, ConfigError
    for what can't be kept.
    """
    if canvas.tokens:
        return canvas.choose(KeptTokens.from_text(canvas.tokens))
    picture = open_upload(canvas.picture)
    told = read_tokens(canvas.picture)
    if told is None or len(told.tokens) != length or not _shows(params, config, told, picture):
        side = math.isqrt(length) * config.downsampling
        pixels = np.asarray(ImageOps.fit(picture, (side, side), Image.Resampling.LANCZOS))
        told = KeptTokens(tuple(map(int, encode_pixels(params, config, jnp.asarray(pixels)))))
    return canvas.choose(told)


def _shows(params: Params, config: VQGANConfig, told: KeptTokens, picture: Image.Image) -> bool:
    """Whether the picture is what the tokens look like everywhere, but for what a watermark does to it."""
    if not all(UNKNOWN < token < config.codebook_size for token in told.tokens):
        return False
    shown = Image.fromarray(np.asarray(decode_pixels(params, config, jnp.asarray(told.tokens, jnp.int32))))
    off = ImageChops.difference(shown.resize(picture.size, Image.Resampling.BICUBIC), picture)
    cells = off.resize((told.side, told.side), Image.Resampling.BOX)
    return int(np.asarray(cells).max()) < _ALIKE
