"""From a source of captioned pictures to a picture set: filtered, square, and the same whenever it is made again.

What was decided of an item is noted in a ledger beside the shards and kept together with each finished one, so that a
build that was stopped goes on behind it.
"""

import contextlib
import dataclasses
import itertools
import os
import warnings
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

from PIL import Image

from dalle_mini.checkpoints.staging import output_errors
from dalle_mini.data.items import Drop, Item, Source
from dalle_mini.data.ledger import Ledger, remove_ledger
from dalle_mini.data.manifest import Manifest
from dalle_mini.data.optout import OptOut
from dalle_mini.data.records import pack_picture
from dalle_mini.data.rules import BuildConfig, Candidate, Check, Outcome, apply_rules
from dalle_mini.data.shards import OnProgress, RecordWriter
from dalle_mini.errors import DataError

LEDGER = "build.sqlite"

_HINTS = {
    "no caption": "put a .txt file beside every picture, or use --caption-from-names",
    "too small": "choose a lower --resolution, or --min-side",
    "extreme shape": "choose a higher --max-aspect",
}


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
            outcomes = apply_rules(items, config, opt_out, checks, pool)
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


def _decide(outcomes: Iterable[Outcome], ledger: Ledger, *, keep_duplicates: bool) -> Iterator[bytes]:
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
