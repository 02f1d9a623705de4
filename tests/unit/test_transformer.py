"""The transformer against plain NumPy, and what holds for it whatever its weights are."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import oracle
import pytest

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import layout
from dalle_mini.config import TransformerConfig
from dalle_mini.models import transformer
from dalle_mini.models.transformer import Transformer

SMALL = TransformerConfig(
    encoder_vocab_size=23,
    image_vocab_size=19,
    max_text_length=7,
    image_length=9,
    d_model=24,
    encoder_layers=1,
    decoder_layers=2,
    encoder_attention_heads=2,
    decoder_attention_heads=3,
    encoder_ffn_dim=20,
    decoder_ffn_dim=28,
    decoder_start_token_id=17,
)
OTHERS = {
    "deeper": {"encoder_layers": 3, "decoder_layers": 1, "activation_function": "gelu_new"},
    "scaled": {"scale_embedding": True, "max_text_length": 3, "encoder_attention_heads": 6},
}
LIMIT = 2e-5
"""Largest difference of two float32 computations of states and logits, which are around 1 here."""

decode_step = jax.jit(transformer.decode_step, static_argnums=1)


@functools.partial(jax.jit, static_argnums=1)
def run(params, config, text, mask, image):
    """Encoder states, and the logits of all positions at once."""
    states = transformer.encode(params, config, text, mask)
    return states, transformer.decode(params, config, image, states, mask)


@functools.partial(jax.jit, static_argnums=0)
def apply(model, params, *inputs):
    return model.apply({"params": params}, *inputs)


def draw_published_tree(config: TransformerConfig) -> dict:
    """A checkpoint layer by layer: norm scales around 1, and biases that are not 0."""
    rng = np.random.default_rng(0)

    def kernel(*shape):
        return {"kernel": rng.normal(0, shape[0] ** -0.5, shape).astype(np.float32)}

    def embedding(*shape):
        return {"embedding": rng.normal(size=shape).astype(np.float32)}

    def bias(width):
        return {"bias": rng.normal(0, 0.3, width).astype(np.float32)}

    def norm(width):
        return {"scale": rng.normal(1, 0.3, width).astype(np.float32)} | bias(width)

    d = config.d_model

    def attention():
        return {name: kernel(d, d) for name in ("q_proj", "k_proj", "v_proj", "out_proj")}

    def layer(ffn, attentions):
        norms, blocks = {}, {}
        for index in range(attentions):
            norms |= {f"LayerNorm_{2 * index}": bias(d), f"LayerNorm_{2 * index + 1}": norm(d)}
            blocks[f"FlaxBartAttention_{index}"] = attention()
        gate = {"LayerNorm_0": bias(d), "Dense_0": kernel(d, ffn), "Dense_1": kernel(d, ffn)}
        glu = gate | {"LayerNorm_1": bias(ffn), "Dense_2": kernel(ffn, d)}
        return norms | blocks | {"GLU_0": glu}

    def side(name, count, vocabulary, length, ffn, attentions):
        layers = {f"FlaxBart{name}Layer_{i}": layer(ffn, attentions) for i in range(count)}
        return {
            "embed_tokens": embedding(vocabulary, d),
            "embed_positions": embedding(length, d),
            "layernorm_embedding": norm(d),
            "layers": layers,
            "final_ln": bias(d),
        }

    c, outputs = config, config.image_vocab_size + 1
    encoder = ("Encoder", c.encoder_layers, c.encoder_vocab_size, c.max_text_length)
    decoder = ("Decoder", c.decoder_layers, outputs, c.image_length)
    return {
        "lm_head": kernel(d, outputs),
        "model": {
            "encoder": side(*encoder, c.encoder_ffn_dim, 1),
            "decoder": side(*decoder, c.decoder_ffn_dim, 2),
        },
    }


def draw_params(config: TransformerConfig) -> Params:
    return jax.tree.map(jnp.asarray, layout.from_published(draw_published_tree(config)))


def draw_inputs(config: TransformerConfig) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Text tokens, their mask and decoder inputs of two rows."""
    return *draw_text(config), draw_image_tokens(config)


def draw_text(config: TransformerConfig, rows: int = 2) -> tuple[jax.Array, jax.Array]:
    """Tokens and mask; every row but the first is cut short."""
    shape = (rows, config.max_text_length)
    tokens = np.random.default_rng(1).integers(0, config.encoder_vocab_size, shape, np.int32)
    lengths = config.max_text_length - np.arange(rows)[:, None]
    return jnp.asarray(tokens), jnp.asarray(np.arange(shape[1]) < lengths)


def draw_image_tokens(config: TransformerConfig, rows: int = 2) -> jax.Array:
    shape = (rows, config.image_length)
    labels = np.random.default_rng(2).integers(0, config.decoder_vocab_size, shape, np.int32)
    return transformer.shift_right(jnp.asarray(labels), config)


