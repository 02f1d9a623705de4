"""Files that appear together or not at all: renamed from temporary names when all are whole."""

import contextlib
import errno
import hashlib
import os
import secrets
from collections.abc import Generator
from pathlib import Path
from typing import Any, BinaryIO

from dalle_mini.errors import OutputError

_HINTS = {
    errno.ENOSPC: "the disk is full: free some space or choose another folder",
    errno.EDQUOT: "your quota is used up: free some space or choose another folder",
    errno.EFBIG: "the file is larger than is allowed here: save smaller shards",
    errno.EROFS: "the disk is read-only: choose another folder",
    errno.EACCES: "choose a folder that you may write to",
    errno.EPERM: "choose a folder that you may write to",
    errno.EEXIST: "a file is in the way: choose another folder",
    errno.ENOTDIR: "a file is in the way: choose another folder",
    errno.EISDIR: "a folder is in the way: choose another one",
}


class Staging:
    """A folder being written to; leave the `with` block without `commit` and it is as it was."""

    def __init__(self, directory: Path):
        self.directory = directory
        self.digests: dict[str, str] = {}
        self._temporary: dict[str, Path] = {}
        self._created: list[Path] = []

    def __enter__(self) -> "Staging":
        with output_errors(self.directory):
            folders = (self.directory, *self.directory.parents)
            self._created = [path for path in folders if not path.exists()]
            self.directory.mkdir(parents=True, exist_ok=True)
        return self

    @contextlib.contextmanager
    def open(self, name: str) -> Generator["HashingStream"]:
        """A new file that will be `name`; its SHA-256 is in `digests` when it is closed."""
        with output_errors(self.directory / name):
            for abandoned in self.directory.glob(f".{name}.*.partial"):
                abandoned.unlink(missing_ok=True)
        self._temporary[name] = path = self.directory / f".{name}.{secrets.token_hex(4)}.partial"
        with output_errors(self.directory / name), path.open("xb") as file:
            stream = HashingStream(file)
            yield stream
            file.flush()
            os.fsync(file.fileno())
        self.digests[name] = stream.hexdigest()

    def write(self, name: str, content: bytes | memoryview) -> None:
        """A new file that will be `name` and holds `content`."""
        with self.open(name) as stream:
            stream.write(content)

    def commit(self, *, last: str) -> set[str]:
        """Give every file its name, `last` after the others; the names."""
        for name, path in sorted(self._temporary.items(), key=lambda item: item[0] == last):
            with output_errors(self.directory / name):
                path.replace(self.directory / name)
            del self._temporary[name]
        self._created = []
        return set(self.digests)

    def __exit__(self, *_: Any) -> None:
        with contextlib.suppress(OSError):
            for path in self._temporary.values():
                path.unlink(missing_ok=True)
            for folder in self._created:
                folder.rmdir()


class HashingStream:
    """A file being written, and the SHA-256 of what has passed."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self._hash = hashlib.sha256()

    def write(self, data: Any) -> None:
        self._hash.update(data)
        self._file.write(data)

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write one file whole or not at all; OutputError if it can't be."""
    with Staging(path.parent) as staging:
        staging.write(path.name, content)
        staging.commit(last=path.name)


@contextlib.contextmanager
def output_errors(path: Path) -> Generator[None]:
    """Turn an OSError into an OutputError that names `path` and says what to do."""
    try:
        yield
    except OSError as error:
        raise output_error(path, error) from error


def output_error(path: Path, error: OSError) -> OutputError:
    """What to tell the user where `path` can't be written."""
    hint = _HINTS.get(error.errno or 0, "choose another folder")
    return OutputError(f"can't write {path}: {error.strerror}", hint=hint)
