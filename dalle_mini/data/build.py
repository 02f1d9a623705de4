"""From a source of captioned pictures to a picture set: filtered, square, and the same whenever it is made again.

Pictures are prepared by threads and decided on in their order. What was decided is noted in a ledger beside the
shards and kept together with each finished one, so that a build that was stopped goes on behind it.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import os
import warnings
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from dalle_mini.checkpoints.staging import output_errors
from dalle_mini.data.captions import caption_from_name, check_caption
from dalle_mini.data.items import Drop, Item, Source, printable
from dalle_mini.data.ledger import Ledger, remove_ledger
from dalle_mini.data.manifest import Manifest
from dalle_mini.data.optout import OptOut
from dalle_mini.data.picture import Fingerprint, fingerprint, read_square
from dalle_mini.data.records import encode_png, pack_picture
from dalle_mini.data.shards import OnProgress, RecordWriter
from dalle_mini.errors import ConfigError, DataError

LEDGER = "build.sqlite"

_CHUNK = 64
_HINTS = {
    "no caption": "put a .txt file beside every picture, or use --caption-from-names",
    "too small": "choose a lower --resolution, or --min-side",
    "extreme shape": "choose a higher --max-aspect",
}


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


def build_pictures(
    source: Source,
    out: Path,
    config: BuildConfig,
    *,
    opt_out: OptOut | None = None,
    checks: Sequence[Check] = (),
    on_progress: OnProgress | None = None,
) -> Manifest:
    """Write the picture set of a source, or go on with it; `on_progress` gets the share and number of items read.

    OutputError if `out` holds anything else, DataError if the source is damaged or nothing is left of it.
    """
    opt_out = opt_out or OptOut()
    writer = RecordWriter(out, _plan(source, config, opt_out, checks))
    finished = writer.begin()
    if not finished:
        with writer.forget_if_empty(LEDGER), Ledger(out / LEDGER) as ledger, _quiet_pool() as pool:
            items = _report(_left(source, ledger), ledger.position()[0], on_progress)
            outcomes = _prepare_all(items, lambda item: _prepare(item, config, opt_out), checks, pool)
            records = _decide(outcomes, ledger, keep_duplicates=config.keep_duplicates)
            _write_shards(writer, ledger, records, config.shard_size)
            finished = _finish(writer, ledger, source)
    with output_errors(out):
        remove_ledger(out / LEDGER)
    return finished


@contextlib.contextmanager
def _quiet_pool() -> Generator[ThreadPoolExecutor]:
    """Threads in which a picture that would fill the memory is an error, and odd ones are read without a word."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        pool = ThreadPoolExecutor(os.cpu_count())
        try:
            yield pool
        finally:
            pool.shutdown(cancel_futures=True)


def _plan(source: Source, config: BuildConfig, opt_out: OptOut, checks: Sequence[Check]) -> Manifest:
    settings = dataclasses.asdict(config) | source.settings | {"min_side": config.smallest}
    del settings["resolution"]
    if opt_out.digest:
        settings["opt_out"] = opt_out.digest
    settings |= {check.reason: f"below {check.minimum} of {check.model}" for check in checks}
    return Manifest("pictures", settings=settings, resolution=config.resolution)


def _left(source: Source, ledger: Ledger) -> Iterator[Item]:
    """The items that are not behind yet."""
    items = source.items()
    passed, last = ledger.position()
    if passed:
        before = next(itertools.islice(items, passed - 1, None), None)
        if before is None or before.id != last:
            message = f"{source.name} has changed since the build was begun: item {passed} was {last!r}"
            raise DataError(message, hint="bring it back as it was, or build into another folder")
    return items


def _report(items: Iterator[Item], passed: int, on_progress: OnProgress | None) -> Iterator[Item]:
    for number, item in enumerate(items, start=passed + 1):
        yield item
        if on_progress:
            on_progress(item.share, number)


