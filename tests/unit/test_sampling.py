"""Guidance, filters and draws, against what they mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dalle_mini import sampling
from dalle_mini.config import GenerationConfig, TransformerConfig
from dalle_mini.models import transformer

CONFIG = TransformerConfig(
    encoder_vocab_size=50,
    image_vocab_size=24,
    max_text_length=8,
    image_length=16,
    d_model=32,
    encoder_layers=1,
    decoder_layers=2,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=48,
    decoder_ffn_dim=48,
    decoder_start_token_id=24,
    bos_token_id=24,
    pad_token_id=24,
    eos_token_id=24,
)


@pytest.fixture(scope="module")
def params():
    return jax.tree.map(lambda leaf: leaf * 4 if leaf.ndim == 2 else leaf, transformer.init(jax.random.key(0), CONFIG))


def text(row: int) -> sampling.Text:
    tokens = jnp.arange(8, dtype=jnp.int32)[None] + row
    return sampling.Text(tokens, jnp.arange(8)[None] < 6)


def draw_images(params, settings, seeds, *, chunk=16, guided=True, codebook_size=24):
    state = sampling.start(params, CONFIG, text(1), text(0) if guided else None, sampling.image_keys(seeds))
    for _ in range(16 // chunk):
        state = sampling.advance(params, CONFIG, state, settings, steps=chunk, codebook_size=codebook_size)
    return np.asarray(state.tokens)


def draws(logits, **settings) -> np.ndarray:
    """Many draws from one row of logits."""
    config = GenerationConfig(**{"top_k": 0, **settings})
    keys = sampling.image_keys(list(range(4000)))
    rows = jnp.tile(jnp.asarray(logits, jnp.float32), (4000, 1))
    return np.asarray(sampling.draw(keys, rows, sampling.Filters.from_config(config), rows.shape[1]))


def test_chunks_do_not_change_the_drawing(params):
    settings = GenerationConfig(guidance_scale=3.0)
    whole = draw_images(params, settings, [5, 6])
    assert (draw_images(params, settings, [5, 6], chunk=4) == whole).all()


def test_a_picture_depends_on_its_own_seed(params):
    settings = GenerationConfig(guidance_scale=2.0)
    first = draw_images(params, settings, [5, 6, 7])
    second = draw_images(params, settings, [9, 6, 5])
    assert (first[1] == second[1]).all() and (first[0] == second[2]).all()
    assert (first[0] != first[1]).any()


def test_drawing_follows_the_logits_step_by_step(params):
    """top_k=1 is greedy: every token is the argmax of the guided teacher-forced logits before it."""
    scale = 4.0
    tokens = jnp.asarray(draw_images(params, GenerationConfig(guidance_scale=scale, top_k=1), [1]))
    logits = []
    for row in (text(1), text(0)):
        states = transformer.encode(params, CONFIG, row.tokens, row.mask)
        logits.append(transformer.decode(params, CONFIG, transformer.shift_right(tokens, CONFIG), states, row.mask))
    guided = logits[1] + scale * (logits[0] - logits[1])
    assert (tokens == guided[:, :, :24].argmax(-1)).all()


def test_guidance_of_one_is_no_guidance(params):
    settings = GenerationConfig(guidance_scale=1.0, top_k=4)
    assert (draw_images(params, settings, [3]) == draw_images(params, settings, [3], guided=False)).all()


def test_tokens_outside_the_codebook_are_never_drawn(params):
    settings = GenerationConfig(guidance_scale=0.0, temperature=100.0, top_k=0)
    tokens = draw_images(params, settings, list(range(40)), codebook_size=5)
    assert set(np.unique(tokens)) == {0, 1, 2, 3, 4}


def test_draws_have_the_probabilities_of_the_softmax():
    logits = np.log([0.5, 0.3, 0.15, 0.05])
    shares = np.bincount(draws(logits), minlength=4) / 4000
    assert np.abs(shares - [0.5, 0.3, 0.15, 0.05]).max() < 0.03


def test_temperature_sharpens_and_flattens():
    logits = np.log([0.6, 0.4])
    assert (draws(logits, temperature=0.05) == 0).mean() > 0.98
    assert abs((draws(logits, temperature=50.0) == 0).mean() - 0.5) < 0.03


def test_top_k_keeps_exactly_k_even_among_equals():
    assert set(draws([1.0, 1.0, 1.0, 1.0], top_k=2)) == {0, 1}


def test_top_p_keeps_the_one_that_crosses_and_at_least_one():
    logits = np.log([0.5, 0.3, 0.15, 0.05])
    assert set(draws(logits, top_p=0.6)) == {0, 1}
    assert set(draws(logits, top_p=0.001)) == {0}


def test_top_p_counts_after_top_k():
    logits = np.log([0.4, 0.3, 0.2, 0.1])
    # Among the best two, 0.4 is 57 %, so 0.5 is reached by the first alone.
    assert set(draws(logits, top_k=2, top_p=0.5)) == {0}


def test_few_sorted_logits_draw_as_all_of_them():
    random = np.random.default_rng(0)
    logits = jnp.asarray(random.normal(size=(50, 1000)), jnp.float32)
    keys = sampling.image_keys(list(range(50)))
    filters = sampling.Filters.from_config(GenerationConfig(top_k=100, top_p=0.9))
    assert (sampling.draw(keys, logits, filters, 256) == sampling.draw(keys, logits, filters, 1000)).all()
