"""Record sets: a folder of `array_record` shards and the manifest that lists them.

A shard gets its name when it is whole and the manifest is written last, so that whatever stops a writer, the same
call goes on behind the last whole shard. Records are read one by one, at random: a set is never held in memory.
"""

import bisect
import contextlib
import dataclasses
import functools
import hashlib
import itertools
import os
import re
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path
from typing import Any

from array_record.python.array_record_module import (  # ty: ignore[import-not-found]
    ArrayRecordReader,
    ArrayRecordWriter,
)

from dalle_mini.checkpoints.staging import output_errors
from dalle_mini.data.manifest import MANIFEST, Kind, Manifest, Shard, read_manifest, write_manifest
from dalle_mini.data.records import Record, unpack, unpack_fields
from dalle_mini.errors import DataError, OutputError

UNFINISHED = "unfinished.json"
OnProgress = Callable[[float, int], None]
"""Gets the share of the work that is done, and the number of items."""

# One record a chunk, for reading at random; the pictures are compressed already.
_WRITING = {"pictures": "group_size:1,uncompressed", "tokens": "group_size:1"}
_READING = {"options": "readahead_buffer_size:0", "file_reader_buffer_size": 32768}
_OPEN_SHARDS = 256
_AGAIN = "make the set again, or fetch it again"
_ABANDONED = re.compile(r"\..*\.partial")


class RecordSet:
    """The records of a folder, by index; they may be read from several threads."""

    def __init__(self, directory: Path, manifest: Manifest) -> None:
        self.directory, self.manifest = directory, manifest
        self._ends = list(itertools.accumulate(shard.count for shard in manifest.shards))
        self._reader = functools.lru_cache(_OPEN_SHARDS)(self._open_reader)

    @classmethod
    def open(cls, directory: str | Path, kind: Kind | None = None) -> "RecordSet":
        """The finished set in `directory`; DataError if it is missing, damaged or not of the `kind` asked for."""
        directory = Path(directory)
        manifest = read_manifest(_find_manifest(directory, kind))
        if kind not in (None, manifest.kind):
            raise DataError(f"{directory} holds {manifest.kind}, not {kind}", hint=f"give a folder of {kind}")
        for shard in manifest.shards:
            _check_size(directory / shard.file, shard)
        return cls(directory, manifest)

    def __len__(self) -> int:
        return self.manifest.count

    def __getitem__(self, index: int) -> Record:
        number, position = self._locate(index)
        with _damage(self.directory / self.manifest.shards[number].file):
            return unpack(self._reader(number).read([position])[0], self.manifest)

    def __iter__(self) -> Iterator[Record]:
        return map(self.__getitem__, range(len(self)))

    def fields(self) -> Iterator[dict[str, Any]]:
        """The fields of all records in their order, as they lie in the files; pictures are not decoded."""
        for shard in self.manifest.shards:
            with _damage(self.directory / shard.file):
                reader = ArrayRecordReader(str(self.directory / shard.file))
                for position in range(shard.count):
                    yield unpack_fields(reader.read([position])[0])

    def verify(self) -> None:
        """Read every file and compare its digest with the manifest's; DataError names those that differ."""
        broken = [shard.file for shard in self.manifest.shards if _hash(self.directory / shard.file) != shard.sha256]
        if broken:
            raise DataError(f"{self.directory}: the digest of {', '.join(broken)} is not the manifest's", hint=_AGAIN)

    def _locate(self, index: int) -> tuple[int, int]:
        """The shard of a record and its place in there."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect.bisect_right(self._ends, index)
        return number, index - self._ends[number] + self.manifest.shards[number].count

    def _open_reader(self, number: int) -> ArrayRecordReader:
        return ArrayRecordReader(str(self.directory / self.manifest.shards[number].file), **_READING)


@dataclasses.dataclass(frozen=True)
class RecordWriter:
    """Writes the set of a plan (a manifest without counts) into a folder of its own, a shard at a time."""

    directory: Path
    plan: Manifest

    def begin(self) -> Manifest | None:
        """Claim the folder, or go on in it; the manifest if the set is finished already.

        A folder that holds anything else, or a set of another plan, is an OutputError and stays as it is.
        """
        found = self._find_plan()
        if found and (differences := found.differences(self.plan)):
            hint = "use the same inputs and settings, or another folder"
            raise OutputError(f"{self.directory} was begun with {differences}", hint=hint)
        if found and found.count:
            self._forget_plan()
            return found
        write_manifest(self.directory / UNFINISHED, self.plan)
        return None

    def find(self, number: int) -> Shard | None:
        """A whole shard that an earlier call has written."""
        path = self._path(number)
        if not path.is_file():
            return None
        reader = ArrayRecordReader(str(path), **_READING)
        count = reader.num_records() if reader.ok() else 0
        return _describe(path, path.name, count) if count else None

    def write(self, number: int, records: Iterable[bytes]) -> Shard | None:
        """Write one shard, whole or not at all, and none of no records; OutputError if it can't be."""
        path = self._path(number)
        partial = path.with_name(f".{path.name}.partial")
        try:
            with output_errors(path):
                count = _write_records(partial, records, _WRITING[self.plan.kind])
                if not count:
                    return None
                shard = _describe(partial, path.name, count)
                partial.replace(path)
        finally:
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)
        return shard

    def finish(self, shards: Iterable[Shard], **outcome: Any) -> Manifest:
        """Write the manifest, with what became known on the way: licences, sources, dropped, named."""
        shards = tuple(shards)
        manifest = dataclasses.replace(self.plan, count=sum(shard.count for shard in shards), shards=shards, **outcome)
        write_manifest(self.directory / MANIFEST, manifest)
        self._forget_plan()
        return manifest

    @contextlib.contextmanager
    def forget_if_empty(self, *beside: str) -> Generator[None]:
        """Should the block fail before there is a shard, leave nothing behind: neither the claim nor files `beside`."""
        try:
            yield
        except BaseException:
            with contextlib.suppress(OSError):
                if not any(self.directory.glob(f"{self.plan.kind}-*.array_record")):
                    for name in (UNFINISHED, *beside):
                        (self.directory / name).unlink(missing_ok=True)
                    self.directory.rmdir()
            raise

    def _path(self, number: int) -> Path:
        return self.directory / f"{self.plan.kind}-{number:05d}.array_record"

    def _find_plan(self) -> Manifest | None:
        for name in (MANIFEST, UNFINISHED):
            if (self.directory / name).exists():
                return read_manifest(self.directory / name)
        with output_errors(self.directory):
            held = sorted(os.listdir(self.directory)) if self.directory.exists() else []
        if foreign := [name for name in held if not _ABANDONED.fullmatch(name)]:
            message = f"{self.directory} holds something else: {', '.join(foreign[:3])}{', …' * (len(foreign) > 3)}"
            raise OutputError(message, hint="choose another folder, or an empty one; nothing was changed")
        return None

    def _forget_plan(self) -> None:
        with output_errors(self.directory):
            (self.directory / UNFINISHED).unlink(missing_ok=True)


