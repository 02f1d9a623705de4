"""From the words of a prompt to bytes of a picture, as recorded."""

import functools

import cases
import computed
import jax
import jax.numpy as jnp
import numpy as np
import original_sampling
import pytest
from cases import Case, Run
from original_sampling import Options
from test_pixels import assert_same_bytes

from dalle_mini.models import transformer
from dalle_mini.text import Tokenizer

TOLERANCE = 2e-4


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


def test_recorded_runs(pipeline_case: Case) -> None:
    run = Run(pipeline_case.sibling(pipeline_case.meta["dallebart_case"]), "float32")
    config, params = computed.vqgan_of(pipeline_case.sibling(pipeline_case.meta["vqgan_case"]))
    for number, recorded in enumerate(pipeline_case.meta["runs"]):
        expected = {name.removeprefix(f"run{number}_"): array for name, array in pipeline_case.arrays.items()}
        prompts = run.case.meta["prompts"]
        assert prompts[recorded["row"]] == recorded["prompt"]
        tokens = draw_tokens(run, tokenize(run, prompts), Options.from_dict(recorded["options"]))
        row = recorded["row"]
        np.testing.assert_array_equal(tokens[row], expected["tokens"])
        pixels = np.asarray(computed.decode_tokens(params, config, tokens))[row]
        np.testing.assert_allclose(pixels[::16], expected["pixels_float_every16th_row"], rtol=0, atol=TOLERANCE)
        assert_same_bytes(pixels, expected["image_uint8"])


def tokenize(run: Run, prompts: list[str]):
    """Tokens and mask of the prompts and of as many empty ones; they must be the recorded ones."""
    config, _ = computed.transformer_of(run)
    folder = next(path for path in sorted(run.case.directory.parent.glob("*/tokenizer")))
    tokenizer = Tokenizer.from_directory(folder, max_length=config.max_text_length, normalize=config.normalize_text)
    encoded, empty = tokenizer.encode(prompts), tokenizer.encode_empty(len(prompts))
    tokens = np.concatenate([encoded.tokens, empty.tokens])
    mask = np.concatenate([encoded.mask, empty.mask])
    for ours, recorded in zip((tokens, mask), computed.text_inputs(run), strict=True):
        np.testing.assert_array_equal(ours, recorded)
    return jnp.asarray(tokens), jnp.asarray(mask)


def draw_tokens(run: Run, text, options: Options) -> np.ndarray:
    """The original's sampling loop around our model: every token is drawn behind our own ones."""
    config, params = computed.transformer_of(run)
    tokens, mask = text
    cross = _look_at(params, config, tokens, mask)
    caches = transformer.empty_cache(config, len(tokens), jnp.dtype("float32"))
    shape = (len(tokens) // 2, config.decoder_vocab_size)
    noise = original_sampling.draw_noise(options.seed, config.image_length, shape, "float32")
    last = np.full(len(tokens) // 2, config.decoder_start_token_id, np.int32)
    drawn = []
    for position in range(config.image_length):
        logits, caches = _step(params, config, np.tile(last, 2), position, caches, cross, mask)
        filtered = original_sampling.filter_logits(*np.split(np.asarray(logits), 2), options)
        last = (filtered + noise[:, position]).argmax(axis=-1).astype(np.int32)
        drawn.append(last)
    return original_sampling.end_rows(
        np.stack(drawn, axis=1), end=config.eos_token_id, pad=config.pad_token_id, keep_end=False
    )


_step = jax.jit(transformer.decode_step, static_argnums=1)


@functools.partial(jax.jit, static_argnums=1)
def _look_at(params, config, tokens, mask):
    states = transformer.encode(params, config, tokens, mask)
    return transformer.project_cross(params, config, states)
