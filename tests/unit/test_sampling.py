"""Guidance, filters and draws, against what they mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dalle_mini import sampling
from dalle_mini.config import UNKNOWN, GenerationConfig, TransformerConfig
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


def draw_images(params, settings, seeds, *, chunk=16, guided=True, codebook_size=24, given=None, source=None):
    source = source or sampling.read(params, CONFIG, text(1), text(0) if guided else None)
    given = np.full(16, UNKNOWN, np.int32) if given is None else given
    state = sampling.start(CONFIG, source, sampling.image_keys(seeds), jnp.tile(given, (len(seeds), 1)))
    for _ in range(16 // chunk):
        state = sampling.advance(params, CONFIG, source, state, settings, steps=chunk, codebook_size=codebook_size)
    return np.asarray(state.tokens)


def draws(logits, **settings: float) -> np.ndarray:
    """Many draws from one row of logits."""
    config = GenerationConfig.from_dict({"top_k": 0, **settings})
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


def test_given_tokens_are_taken_and_the_others_follow_from_them(params):
    """Greedy, every token that was not given is the argmax after all those before it, given ones too."""
    scale, settings = 3.0, GenerationConfig(guidance_scale=3.0, top_k=1)
    given = np.where(np.arange(16) % 3 == 1, np.arange(16) + 4, UNKNOWN).astype(np.int32)
    tokens = draw_images(params, settings, [1], given=given, chunk=4)
    kept = given != UNKNOWN
    assert (tokens[0, kept] == given[kept]).all()
    logits = []
    for row in (text(1), text(0)):
        states = transformer.encode(params, CONFIG, row.tokens, row.mask)
        shifted = transformer.shift_right(jnp.asarray(tokens), CONFIG)
        logits.append(transformer.decode(params, CONFIG, shifted, states, row.mask))
    guided = np.asarray(logits[1] + scale * (logits[0] - logits[1]))
    assert (tokens[0, ~kept] == guided[0, ~kept, :24].argmax(-1)).all()


def test_what_was_drawn_is_drawn_again_around_given_tokens(params):
    """Keys count positions, so taking over what would have been drawn anyway changes nothing."""
    settings = GenerationConfig(guidance_scale=3.0)
    whole = draw_images(params, settings, [5])
    given = np.where(np.arange(16) % 2 == 0, whole[0], UNKNOWN).astype(np.int32)
    assert (draw_images(params, settings, [5], given=given) == whole).all()
    assert (draw_images(params, settings, [6], given=whole[0]) == whole).all()


def read_prompts(params, rows: list[int]) -> list[sampling.Source]:
    return [sampling.read(params, CONFIG, text(row), text(0)) for row in rows]


def test_images_of_several_prompts_are_each_what_their_prompt_draws_alone(params):
    settings, seeds = GenerationConfig(guidance_scale=3.0), [5, 6, 7]
    sources = read_prompts(params, [1, 9, 17])
    mixed = draw_images(params, settings, seeds, source=sampling.mix(sources, jnp.eye(3)))
    alone = [draw_images(params, settings, seeds, source=source) for source in sources]
    assert all((mixed[place] == alone[place][place]).all() for place in range(3))
    assert (alone[0][1] != alone[1][1]).any()


def test_shares_lie_between_two_prompts(params):
    """The logits move from one prompt's to the other's, and are those of neither in the middle."""
    sources = read_prompts(params, [1, 9])

    def logits_at(source):
        state = sampling.start(CONFIG, source, sampling.image_keys([1] * 5), jnp.full((5, 16), UNKNOWN, jnp.int32))
        rows = jnp.full(10, CONFIG.decoder_start_token_id, jnp.int32)
        position = jnp.int32(0)
        caches, cross, mask = state.caches, source.cross, source.mask
        logits, _ = transformer.decode_step(params, CONFIG, rows, position, caches, cross, mask, source.shares)
        return np.asarray(logits[:5])

    shares = jnp.linspace(0, 1, 5)
    between = logits_at(sampling.mix(sources, jnp.stack([1 - shares, shares], axis=1)))
    first, last = (logits_at(source)[0] for source in sources)
    assert (between[0] == first).all() and (between[4] == last).all()
    distances = np.linalg.norm(between - first, axis=1)
    assert (np.diff(distances) > 0).all() and np.linalg.norm(between[2] - last) > 0


def test_guidance_leads_away_from_another_prompt(params):
    """Against itself a prompt is guided nowhere; without weight, what is guided away from is drawn."""
    strong = GenerationConfig(guidance_scale=7.0)
    itself = sampling.read(params, CONFIG, text(1), text(1))
    unguided = draw_images(params, GenerationConfig(guidance_scale=1.0), [3], guided=False)
    assert (draw_images(params, strong, [3], source=itself) == unguided).all()
    against = sampling.read(params, CONFIG, text(1), text(9))
    alone = sampling.read(params, CONFIG, text(9), text(0))
    drawn = draw_images(params, GenerationConfig(guidance_scale=0.0), [3], source=against)
    assert (drawn == draw_images(params, GenerationConfig(guidance_scale=1.0), [3], source=alone)).all()


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
