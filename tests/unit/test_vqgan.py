"""The VQGAN against plain NumPy, and what holds for it whatever its weights are."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest

from dalle_mini.arrays import Params
from dalle_mini.config import VQGANConfig
from dalle_mini.models import vqgan

SMALL = VQGANConfig(
    ch=32,
    ch_mult=(1, 2),
    num_res_blocks=1,
    attn_resolutions=(4,),
    resolution=8,
    z_channels=6,
    embed_dim=5,
    n_embed=11,
)
OTHERS = {
    "attention everywhere": {"attn_resolutions": (8, 4), "num_res_blocks": 2},
    "plain resampling": {"resamp_with_conv": False, "ch_mult": (2, 1), "norm_groups": 4},
    "patches": {"patch_size": 2, "resolution": 16, "attn_resolutions": (8,)},
    "one level": {"ch_mult": (1,), "patch_size": 4, "resolution": 8, "attn_resolutions": ()},
    "a decoder of its own": {"ch_mult": (1,), "patch_size": 4, "decoder_ch_mult": (1, 2), "decoder_patch_size": 2},
}

LIMIT = 1e-4
"""Largest difference of float32 from float64: norms over a handful of numbers magnify rounding."""

encode_latents = jax.jit(vqgan.encode_latents, static_argnums=1)
decode = jax.jit(vqgan.decode, static_argnums=1)
variants = pytest.mark.parametrize("changes", [{}, *OTHERS.values()], ids=["small", *OTHERS])


def draw_params(config: VQGANConfig) -> Params:
    """Norm scales around 1, and biases that are not 0."""
    rng = np.random.default_rng(0)

    def draw(path, leaf):
        name = path[-1].key
        mean = 1.0 if name == "scale" else 0.0
        spread = np.prod(leaf.shape[:-1]) ** -0.5 if name == "kernel" else 0.3
        return jnp.asarray(rng.normal(mean, spread, leaf.shape), jnp.float32)

    shapes = jax.eval_shape(lambda: vqgan.init(jax.random.key(0), config))
    return jax.tree_util.tree_map_with_path(draw, shapes)


def draw_tokens(config: VQGANConfig, cells: int, rows: int = 2) -> jax.Array:
    tokens = np.random.default_rng(1).integers(0, config.n_embed, (rows, cells), np.int32)
    return jnp.asarray(tokens)


def draw_pixels(config: VQGANConfig, rows: int = 2) -> jax.Array:
    shape = (rows, config.resolution, config.resolution, config.in_channels)
    return jnp.asarray(np.random.default_rng(2).random(shape, np.float32))


@variants
def test_decoder_equals_plain_numpy(changes: dict) -> None:
    config = dataclasses.replace(SMALL, **changes)
    params = draw_params(config)
    tokens = draw_tokens(config, config.image_length)
    pixels = decode(params, config, tokens)
    assert pixels.shape == (2, config.resolution, config.resolution, config.out_ch)
    for row, ours in zip(np.asarray(tokens), pixels, strict=True):
        plain = oracle.pixels_of_tokens(params, config, row)
        np.testing.assert_allclose(ours, plain, rtol=0, atol=LIMIT)


@variants
def test_encoder_equals_plain_numpy(changes: dict) -> None:
    config = dataclasses.replace(SMALL, **changes)
    params = draw_params(config)
    pixels = draw_pixels(config)
    latents = encode_latents(params, config, pixels)
    for picture, ours in zip(np.asarray(pixels), latents, strict=True):
        plain = oracle.latents_of_pixels(params, config, picture)
        np.testing.assert_allclose(ours, plain, rtol=0, atol=LIMIT)


def test_every_codebook_row_is_nearest_to_itself() -> None:
    params = draw_params(SMALL)
    tokens = jnp.arange(SMALL.n_embed, dtype=jnp.int32)
    rows = vqgan.lookup(params, SMALL, tokens)
    found = vqgan.nearest_tokens(params, SMALL, rows[None, None])
    np.testing.assert_array_equal(found[0, 0], tokens)


def test_first_of_equal_codebook_rows_is_chosen() -> None:
    params = draw_params(SMALL)
    codebook = params["quantize"]["embedding"]["embedding"]
    params["quantize"]["embedding"]["embedding"] = codebook.at[7].set(codebook[3])
    found = vqgan.nearest_tokens(params, SMALL, codebook[3][None, None, None])
    assert found.tolist() == [[[3]]]


@pytest.mark.parametrize("patch_size", [1, 4])
def test_tokens_are_cells_row_by_row(patch_size: int) -> None:
    config = dataclasses.replace(SMALL, patch_size=patch_size, resolution=16)
    side = 16 // (2 * patch_size)

    @jax.jit
    def encode(params, pixels):
        latents = vqgan.encode_latents(params, config, pixels)
        return vqgan.encode(params, config, pixels), vqgan.nearest_tokens(params, config, latents)

    params, pixels = draw_params(config), draw_pixels(config)
    tokens, cells = encode(params, pixels)
    assert tokens.shape == (2, side * side) == (2, config.image_length)
    np.testing.assert_array_equal(tokens.reshape(2, side, side), cells)
    assert decode(params, config, tokens).shape == pixels.shape


@pytest.mark.parametrize("side", [1, 2, 3, 7])
def test_any_square_of_tokens_is_drawn(side: int) -> None:
    params = draw_params(SMALL)
    tokens = draw_tokens(SMALL, side * side, rows=1)
    pixels = decode(params, SMALL, tokens)
    plain = oracle.pixels_of_tokens(params, SMALL, np.asarray(tokens[0]))
    np.testing.assert_allclose(pixels[0], plain, rtol=0, atol=LIMIT)


def test_a_token_outside_the_codebook_spoils_its_own_picture_only() -> None:
    params = draw_params(SMALL)
    tokens = draw_tokens(SMALL, SMALL.image_length).at[0, 5].set(SMALL.n_embed)
    pixels = decode(params, SMALL, tokens)
    assert np.isnan(pixels[0]).all()
    assert np.isfinite(pixels[1]).all()
