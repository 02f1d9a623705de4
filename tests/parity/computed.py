"""What our models compute for the inputs of a case; each result once, whoever looks at it."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from cases import Case, Run

from dalle_mini.arrays import Params
from dalle_mini.checkpoints.store import load_transformer, load_vqgan
from dalle_mini.config import TransformerConfig, VQGANConfig
from dalle_mini.models import transformer, vqgan

encode_latents = jax.jit(vqgan.encode_latents, static_argnums=1)
nearest_tokens = jax.jit(vqgan.nearest_tokens, static_argnums=1)
decode_tokens = jax.jit(vqgan.decode, static_argnums=1)


@functools.cache
def transformer_of(run: Run) -> tuple[TransformerConfig, Params]:
    return load_transformer(run.case.model, dtype=run.dtype)


@functools.cache
def vqgan_of(case: Case) -> tuple[VQGANConfig, Params]:
    return load_vqgan(case.model, dtype="float32")


def text_inputs(run: Run) -> tuple[jax.Array, jax.Array]:
    """Tokens and mask of the prompts and, behind them, of as many empty prompts."""
    tokens = np.concatenate([run.inputs("input_ids"), run.inputs("input_ids_uncond")])
    mask = np.concatenate([run.inputs("attention_mask"), run.inputs("attention_mask_uncond")])
    return jnp.asarray(tokens), jnp.asarray(mask == 1)


@functools.partial(jax.jit, static_argnums=1)
def read_and_decode(params, config, tokens, mask, decoder_inputs):
    """Encoder states, and the logits of all decoder inputs at once."""
    states = transformer.encode(params, config, tokens, mask)
    return states, transformer.decode(params, config, decoder_inputs, states, mask)


@functools.cache
def at_once(run: Run) -> tuple[jax.Array, jax.Array]:
    """Encoder states of `text_inputs`, and the logits of the recorded decoder inputs."""
    config, params = transformer_of(run)
    decoder_inputs = np.tile(run.inputs("decoder_input_ids"), (2, 1))
    return read_and_decode(params, config, *text_inputs(run), decoder_inputs)


def halves(rows: jax.Array) -> tuple[np.ndarray, np.ndarray]:
    """What belongs to the prompts, and what to the empty prompts."""
    conditional, unconditional = np.split(np.asarray(rows, np.float32), 2)
    return conditional, unconditional


@functools.cache
def cached_logits(run: Run) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Logits token by token behind the decoder inputs and every sequence, by the array's name."""
    config, params = transformer_of(run)
    fed = {name: tokens[:, :-1] for name, tokens in run.sequences().items()}
    fed["decoder_input_ids"] = run.inputs("decoder_input_ids")
    # One row per prompt and sequence: each prompt serves a run of consecutive rows.
    tokens = np.stack(list(fed.values()), axis=1)
    rows = np.tile(tokens.reshape(-1, tokens.shape[-1]), (2, 1))
    logits = _run_steps(params, config, rows, at_once(run)[0], text_inputs(run)[1])
    logits = np.asarray(logits).reshape(2, len(tokens), len(fed), tokens.shape[-1], -1)
    return {name: (logits[0, :, index], logits[1, :, index]) for index, name in enumerate(fed)}


@functools.partial(jax.jit, static_argnums=1)
def _run_steps(params, config, tokens, states, mask):
    cross = transformer.project_cross(params, config, states)
    caches = transformer.empty_cache(config, len(tokens), states.dtype)

    def advance(caches, fed):
        token, position = fed
        logits, caches = transformer.decode_step(params, config, token, position, caches, cross, mask)
        return caches, logits

    logits = jax.lax.scan(advance, caches, (tokens.T, jnp.arange(tokens.shape[1])))[1]
    return logits.swapaxes(0, 1)