def _find_manifest(directory: Path, kind: Kind | None) -> Path:
    if (directory / MANIFEST).exists():
        return directory / MANIFEST
    if (directory / UNFINISHED).exists():
        raise DataError(f"{directory} is not finished", hint="run the command that makes it again: it goes on")
    command = "dalle-mini data encode" if kind == "tokens" else "dalle-mini data build"
    what = f"no {MANIFEST} in it" if directory.is_dir() else "no such folder"
    hint = f"check the path; `{command}` makes such a folder"
    raise DataError(f"{directory} holds no {kind or 'record set'}: {what}", hint=hint)


def _check_size(path: Path, shard: Shard) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise DataError(f"can't read shard {path}: {error.strerror}", hint=_AGAIN) from error
    if size != shard.size:
        raise DataError(f"shard {path} is damaged: {size} bytes, not {shard.size}", hint=_AGAIN)


def _write_records(path: Path, records: Iterable[bytes], options: str) -> int:
    writer, count = ArrayRecordWriter(str(path), options), 0
    try:
        for record in records:
            writer.write(record)
            count += 1
    finally:
        try:
            writer.close()
        except RuntimeError as error:
            hint = "free some space or choose another folder"
            raise OutputError(f"can't write {path}: {error}", hint=hint) from error
    with path.open("rb") as file:
        os.fsync(file.fileno())
    return count


def _describe(path: Path, name: str, count: int) -> Shard:
    return Shard(name, count, path.stat().st_size, _hash(path))


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"can't read shard {path}: {error.strerror}", hint=_AGAIN) from error


@contextlib.contextmanager
def _damage(path: Path) -> Generator[None]:
    """Name the shard in what goes wrong inside."""
    try:
        yield
    except (DataError, RuntimeError, ValueError) as error:
        raise DataError(f"shard {path} is damaged: {error}", hint=_AGAIN) from error