def _prepare_all(
    items: Iterator[Item],
    prepare: Callable[[Item], Candidate | Drop],
    checks: Sequence[Check],
    pool: ThreadPoolExecutor,
) -> Iterator[tuple[Item, Candidate | Drop]]:
    """What the rules say of every item, in their order; two chunks are under way at a time."""
    waiting: deque = deque()
    while chunk := list(itertools.islice(items, _CHUNK)):
        waiting.append([(item, pool.submit(prepare, item)) for item in chunk])
        if len(waiting) > 1:
            yield from _judge([(item, outcome.result()) for item, outcome in waiting.popleft()], checks)
    for chunk in waiting:
        yield from _judge([(item, outcome.result()) for item, outcome in chunk], checks)


def _prepare(item: Item, config: BuildConfig, opt_out: OptOut) -> Candidate | Drop:
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


def _judge(
    outcomes: list[tuple[Item, Candidate | Drop]], checks: Iterable[Check]
) -> list[tuple[Item, Candidate | Drop]]:
    """Let the models look at what is left of a chunk."""
    for check in checks:
        left = [(place, found) for place, (_, found) in enumerate(outcomes) if isinstance(found, Candidate)]
        if not left:
            break
        scores = check.score([found.image for _, found in left], [found.caption for _, found in left])
        for (place, _), score in zip(left, scores, strict=True):
            if not score >= check.minimum:
                outcomes[place] = (outcomes[place][0], Drop(check.reason, f"{score:.3f}"))
    return outcomes


def _decide(
    outcomes: Iterable[tuple[Item, Candidate | Drop]], ledger: Ledger, *, keep_duplicates: bool
) -> Iterator[bytes]:
    """The records of what is kept; all is noted in the ledger before the next item is looked at."""
    for item, found in outcomes:
        ledger.pass_item(item.id)
        if isinstance(found, Candidate) and not keep_duplicates:
            found = _compare(item.id, found, ledger)
        if isinstance(found, Drop):
            ledger.drop(item.id, found.reason, found.detail)
            continue
        ledger.count("licence", found.licence)
        ledger.count("source", _place(found.source))
        if found.named:
            ledger.count("named", "")
        yield pack_picture(
            id=item.id, caption=found.caption, picture=found.picture, licence=found.licence, source=found.source
        )


def _compare(id: str, found: Candidate, ledger: Ledger) -> Candidate | Drop:
    """Drop a picture that is there already, packed the same or another way."""
    digest = bytes.fromhex(found.digest)
    if same := ledger.find_same(digest):
        return Drop("duplicate", f"same file as {same}")
    if like := ledger.find_like(found.mark):
        return Drop("near duplicate", f"looks like {like}")
    ledger.add(id, digest, found.mark)
    return found


def _place(source: str) -> str:
    """An address without its path, or a source as it is: what items of a kind share."""
    with contextlib.suppress(ValueError):
        return urlsplit(source).netloc or source
    return source


def _write_shards(writer: RecordWriter, ledger: Ledger, records: Iterator[bytes], size: int) -> None:
    for number in itertools.count(len(ledger.shards())):
        shard = writer.write(number, itertools.islice(records, size))
        if shard is None:
            return
        ledger.commit(shard)


def _finish(writer: RecordWriter, ledger: Ledger, source: Source) -> Manifest:
    shards, dropped = ledger.shards(), ledger.dropped()
    if not shards:
        reasons = ", ".join(f"{found.count} {reason} ({found.examples[0]})" for reason, found in dropped.items())
        hint = _HINTS.get(next(iter(dropped), ""), "see the rules in docs/data.md")
        raise DataError(f"nothing is left of {source.name}: {reasons}", hint=hint)
    return writer.finish(
        shards,
        licences=ledger.counts("licence"),
        sources=ledger.counts("source"),
        dropped=dropped,
        named=sum(ledger.counts("named").values()),
    )
