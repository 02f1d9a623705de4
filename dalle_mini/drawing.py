"""What decides image tokens: a plan, of which nine pictures at a time are begun; `together` draws them.

Pictures of several prompts are drawn beside one another; each prompt is read once, by itself.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from dalle_mini import sampling
from dalle_mini.arrays import Int32, Params
from dalle_mini.config import GenerationConfig, TransformerConfig, Way
from dalle_mini.text.tokenizer import PromptReading
from dalle_mini.tiles import Tile, list_prompts

LANES = 9
"""Images are always drawn this many at a time, the last ones unused where fewer are wanted: products of another number
of rows round differently, and a picture must not depend on how many are drawn beside it."""

_PREVIEWS = 8


@dataclasses.dataclass(frozen=True)
class Plan:
    """What decides the tokens of a drawing, a seed and a tile for every candidate; `seed` is the one they come from.

    `texts` has every prompt of the tiles; `against` is what guidance leads away from. `given` tokens are not drawn,
    where they are not UNKNOWN.
    """

    reading: PromptReading
    way: Way
    settings: GenerationConfig
    seed: int
    seeds: tuple[int, ...]
    tiles: tuple[Tile, ...]
    texts: Mapping[str, sampling.Text]
    against: sampling.Text
    given: Int32[np.ndarray, "image"]


class Drawn(NamedTuple):
    """The candidates of a batch, by their places, and their tokens up to `position`; the rest is given or UNKNOWN."""

    places: slice
    position: int
    tokens: Int32[np.ndarray, "images image"]


def open_reader(params: Params, config: TransformerConfig, plan: Plan) -> Callable[[str], sampling.Source]:
    """Reads the prompts of a plan, each once."""
    against = None if plan.settings.guidance_scale == 1 else plan.against

    @functools.lru_cache(LANES)
    def read(prompt: str) -> sampling.Source:
        return sampling.read(params, config, plan.texts[prompt], against)

    return read


def begin(
    config: TransformerConfig, plan: Plan, places: slice, read: Callable[[str], sampling.Source]
) -> tuple[sampling.Source, sampling.DecodeState]:
    """What up to LANES pictures of a plan are drawn from, and their state before the first token."""
    tiles, seeds = plan.tiles[places], plan.seeds[places]
    sources = {prompt: read(prompt) for prompt in list_prompts(tiles)}
    source = _mix(sources, tiles) if len(sources) > 1 else next(iter(sources.values()))
    keys = sampling.image_keys([*seeds, *[0] * (LANES - len(seeds))])
    return source, sampling.start(config, source, keys, jnp.asarray(np.tile(plan.given, (LANES, 1))))


def _mix(sources: Mapping[str, sampling.Source], tiles: tuple[Tile, ...]) -> sampling.Source:
    """One source for tiles of several prompts, always of LANES prompts, so that one program draws all such grids."""
    prompts = list(sources)
    shares = np.zeros((LANES, LANES), np.float32)
    for lane in range(LANES):
        for prompt, share in tiles[min(lane, len(tiles) - 1)].shares.items():
            shares[lane, prompts.index(prompt)] = share
    filled = [sources[prompts[min(place, len(prompts) - 1)]] for place in range(LANES)]
    return sampling.mix(filled, jnp.asarray(shares))


def image_seeds(seed: int, count: int) -> tuple[int, ...]:
    """The seed of every picture of a grid: the first is the grid's own, the others are hashed from it."""
    return (seed, *(_hashed_seed(seed, index) for index in range(1, count)))


def _hashed_seed(seed: int, index: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def preview_places(start: int, shown: int, count: int) -> range:
    """Which of `count` candidates stand for the `shown` ones while the batch that begins at `start` is drawn."""
    page = max(shown, LANES)
    first = min(start // page * page, count - shown)
    return range(first, first + shown)


def chunk_length(image_length: int) -> int:
    """Tokens drawn in one program: the largest divisor of the length that leaves at least eight chunks."""
    most = max(1, image_length // _PREVIEWS)
    return max(steps for steps in range(1, most + 1) if image_length % steps == 0)