def decode_cached(params, config, tokens, states, mask) -> np.ndarray:
    """Logits behind each of `tokens`, one position at a time."""
    cross = transformer.project_cross(params, config, states)
    caches = transformer.empty_cache(config, len(tokens), jnp.dtype("float32"))
    logits = []
    for position in range(config.image_length):
        step = decode_step(params, config, tokens[:, position], position, caches, cross, mask)
        logits.append(step[0])
        caches = step[1]
    return np.stack(logits, axis=1)


@pytest.mark.parametrize("changes", [{}, *OTHERS.values()], ids=["small", *OTHERS])
def test_equals_plain_numpy(changes: dict) -> None:
    config = dataclasses.replace(SMALL, **changes)
    tree, inputs = draw_published_tree(config), draw_inputs(config)
    ours = run(draw_params(config), config, *inputs)
    for states, logits, text, mask, image in zip(*ours, *map(np.asarray, inputs), strict=True):
        plain = oracle.encoder_states(tree, config, text, mask)
        np.testing.assert_allclose(states, plain, rtol=0, atol=LIMIT)
        plain = oracle.decoder_logits(tree, config, image, plain, mask)
        np.testing.assert_allclose(logits, plain, rtol=0, atol=LIMIT)


def test_cached_equals_teacher_forced() -> None:
    params, (text, mask, image) = draw_params(SMALL), draw_inputs(SMALL)
    states, at_once = run(params, SMALL, text, mask, image)
    one_by_one = decode_cached(params, SMALL, image, states, mask)
    np.testing.assert_allclose(one_by_one, at_once, rtol=0, atol=LIMIT)


@pytest.mark.parametrize("position", [1, 4, 8])
def test_a_token_changes_no_earlier_logit(position: int) -> None:
    params, (text, mask, image) = draw_params(SMALL), draw_inputs(SMALL)
    changed = image.at[:, position].set((image[:, position] + 1) % SMALL.decoder_vocab_size)
    before = np.asarray(run(params, SMALL, text, mask, image)[1])
    after = np.asarray(run(params, SMALL, text, mask, changed)[1])
    np.testing.assert_array_equal(after[:, :position], before[:, :position])
    assert (after[:, position:] != before[:, position:]).any(axis=-1).all()


def test_padding_changes_nothing() -> None:
    params, (text, mask, image) = draw_params(SMALL), draw_inputs(SMALL)
    other = jnp.where(mask, text, (text + 1) % SMALL.encoder_vocab_size)
    assert (other != text).any()
    _, before = run(params, SMALL, text, mask, image)
    _, after = run(params, SMALL, other, mask, image)
    np.testing.assert_array_equal(after, before)


def test_rows_beyond_the_prompts_equal_repeated_prompts() -> None:
    params, (text, mask) = draw_params(SMALL), draw_text(SMALL)
    image = draw_image_tokens(SMALL, rows=6)
    repeated = (jnp.repeat(rows, 3, axis=0) for rows in (text, mask))
    states, logits = run(params, SMALL, *repeated, image)
    grouped = decode_cached(params, SMALL, image, states[::3], mask)
    np.testing.assert_allclose(grouped, logits, rtol=0, atol=LIMIT)


def test_scanned_equals_unscanned() -> None:
    config = dataclasses.replace(SMALL, encoder_layers=3)
    params, inputs = draw_params(config), draw_inputs(config)
    scanned = apply(Transformer(config, scan=True), layout.stack_layers(params), *inputs)
    plain = apply(Transformer(config), params, *inputs)
    np.testing.assert_allclose(scanned, plain, rtol=0, atol=LIMIT)


@pytest.mark.parametrize("scan", [False, True])
def test_fresh_parameters_have_the_shapes_of_loaded_ones(scan: bool) -> None:
    loaded = draw_params(SMALL)
    expected = jax.eval_shape(lambda: layout.stack_layers(loaded) if scan else loaded)
    assert expected == jax.eval_shape(lambda: transformer.init(jax.random.key(0), SMALL, scan=scan))


@pytest.mark.parametrize("scan", [False, True])
def test_dropout_draws_from_its_own_stream(scan: bool) -> None:
    params, inputs = draw_params(SMALL), draw_inputs(SMALL)
    params = layout.stack_layers(params) if scan else params
    model = Transformer(SMALL, dropout=0.5, scan=scan)
    draw = jax.jit(lambda key: model.apply({"params": params}, *inputs, rngs={"dropout": key}))
    first, again, other = (np.asarray(draw(jax.random.key(seed))) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any(axis=-1).all()


def test_half_precision_computes_in_the_dtype_of_the_weights() -> None:
    exact, inputs = draw_params(SMALL), draw_inputs(SMALL)
    half = jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), exact)
    states, logits = run(half, SMALL, *inputs)
    assert states.dtype == jnp.bfloat16
    assert logits.dtype == jnp.float32
    np.testing.assert_allclose(logits, run(exact, SMALL, *inputs)[1], rtol=0, atol=0.2)
