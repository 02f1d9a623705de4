"""What the programs of a drawing cost, by the compiler's own count: no clock, so that a test may compare it.

    python -m tests.costs "why the figures are others now"

records the figures of today in tests/costs.json, with the reason. The sizes are small, but products of matrices
outweigh all else, as in a real model.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from dalle_mini import sampling
from dalle_mini.arrays import Params
from dalle_mini.config import UNKNOWN, GenerationConfig, TransformerConfig, VQGANConfig
from dalle_mini.drawing import LANES, chunk_length
from dalle_mini.models import transformer, vqgan
from dalle_mini.pixels import decode_pixels

RECORDED = Path(__file__).with_suffix(".json")
CONFIG = TransformerConfig(
    encoder_vocab_size=256,
    image_vocab_size=512,
    max_text_length=16,
    image_length=64,
    d_model=128,
    encoder_layers=1,
    decoder_layers=2,
    encoder_attention_heads=4,
    decoder_attention_heads=4,
    encoder_ffn_dim=256,
    decoder_ffn_dim=256,
    decoder_start_token_id=512,
    bos_token_id=512,
    pad_token_id=512,
    eos_token_id=512,
)
VQGAN = VQGANConfig(
    ch=32,
    ch_mult=(1, 2),
    num_res_blocks=1,
    resolution=16,
    attn_resolutions=(),
    z_channels=32,
    embed_dim=32,
    n_embed=512,
)

Costs = dict[str, dict[str, float]]


def measure() -> Costs:
    """Operations, bytes that pass between them, and bytes of workspace, of every program of a guided drawing."""
    params = _zeros(lambda: transformer.init(jax.random.key(0), CONFIG))
    vqgan_params = _zeros(lambda: vqgan.init(jax.random.key(0), VQGAN))
    text = sampling.Text(*(jnp.zeros((1, CONFIG.max_text_length), kind) for kind in (jnp.int32, bool)))
    keys = sampling.image_keys([0] * LANES)
    tokens = jnp.zeros(CONFIG.image_length, jnp.int32)

    def read(params, text):
        return sampling.read(params, CONFIG, text, text)

    def draw(params, source, state):
        # What `advance` compiles with options of its own, which a program within another can't have.
        filters, steps = sampling.Filters.from_config(GenerationConfig()), chunk_length(CONFIG.image_length)
        sizes = steps, VQGAN.codebook_size, sampling.MOST_SORTED
        return sampling._advance(params, CONFIG, source, state, filters, *sizes)

    source = read(params, text)
    state = sampling.start(CONFIG, source, keys, jnp.full((LANES, CONFIG.image_length), UNKNOWN))
    return {
        "prompt": _count(read, params, text),
        # A loop's body is counted once.
        "token": _count(draw, params, source, state),
        "picture": _count(lambda params, tokens: decode_pixels(params, VQGAN, tokens), vqgan_params, tokens),
    }


def _zeros(init) -> Params:
    return jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(init))


def _count(program, *inputs: Any) -> dict[str, float]:
    # Leaves go in: what is lowered puts descriptions of arrays into their tree, and shapes in annotations are checked.
    leaves, tree = jax.tree.flatten(inputs)
    lowered = jax.jit(lambda *leaves: program(*jax.tree.unflatten(tree, leaves))).lower(*leaves)
    counted = lowered.cost_analysis()
    memory = lowered.compile().memory_analysis()
    assert counted and memory
    return {
        "operations": counted["flops"],
        "bytes": counted["bytes accessed"],
        "workspace": memory.temp_size_in_bytes,
    }


if __name__ == "__main__":
    if not sys.argv[1:]:
        sys.exit('say why: python -m tests.costs "the reason"')
    jax.config.update("jax_platforms", "cpu")
    text = json.dumps({"reason": sys.argv[1], "costs": measure()}, indent=1) + "\n"
    RECORDED.write_text(text)
    print(text, end="")
