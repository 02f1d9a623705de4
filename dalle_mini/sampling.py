"""Drawing image tokens one by one, with classifier-free guidance (Ho & Salimans 2022, arXiv 2207.12598).

`read` reads a prompt once, `start` makes room, and `advance` draws a chunk of tokens inside one compiled program. Every
image has a key of its own and draws position p with fold_in(key, p), so a picture depends on its seed and not on its
neighbors. Rows are ordered conditional first. Guidance, temperature and the filters are traced: changing them compiles
nothing. So are tokens that are given instead of drawn.

Several drawings of as many images are stacked, and `advance_together` maps the program for one over them. It has the
same products of more rows, and sums that do not ask how many rows there are, so that each drawing is what it is alone.
"""

import dataclasses
import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from dalle_mini.arrays import Array, Bool, Float, Int32, Key, Params
from dalle_mini.config import UNKNOWN, GenerationConfig, TransformerConfig
from dalle_mini.models import transformer
from dalle_mini.models.attention import KeyValue

MOST_SORTED = 256
"""With top-k on, this many best logits are enough to sort: a tenth of the cost of sorting all."""


class Filters(NamedTuple):
    """Traced settings of a drawing; `top_k=0` and `top_p=1` are off."""

    guidance_scale: Float[Array, ""]
    temperature: Float[Array, ""]
    top_k: Int32[Array, ""]
    top_p: Float[Array, ""]

    @classmethod
    def from_config(cls, config: GenerationConfig) -> "Filters":
        return cls(
            jnp.float32(config.guidance_scale),
            jnp.float32(config.temperature),
            jnp.int32(config.top_k),
            jnp.float32(config.top_p),
        )


class Text(NamedTuple):
    """Tokenized prompts; `mask` is True on real tokens."""

    tokens: Int32[Array, "batch text"]
    mask: Bool[Array, "batch text"]


class Source(NamedTuple):
    """A prompt as every decoder layer attends to it, then, with guidance, what is guided away from.

    Of several prompts that are mixed, all that is stacked, and `shares` say how much of each an image gets.
    """

    cross: tuple[KeyValue, ...]
    mask: Bool[Array, "*texts batch text"]
    shares: Float[Array, "images texts"] | None = None


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class DecodeState:
    """A drawing under way: from `position` on, `tokens` are those that were given, or UNKNOWN."""

    tokens: Int32[Array, "images image"]
    position: Int32[Array, ""]
    keys: Key[Array, "images"]
    caches: tuple[KeyValue, ...]


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class Stacked:
    """Drawings under way at the same position; `rest` is all else, sources too, with an axis of drawings first."""

    position: Int32[Array, ""]
    rest: tuple

    @property
    def tokens(self) -> Int32[Array, "drawings images image"]:
        return self.rest[0]


def image_keys(seeds: list[int]) -> Key[Array, "images"]:
    """One key per image seed."""
    return jax.vmap(jax.random.key)(jnp.asarray(seeds, jnp.uint32))


@functools.partial(jax.jit, static_argnames="config")
def read(params: Params, config: TransformerConfig, prompt: Text, against: Text | None) -> Source:
    """Read a prompt; `against` is what to guide away from: the empty prompt, or another.

    None draws without guidance at half the work.
    """
    text = prompt if against is None else jax.tree.map(lambda *halves: jnp.concatenate(halves), prompt, against)
    states = transformer.encode(params, config, text.tokens, text.mask)
    return Source(transformer.project_cross(params, config, states), text.mask)


@jax.jit
def mix(sources: Sequence[Source], shares: Float[Array, "images texts"]) -> Source:
    """Prompts that were read one by one, for the same images; each image draws from each as much as `shares` say.

    What is mixed is what a layer's cross-attention gives, the outer interpolation of He et al. 2024 (arXiv 2403.17924):
    prompts need not be of one length, and an image whose share of a prompt is 1 is what that prompt alone draws.
    """

    cross, mask = jax.tree.map(lambda *texts: jnp.stack(texts), *[(source.cross, source.mask) for source in sources])
    return Source(cross, mask, shares)


