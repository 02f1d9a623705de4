"""How the original turns logits into tokens: its guidance, its filters in their order, its noise.

Random numbers are those of jax before 0.5, which `jax_threefry_partitionable=False` brings back.
Only tests need this: the project draws every picture from a key of its own.
"""

import dataclasses
import functools
from typing import Any

import jax
import numpy as np
from numpy.typing import DTypeLike


@dataclasses.dataclass(frozen=True)
class Options:
    """Arguments of the original's `generate`."""

    seed: int
    top_k: int = 50
    top_p: float = 1.0
    temperature: float = 1.0
    condition_scale: float = 1.0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Options":
        """Options as recorded: None means the default of the original's config class."""
        names = {field.name for field in dataclasses.fields(cls)}
        given = {name: value for name, value in values.items() if value is not None}
        return cls(**{name: value for name, value in given.items() if name in names})


def draw_noise(seed: int, steps: int, shape: tuple[int, int], dtype: DTypeLike) -> np.ndarray:
    """Noise [rows, steps, vocab]: added to filtered logits, its largest sum is the token drawn."""
    noise = []
    with jax.threefry_partitionable(False):
        key = jax.random.PRNGKey(seed)
        for _ in range(steps):
            now, key = _draw_step(key, shape, np.dtype(dtype))
            noise.append(np.asarray(now))
    return np.stack(noise, axis=1)


@functools.partial(jax.jit, static_argnums=(1, 2))
def _draw_step(key, shape, dtype):
    now, following = jax.random.split(key)
    return jax.random.gumbel(now, shape, dtype), following


def filter_logits(logits: np.ndarray, unconditional_logits: np.ndarray, options: Options) -> np.ndarray:
    """Guided, scaled and filtered logits; a token that can't be drawn has -inf."""
    if options.condition_scale != 1.0:
        difference = logits - unconditional_logits
        logits = unconditional_logits + logits.dtype.type(options.condition_scale) * difference
    logits = logits / logits.dtype.type(options.temperature)
    order = np.argsort(-logits, axis=-1, kind="stable")
    ranked = np.take_along_axis(logits, order, axis=-1)
    if options.top_k > 0:
        # In half precision too, the original goes on in float32 from here.
        ranked = ranked.astype(np.float32)
        ranked[..., options.top_k :] = -np.inf
    if options.top_p < 1.0:
        powers = np.exp(ranked - ranked[..., :1])
        below = np.cumsum(powers / powers.sum(axis=-1, keepdims=True), axis=-1) < options.top_p
        # The token that crosses the threshold is kept too.
        ranked[..., 1:][~below[..., :-1]] = -np.inf
    filtered = np.empty_like(ranked)
    np.put_along_axis(filtered, order, ranked, axis=-1)
    return filtered


def end_rows(tokens: np.ndarray, *, end: int, pad: int, keep_end: bool) -> np.ndarray:
    """Rows with `pad` behind their first `end`, which becomes `pad` itself unless it is kept."""
    ended = np.logical_or.accumulate(tokens == end, axis=1)
    if keep_end:
        ended = np.pad(ended[:, :-1], ((0, 0), (1, 0)))
    return np.where(ended, pad, tokens)
