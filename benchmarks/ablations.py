"""What does each thing that makes drawing fast bring? It is undone, one thing at a time, and the drawing timed again.

    python -m benchmarks.ablations [--size nano|mini] [--repeats N]

Prints one line of JSON. With random weights, one chunk of the tokens of nine pictures is drawn with guidance, or one
picture is made of its tokens: as the product does it and without one of its ways, in turns, so that both meet the same
machine. `times` is how many times the processor's time it takes without, the median over the turns. What comes out is
held against the product's: only what draws the same is a comparison.
"""

import argparse
import contextlib
import dataclasses
import functools
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.random_weights import SIZES, VQGAN, make_transformer, make_vqgan
from dalle_mini import sampling
from dalle_mini.arrays import Params
from dalle_mini.checkpoints import layout
from dalle_mini.checkpoints.releases import resolve
from dalle_mini.checkpoints.store import load_transformer, load_vqgan
from dalle_mini.cli.machine import describe_machine
from dalle_mini.config import GenerationConfig, TransformerConfig, VQGANConfig
from dalle_mini.drawing import LANES, chunk_length
from dalle_mini.models import transformer, vqgan
from dalle_mini.models.transformer import KeyValue

SETTINGS = GenerationConfig()
ROWS = 2 * LANES


def prepare(params: Params, config: TransformerConfig, states) -> tuple[Any, Any]:
    """The product's: empty caches, and keys and values of the prompt."""
    return transformer.empty_cache(config, ROWS, states.dtype), transformer.project_cross(params, config, states)


@dataclasses.dataclass(frozen=True)
class Way:
    """A way to draw tokens; the defaults are the product's.

    `prepare` makes the caches and what else a step reads, `step` the logits of all rows and the next caches. `convert`
    stores the parameters otherwise, for code that runs under `patch`. A program draws a chunk, or one token.
    """

    name: str = "the product"
    convert: Callable[[Params], Params] = lambda params: params
    patch: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext
    prepare: Callable[..., tuple[Any, Any]] = prepare
    step: Callable[..., tuple[Any, Any]] = transformer.decode_step
    sorts_all: bool = False
    program_a_token: bool = False


# Kernels as Flax stores them.


class InOutLinear(transformer.Linear):
    def setup(self):
        self.kernel = self.param("kernel", jax.nn.initializers.zeros, (self.in_dim, self.out_dim))

    def __call__(self, x):
        return x.astype(self.kernel.dtype) @ self.kernel


def transpose_kernels(params: Params) -> Params:
    flat = layout.flatten(params).items()
    return layout.unflatten((path, leaf.T if path.endswith("/kernel") else leaf) for path, leaf in flat)


# One layer that is scanned over stacked parameters and caches.


def prepare_stacked(params: Params, config: TransformerConfig, states) -> tuple[Any, Any]:
    caches, cross = prepare(layout.unstack_layers(params), config, states)
    stack = functools.partial(jax.tree.map, lambda *layers: jnp.stack(layers))
    return stack(*caches), stack(*cross)


def step_scanned(params, config, tokens, position, caches, cross, mask):
    decoder = params["decoder"]
    layer = transformer.DecoderLayer(config, 0.0)

    def run(hidden, inputs):
        weights, cache, source = inputs
        return layer.apply(
            {"params": weights}, hidden, cache, source, mask[:, None, None, :], None, position, method="step"
        )

    embedding = transformer.Embedding(config, config.decoder_vocab_size, config.image_length, 0.0)
    hidden = embedding.apply({"params": decoder["embedding"]}, tokens[:, None], position)
    hidden, caches = jax.lax.scan(run, hidden, (decoder["layers"], caches, cross))
    hidden = transformer._feeding_norm().apply({"params": decoder["final_norm"]}, hidden)
    head = transformer.Linear(config.d_model, config.decoder_vocab_size)
    logits: Any = head.apply({"params": decoder["head"]}, hidden)
    return logits[:, 0].astype(jnp.float32), caches


# Keys and values of the prompt, made anew for every token and every picture.


def prepare_states(params: Params, config: TransformerConfig, states) -> tuple[Any, Any]:
    return transformer.empty_cache(config, ROWS, states.dtype), jnp.repeat(states, LANES, axis=0)


def step_projecting(params, config, tokens, position, caches, states, mask):
    # The compiler must not see that this is the same for every token.
    states = states + jnp.where(position < 0, 1, 0).astype(states.dtype)
    cross = transformer.project_cross(params, config, states)
    return transformer.decode_step(params, config, tokens, position, caches, cross, jnp.repeat(mask, LANES, axis=0))


# With the prompt, then without, each in a pass of its own.


def prepare_twice(params: Params, config: TransformerConfig, states) -> tuple[Any, Any]:
    cross = transformer.project_cross(params, config, states)
    halves = [tuple(KeyValue(*(side[half : half + 1] for side in layer)) for layer in cross) for half in (0, 1)]
    return [transformer.empty_cache(config, LANES, states.dtype) for _ in halves], halves


def step_twice(params, config, tokens, position, caches, cross, mask):
    passes = [
        transformer.decode_step(
            params, config, tokens[:LANES], position, caches[half], cross[half], mask[half : half + 1]
        )
        for half in (0, 1)
    ]
    logits, caches = zip(*passes, strict=True)
    return jnp.concatenate(logits), list(caches)


WAYS = (
    Way(
        "kernels stored [out, in]",
        convert=transpose_kernels,
        patch=lambda: mock.patch.object(transformer, "Linear", InOutLinear),
    ),
    Way("layers one by one, not scanned", convert=layout.stack_layers, prepare=prepare_stacked, step=step_scanned),
    Way("keys and values of the prompt made once", prepare=prepare_states, step=step_projecting),
    Way("both halves of guidance in one batch", prepare=prepare_twice, step=step_twice),
    Way("the best 256 logits sorted, not all", sorts_all=True),
    Way("a program for a chunk, not for a token", program_a_token=True),
)
"""What is undone, by the name of what the product does instead."""