@functools.partial(jax.jit, static_argnames="config")
def start(
    config: TransformerConfig, source: Source, keys: Key[Array, "images"], given: Int32[Array, "images image"]
) -> DecodeState:
    """Make room for the images; tokens that are `given`, and not UNKNOWN, are taken instead of drawn."""
    rows = keys.shape[0] * source.mask.shape[-2]
    caches = transformer.empty_cache(config, rows, source.cross[0].key.dtype)
    return DecodeState(given, jnp.int32(0), keys, caches)


def advance(
    params: Params,
    config: TransformerConfig,
    source: Source,
    state: DecodeState,
    generation: GenerationConfig,
    *,
    steps: int,
    codebook_size: int,
) -> DecodeState:
    """Draw the next `steps` tokens of every image in one compiled program; `state` is consumed.

    Ids from `codebook_size` up (start and padding tokens, which a VQGAN can't show) are never drawn, nor may be given.
    """
    codebook_size = min(codebook_size, config.decoder_vocab_size)
    filters = Filters.from_config(generation)
    return _compile(_advance)(
        params, config, source, state, filters, steps, codebook_size, _count_sorted(generation, codebook_size)
    )


def advance_together(
    params: Params,
    config: TransformerConfig,
    state: Stacked,
    generations: Sequence[GenerationConfig],
    *,
    steps: int,
    codebook_size: int,
) -> Stacked:
    """`advance` for several drawings, each by its own settings, whose `static_settings` are the same."""
    codebook_size = min(codebook_size, config.decoder_vocab_size)
    filters = jax.tree.map(lambda *one_each: jnp.stack(one_each), *map(Filters.from_config, generations))
    return _compile(_advance_together)(
        params, config, state, filters, steps, codebook_size, _count_sorted(generations[0], codebook_size)
    )


def static_settings(generation: GenerationConfig) -> Hashable:
    """What is compiled into a program of the settings: drawings that differ in it can't be drawn together."""
    return generation.guidance_scale == 1, _sorts_few(generation)


@jax.jit
def stack(sources: Sequence[Source], states: Sequence[DecodeState]) -> Stacked:
    """Drawings at the same position as one, to be advanced together."""
    rests = map(_leave_position, sources, states)
    return Stacked(states[0].position, jax.tree.map(lambda *one_each: jnp.stack(one_each), *rests))


@jax.jit
def pick(state: Stacked, places: Int32[Array, "drawings"]) -> Stacked:
    """The drawings at some places."""
    return Stacked(state.position, jax.tree.map(lambda leaf: leaf[places], state.rest))


@jax.jit
def pick_one(state: Stacked, place: Int32[Array, ""]) -> tuple[Source, DecodeState]:
    """The drawing at a place."""
    return _join(state.position, jax.tree.map(lambda leaf: leaf[place], state.rest))


def _leave_position(source: Source, state: DecodeState) -> tuple:
    return state.tokens, state.keys, state.caches, source


def _join(position, rest: tuple) -> tuple[Source, DecodeState]:
    tokens, keys, caches, source = rest
    return source, DecodeState(tokens, position, keys, caches)


def _advance(params, config, source, state, filters, steps, codebook_size, sorted_size) -> DecodeState:
    def step(_, state: DecodeState) -> DecodeState:
        logits, caches = _guided_logits(params, config, source, state, filters.guidance_scale)
        keys = jax.vmap(jax.random.fold_in, in_axes=(0, None))(state.keys, state.position)
        drawn = draw(keys, logits[:, :codebook_size], filters, sorted_size)
        given = jax.lax.dynamic_slice_in_dim(state.tokens, state.position, 1, axis=1)
        taken = jnp.where(given == UNKNOWN, drawn[:, None], given)
        tokens = jax.lax.dynamic_update_slice_in_dim(state.tokens, taken, state.position, axis=1)
        return dataclasses.replace(state, tokens=tokens, position=state.position + 1, caches=caches)

    return jax.lax.fori_loop(0, steps, step, state)


