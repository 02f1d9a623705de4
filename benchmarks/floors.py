"""What is the least time that this machine needs for a grid of nine, whatever the program?

    python -m benchmarks.floors [--size mini|mega]

Prints one line of JSON. For every token all weights of the decoder and the keys and values so far must come from
memory, and their products must be computed; whichever takes longer, at the rates that are measured here, is the floor.
The VQGAN's floor is that of its operations. No program gets down to all of it: it says what is left to win.
"""

import argparse
import concurrent.futures
import dataclasses
import functools
import json
import math
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.random_weights import SIZES, VQGAN
from dalle_mini.checkpoints.layout import transformer_shapes
from dalle_mini.cli.machine import describe_machine, usable_cores
from dalle_mini.config import TransformerConfig, VQGANConfig
from dalle_mini.drawing import LANES
from dalle_mini.models import vqgan
from dalle_mini.pixels import decode_pixels

GUIDED = 2
"""Rows of a picture: with the prompt, and without."""

_MADE_ONCE = ("/cross_attention/attention/key/", "/cross_attention/attention/value/")


@dataclasses.dataclass(frozen=True)
class Work:
    """What something needs, by numbers that are read and operations that are done."""

    numbers: float
    operations: float

    def seconds(self, rates: "Rates", itemsize: int) -> float:
        return max(self.numbers * itemsize / rates.bytes, self.operations / rates.operations)


@dataclasses.dataclass(frozen=True)
class Rates:
    """Of a machine, a second: bytes that are read from memory, float32 operations."""

    bytes: float
    operations: float


def count_token(config: TransformerConfig) -> Work:
    """One token of every picture of a grid of nine, on average over its positions."""
    rows, width, layers = GUIDED * LANES, config.d_model, config.decoder_layers
    read = {
        path: math.prod(shape)
        for path, shape in transformer_shapes(config).items()
        if path.startswith("decoder/") and "embedding" not in path and not any(part in path for part in _MADE_ONCE)
    }
    positions = (config.image_length + 1) / 2
    caches = 2 * layers * width * (rows * positions + GUIDED * config.max_text_length)
    attention = 4 * layers * width * rows * (positions + config.max_text_length)
    return Work(sum(read.values()) + caches, 2 * rows * sum(read.values()) + attention)


def count_prompt(config: TransformerConfig) -> Work:
    """Reading the prompt and the empty one, and projecting both for every layer of the decoder."""
    read = sum(
        math.prod(shape)
        for path, shape in transformer_shapes(config).items()
        if (path.startswith("encoder/") and "embedding" not in path) or any(part in path for part in _MADE_ONCE)
    )
    return Work(read, 2 * GUIDED * config.max_text_length * read)


def count_pixels(config: VQGANConfig) -> Work:
    """Nine pictures of their tokens, by the operations of our decoder, whose doubling is folded."""
    params = jax.eval_shape(lambda: vqgan.init(jax.random.key(0), config))
    tokens = jax.ShapeDtypeStruct((config.image_length,), jnp.int32)
    counted = (
        jax.jit(lambda params, tokens: decode_pixels(params, config, tokens)).lower(params, tokens).cost_analysis()
    )
    assert counted
    return Work(0, LANES * counted["flops"])


def measure_rates(*, side: int = 2048, megabytes: int = 512, repeats: int = 5) -> Rates:
    """The best of a few tries on all cores: sums of products over a long array, and a square float32 product."""
    cores = usable_cores()
    parts = np.ones((cores, megabytes * 2**18 // cores), np.float32)
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        reading = _best(lambda: list(pool.map(lambda part: np.dot(part, part), parts)), repeats)
    matrix = jnp.ones((side, side), jnp.float32)
    product = jax.jit(jnp.matmul)
    computing = _best(lambda: product(matrix, matrix).block_until_ready(), repeats)
    return Rates(parts.nbytes / reading, 2 * side**3 / computing)


def _best(work: Callable[[], object], repeats: int) -> float:
    def clock() -> float:
        started = time.perf_counter()
        work()
        return time.perf_counter() - started

    work()
    return min(clock() for _ in range(repeats))


def find_floors(config: TransformerConfig, vqgan: VQGANConfig, rates: Rates, itemsize: int = 4) -> dict[str, float]:
    """Seconds of a token, of the pixels of nine pictures, and of the whole grid."""
    spend = functools.partial(Work.seconds, rates=rates, itemsize=itemsize)
    token, pixels = spend(count_token(config)), spend(count_pixels(vqgan))
    return {
        "token": token,
        "pixels": pixels,
        "grid": spend(count_prompt(config)) + config.image_length * token + pixels,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=SIZES, default="mini", help="default: mini")
    options = parser.parse_args()
    rates = measure_rates()
    floors = find_floors(SIZES[options.size], VQGAN, rates)
    result = {
        "benchmark": "floors",
        "size": options.size,
        "gigabytes_a_second": round(rates.bytes / 1e9, 1),
        "gigaflops": round(rates.operations / 1e9, 1),
        "floors": {name: round(seconds, 4) for name, seconds in floors.items()},
        "machine": describe_machine(),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
