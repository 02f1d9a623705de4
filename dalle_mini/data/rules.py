"""The rules that look at one item by itself: its caption, its file, its shape, and what models think of it.

Items are prepared by threads, a chunk ahead of where they are needed, and come out in their order.
"""

import dataclasses
import hashlib
import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from PIL import Image

from dalle_mini.data.captions import caption_from_name, check_caption
from dalle_mini.data.items import Drop, Item, printable
from dalle_mini.data.optout import OptOut
from dalle_mini.data.picture import Fingerprint, fingerprint, read_square
from dalle_mini.data.records import encode_png
from dalle_mini.errors import ConfigError

_CHUNK = 64


@dataclasses.dataclass(frozen=True)
class BuildConfig:
    """How pictures are made and which are left out. Sides are in pixels; `min_side` is of the short side, half of the
    resolution where it is None, and `max_aspect` the long side by the short one. `licence` and `source` are for items
    that have none of their own."""

    resolution: int = 256
    min_side: int | None = None
    max_aspect: float = 3.0
    max_pixels: int = 64_000_000
    keep_duplicates: bool = False
    caption_from_names: bool = False
    licence: str = "unknown"
    source: str = "unknown"
    shard_size: int = 1024

    def __post_init__(self) -> None:
        for name, least, most in (("resolution", 8, 4096), ("shard_size", 1, 2**20), ("max_aspect", 1, 1000)):
            if not least <= getattr(self, name) <= most:
                raise ConfigError(f"{name}={getattr(self, name)!r} must be from {least} to {most}")

    @property
    def smallest(self) -> int:
        return self.resolution // 2 if self.min_side is None else self.min_side


@dataclasses.dataclass(frozen=True)
class Check:
    """A model's opinion of captioned pictures: those that it scores below `minimum` are dropped for `reason`.

    `score` gets pictures and their captions and must judge each by itself; `model` names the scorer, by its digest.
    """

    reason: str
    score: Callable[[Sequence[Image.Image], Sequence[str]], Sequence[float]]
    minimum: float
    model: str


@dataclasses.dataclass(frozen=True)
class Candidate:
    """A picture that passed the rules which need no other picture."""

    image: Image.Image
    picture: bytes
    caption: str
    named: bool
    digest: str
    mark: Fingerprint
    licence: str
    source: str


Outcome = tuple[Item, Candidate | Drop]


def apply_rules(
    items: Iterator[Item], config: BuildConfig, opt_out: OptOut, checks: Sequence[Check], pool: ThreadPoolExecutor
) -> Iterator[Outcome]:
    """What the rules say of every item, in their order; two chunks are under way at a time."""
    waiting: deque[list[tuple[Item, Future[Candidate | Drop]]]] = deque()
    while chunk := list(itertools.islice(items, _CHUNK)):
        waiting.append([(item, pool.submit(prepare, item, config, opt_out)) for item in chunk])
        if len(waiting) > 1:
            yield from _judge(waiting.popleft(), checks)
    for chunk in waiting:
        yield from _judge(chunk, checks)


def prepare(item: Item, config: BuildConfig, opt_out: OptOut) -> Candidate | Drop:
    """Apply the rules to one item by itself."""
    try:
        fields = item.fields()
        named = config.caption_from_names and fields.caption is None
        caption = check_caption(caption_from_name(item.name) or None if named else fields.caption)
        licence, source = (printable(text.strip()) for text in (fields.licence, fields.source))
        opt_out.check_words(caption, source or config.source)
        data = item.picture()
        digest = hashlib.sha256(data).hexdigest()
        opt_out.check_digest(digest)
        image = read_square(
            data,
            config.resolution,
            min_side=config.smallest,
            max_aspect=config.max_aspect,
            max_pixels=config.max_pixels,
        )
    except Drop as drop:
        return drop
    return Candidate(
        image=image,
        picture=encode_png(image),
        caption=caption,
        named=named,
        digest=digest,
        mark=fingerprint(image),
        licence=licence or config.licence,
        source=source or config.source,
    )


def _judge(chunk: Iterable[tuple[Item, Future[Candidate | Drop]]], checks: Iterable[Check]) -> list[Outcome]:
    """Wait for a chunk, and let the models look at what is left of it."""
    outcomes = [(item, found.result()) for item, found in chunk]
    for check in checks:
        left = [(place, found) for place, (_, found) in enumerate(outcomes) if isinstance(found, Candidate)]
        if not left:
            break
        scores = check.score([found.image for _, found in left], [found.caption for _, found in left])
        for (place, _), score in zip(left, scores, strict=True):
            if not score >= check.minimum:
                outcomes[place] = (outcomes[place][0], Drop(check.reason, f"{score:.3f}"))
    return outcomes