class Drawing:
    """A chunk of tokens of nine pictures, drawn in one way as often as wanted."""

    def __init__(self, way: Way, params: Params, config: TransformerConfig) -> None:
        text = jnp.arange(2 * config.max_text_length, dtype=jnp.int32).reshape(2, -1) % config.encoder_vocab_size
        self._way, self._config, self._mask = way, config, jnp.broadcast_to(jnp.arange(text.shape[1]) < 8, text.shape)
        self._keys = sampling.image_keys(list(range(LANES)))
        states = transformer.encode(params, config, text, self._mask)
        self._params = way.convert(params)
        with way.patch():
            self._caches, self._source = jax.jit(way.prepare, static_argnums=1)(self._params, config, states)
        self._steps = chunk_length(config.image_length)
        self._program = jax.jit(self._draw)

    def __call__(self) -> np.ndarray:
        """int32[images, steps]."""
        steps = 1 if self._way.program_a_token else self._steps
        tokens, caches = jnp.zeros((LANES, self._steps), jnp.int32), self._caches
        with self._way.patch():
            for first in range(0, self._steps, steps):
                inputs = (self._params, tokens, caches, self._source, jnp.int32(first), jnp.int32(first + steps))
                tokens, caches = self._program(*inputs)
        return np.asarray(tokens)

    def lower(self) -> Any:
        """The program, for those who count what it does."""
        tokens = jnp.zeros((LANES, self._steps), jnp.int32)
        with self._way.patch():
            return self._program.lower(self._params, tokens, self._caches, self._source, jnp.int32(0), jnp.int32(1))

    def _draw(self, params, tokens, caches, source, first, end):
        config, filters = self._config, sampling.Filters.from_config(SETTINGS)
        sorted_size = config.decoder_vocab_size if self._way.sorts_all else sampling.MOST_SORTED

        def draw(position, drawn):
            tokens, caches = drawn
            previous = jax.lax.dynamic_slice_in_dim(tokens, position - 1, 1, axis=1)[:, 0]
            previous = jnp.tile(jnp.where(position == 0, config.decoder_start_token_id, previous), 2)
            logits, caches = self._way.step(params, config, previous, position, caches, source, self._mask)
            logits = sampling.guide(logits[:LANES], logits[LANES:], filters.guidance_scale)
            keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(self._keys, position)
            new = sampling.draw(keys, logits, filters, min(sorted_size, config.decoder_vocab_size))
            return jax.lax.dynamic_update_slice_in_dim(tokens, new[:, None], position, axis=1), caches

        return jax.lax.fori_loop(first, end, draw, (tokens, caches))


class RepeatingConv(vqgan.DoublingConv):
    """The larger picture is made, and convolved."""

    def __call__(self, x):
        x = x.repeat(2, axis=1).repeat(2, axis=2).astype(self.kernel.dtype)
        convolved = jax.lax.conv_general_dilated(
            x, self.kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        return convolved + self.bias


def make_pixels(params: Params, config: VQGANConfig, *, folded: bool) -> Callable[[], np.ndarray]:
    """One picture of its tokens, as often as wanted: float32[height, width, channels]."""
    tokens = jnp.arange(config.image_length, dtype=jnp.int32)[None] % config.codebook_size
    program = jax.jit(lambda params, tokens: vqgan.decode(params, config, tokens)[0])
    patch = contextlib.nullcontext() if folded else mock.patch.object(vqgan, "DoublingConv", RepeatingConv)
    with patch:
        program(params, tokens)
    return lambda: np.asarray(program(params, tokens))


def compare(ours: Callable[[], np.ndarray], other: Callable[[], np.ndarray], repeats: int) -> dict[str, float]:
    """Seconds of the processor for each, in turns."""
    alike = float(np.mean(np.isclose(ours(), other(), rtol=1e-3, atol=1e-3)))
    times = [(clock(ours), clock(other)) for _ in range(repeats)]
    return {
        "cpu_seconds": round(statistics.median(time for time, _ in times), 4),
        "cpu_seconds_without": round(statistics.median(time for _, time in times), 4),
        "times": round(statistics.median(other / ours for ours, other in times), 2),
        "alike": round(alike, 3),
    }


def clock(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def measure(
    transformer_of: tuple[TransformerConfig, Params], vqgan_of: tuple[VQGANConfig, Params], repeats: int
) -> Iterator[dict[str, Any]]:
    """A row for every way."""
    config, params = transformer_of
    ours = Drawing(Way(), params, config)
    for way in WAYS:
        yield {"what": way.name, "of": "tokens", **compare(ours, Drawing(way, params, config), repeats)}
    vqgan_config, vqgan_params = vqgan_of
    folded, repeated = (make_pixels(vqgan_params, vqgan_config, folded=folded) for folded in (True, False))
    yield {"what": "doubling folded into the convolution", "of": "pixels", **compare(folded, repeated, repeats)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=("nano", "mini"), default="mini", help="default: mini")
    parser.add_argument("--repeats", type=int, default=5, help="turns of each (default: 5)")
    options = parser.parse_args()
    if options.size == "nano":
        release = resolve("nano")
        models = load_transformer(release.transformer), load_vqgan(release.vqgan)
    else:
        config = SIZES[options.size]
        models = (config, make_transformer(config)), (VQGAN, make_vqgan(VQGAN))
    rows = list(measure(*models, options.repeats))
    print(json.dumps({"benchmark": "ablations", "size": options.size, "rows": rows, "machine": describe_machine()}))


if __name__ == "__main__":
    main()