def _advance_together(params, config, state: Stacked, filters, steps, codebook_size, sorted_size) -> Stacked:
    def advance_one(rest: tuple, filters: Filters) -> tuple:
        source, one = _join(state.position, rest)
        return _leave_position(
            source, _advance(params, config, source, one, filters, steps, codebook_size, sorted_size)
        )

    return Stacked(state.position + steps, jax.vmap(advance_one)(state.rest, filters))


def _sorts_few(generation: GenerationConfig) -> bool:
    return 1 <= generation.top_k <= MOST_SORTED


def _count_sorted(generation: GenerationConfig, codebook_size: int) -> int:
    return min(MOST_SORTED, codebook_size) if _sorts_few(generation) else codebook_size


@functools.cache
def _compile(program: Callable) -> Any:
    return jax.jit(
        program,
        static_argnames=("config", "steps", "codebook_size", "sorted_size"),
        donate_argnames="state",
        compiler_options=_find_options(),
    )


_SAME_SUMS = {"xla_cpu_experimental_ynn_fusion_type": "LIBRARY_FUSION_TYPE_INDIVIDUAL_DOT"}
"""Leaves products, but not sums, to the library that XLA has for CPUs. It takes over sums from a certain size on, and
adds in another order: a norm of many rows would round otherwise than one of few."""


def _find_options() -> dict[str, str] | None:
    """`_SAME_SUMS` where this version of JAX knows it."""
    try:
        jax.jit(jnp.negative, compiler_options=_SAME_SUMS).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:
        return None
    return _SAME_SUMS


def _guided_logits(params, config, source: Source, state: DecodeState, guidance_scale):
    images = state.tokens.shape[0]
    rows = state.caches[0].key.shape[0]
    previous = jax.lax.dynamic_slice_in_dim(state.tokens, state.position - 1, 1, axis=1)[:, 0]
    previous = jnp.where(state.position == 0, config.decoder_start_token_id, previous)
    repeated = jnp.tile(previous, rows // images)
    logits, caches = transformer.decode_step(
        params, config, repeated, state.position, state.caches, source.cross, source.mask, source.shares
    )
    if rows == images:
        return logits, caches
    return guide(logits[:images], logits[images:], guidance_scale), caches


def guide(
    conditional: Float[Array, "images vocab"],
    unconditional: Float[Array, "images vocab"],
    guidance_scale: Float[Array, ""],
) -> Float[Array, "images vocab"]:
    """Push the logits away from what would be drawn without a prompt; 1 leaves the conditional ones."""
    return unconditional + guidance_scale * (conditional - unconditional)


def draw(
    keys: Key[Array, "images"],
    logits: Float[Array, "images vocab"],
    filters: Filters,
    sorted_size: int,
) -> Int32[Array, "images"]:
    """One token an image: temperature, then top-k, then top-p, then a draw among what is left.

    Only the `sorted_size` best logits are looked at; `top_k` must not exceed it unless it is the whole vocabulary.
    """
    best, ids = jax.lax.top_k(logits / filters.temperature, sorted_size)
    kept = _keep_top_p(_keep_top_k(best, filters.top_k), filters.top_p)
    ranks = jax.vmap(jax.random.categorical)(keys, kept)
    return jnp.take_along_axis(ids, ranks[:, None], axis=1)[:, 0].astype(jnp.int32)


def _keep_top_k(best: Float[Array, "images vocab"], top_k) -> Float[Array, "images vocab"]:
    """Of logits in falling order, the first `top_k`; all of them where it is 0."""
    keep = (jnp.arange(best.shape[1]) < top_k) | (top_k == 0)
    return jnp.where(keep, best, -jnp.inf)


def _keep_top_p(best: Float[Array, "images vocab"], top_p) -> Float[Array, "images vocab"]:
    """Of logits in falling order, as many as it takes to reach probability `top_p`, the one that crosses it too."""
    probabilities = jax.nn.softmax(best)
    before = jnp.cumsum(probabilities, axis=1) - probabilities
    return jnp.where((before < top_p) | (top_p >= 1), best, -jnp.inf)
