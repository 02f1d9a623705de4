"""What do weights of eight bits save, and what do they cost?

    python -m benchmarks.int8 [--size mini|mega] [--repeats N]
    python -m benchmarks.int8 --model NAME [--sheet FILE]

Prints one line of JSON. With a `size`, weights are random, in the published shape: `token` is one token of nine
pictures with and without a prompt, half-way through a picture, by float32 and by int8 in turns (CPU seconds, medians),
`ratio` how many times less int8 takes, and `gib` what the weights take. With a `model`, the example prompts are drawn
by its float32 weights, and both say what they think of every token of these pictures: `logit_error` is the root mean
square of the differences beside that of the logits, `nats` the mean divergence (Kullback and Leibler) of int8's
distribution, `same_best` how often the likeliest token is the same. `sheet` shows a picture of each prompt by both,
float32 above, from the same seeds.
"""

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import dalle_mini
from benchmarks.random_weights import SIZES, make_transformer
from dalle_mini.arrays import Params
from dalle_mini.cli.machine import describe_machine
from dalle_mini.config import TransformerConfig
from dalle_mini.config.dtypes import INT8
from dalle_mini.drawing import LANES
from dalle_mini.grid import compose_grid
from dalle_mini.models import transformer
from dalle_mini.pipeline import DalleMini
from dalle_mini.web.examples import read_examples

ROWS = 2 * LANES


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="mini", help="default: mini")
    parser.add_argument("--repeats", type=int, default=9, help="tokens of each (default: 9)")
    parser.add_argument("--model", help="what `dalle-mini generate --model` takes")
    parser.add_argument("--sheet", help="a .webp or .png file")
    options = parser.parse_args()
    if options.model:
        found = compare_pictures(options.model, options.sheet)
    else:
        found = compare_times(SIZES[options.size], options.repeats) | {"size": options.size}
    print(json.dumps({"benchmark": "int8", **found, "machine": describe_machine()}))


def compare_times(config: TransformerConfig, repeats: int) -> dict[str, Any]:
    whole, small = (make_transformer(config, dtype)["decoder"] for dtype in ("float32", INT8))
    spent: dict[str, list[float]] = {"float32": [], "int8": []}
    for _ in range(repeats + 1):
        for name, decoder in (("float32", whole), ("int8", small)):
            spent[name].append(time_token({"decoder": decoder}, config))
    token = {name: round(statistics.median(seconds[1:]), 4) for name, seconds in spent.items()}
    return {
        "repeats": repeats,
        "token": token,
        "ratio": round(token["float32"] / token["int8"], 2),
        "gib": {"float32": count_gib(whole), "int8": count_gib(small)},
    }


def time_token(params: Params, config: TransformerConfig) -> float:
    """CPU seconds of a token half-way; the first call compiles."""
    caches = transformer.empty_cache(config, ROWS, jnp.float32)
    cross = transformer.empty_cache(config, 2, jnp.float32)
    cross = jax.tree.map(lambda each: each[:, :, : config.max_text_length], cross)
    mask = jnp.ones((2, config.max_text_length), bool)
    tokens, position = jnp.zeros(ROWS, jnp.int32), jnp.int32(config.image_length // 2)
    started = time.process_time()
    jax.block_until_ready(_step(params, config, tokens, position, caches, cross, mask))
    return time.process_time() - started


_step = jax.jit(transformer.decode_step, static_argnames="config", donate_argnames="caches")


def count_gib(params: Params) -> float:
    return round(sum(leaf.nbytes for leaf in jax.tree.leaves(params)) / 2**30, 2)


def compare_pictures(name: str, sheet: str | None) -> dict[str, Any]:
    whole, small = (dalle_mini.load(name, dtype=dtype) for dtype in ("float32", "int8"))
    prompts = [example.prompt for example in read_examples()]
    drawn = [[model.generate(prompt, images=1, seed=0) for prompt in prompts] for model in (whole, small)]
    if sheet:
        pictures = [generation.images[0] for row in drawn for generation in row]
        compose_grid(pictures, columns=len(prompts)).save(Path(sheet), quality=90)
    compared = [
        compare_logits(whole, small, prompt, made.tokens[0]) for prompt, made in zip(prompts, drawn[0], strict=True)
    ]
    return {
        "model": name,
        "pictures": len(prompts),
        **{key: round(statistics.mean(row[key] for row in compared), 4) for key in compared[0]},
    }


def compare_logits(whole: DalleMini, small: DalleMini, prompt: str, tokens: np.ndarray) -> dict[str, float]:
    exact, near = (find_logits(model, prompt, tokens) for model in (whole, small))
    log_exact, log_near = jax.nn.log_softmax(exact), jax.nn.log_softmax(near)
    return {
        "logit_error": float(jnp.std(near - exact) / jnp.std(exact)),
        "nats": float(jnp.mean(jnp.sum(jnp.exp(log_exact) * (log_exact - log_near), axis=-1))),
        "same_best": float(jnp.mean(exact.argmax(-1) == near.argmax(-1))),
    }


def find_logits(model: DalleMini, prompt: str, tokens: np.ndarray) -> jax.Array:
    text = model.tokenizer.encode([prompt])
    mask = jnp.asarray(text.mask)
    states = transformer.encode(model.params, model.config, jnp.asarray(text.tokens), mask)
    before = transformer.shift_right(jnp.asarray(tokens)[None], model.config)
    return transformer.decode(model.params, model.config, before, states, mask)[0]


if __name__ == "__main__":
    main()
