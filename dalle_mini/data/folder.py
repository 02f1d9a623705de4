"""A folder of pictures, with those of its sub-folders; captions lie beside them.

`cat.jpg` has its caption in `cat.txt`, or in `cat.json` with its licence and its source; `CAT.JPG` may have it in
`CAT.TXT`. Links to folders are not followed.
"""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from dalle_mini.data.items import PICTURE_SUFFIXES, Fields, Item, read_beside, read_fields, read_file
from dalle_mini.errors import DataError


def read_folder(root: Path) -> Iterator[Item]:
    """The pictures in the order of their paths; DataError if there are none."""
    total, paths = _sort_paths(root)
    if not total:
        suffixes = ", ".join(PICTURE_SUFFIXES)
        raise DataError(f"no pictures in {root}", hint=f"names of pictures end in {suffixes}")
    for number, path in enumerate(paths, start=1):
        name = os.fsencode(path).decode("utf-8", "replace")
        yield Item(name, name, number / total, lambda path=root / path: _read_fields(path), _reader(root / path))


def _sort_paths(root: Path) -> tuple[int, Iterator[str]]:
    """How many pictures there are, and their paths, sorted on disk: a folder may hold more names than memory does."""
    listing = sqlite3.connect("")  # a file of its own that goes when it is closed
    listing.execute("CREATE TABLE picture (path BLOB PRIMARY KEY) WITHOUT ROWID")
    found = (os.path.relpath(path, root) for path in _walk(root))
    listing.executemany("INSERT INTO picture VALUES (?)", ((os.fsencode(path),) for path in found))
    (total,) = listing.execute("SELECT count(*) FROM picture").fetchone()
    return total, (os.fsdecode(path) for (path,) in listing.execute("SELECT path FROM picture ORDER BY path"))


def _walk(folder: Path | str) -> Iterator[str]:
    folders = [os.fspath(folder)]
    while folders:
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    elif entry.name.lower().endswith(PICTURE_SUFFIXES) and not entry.name.startswith("."):
                        yield entry.path
        except OSError as error:
            raise DataError(f"can't read {error.filename}: {error.strerror}", hint="check its permissions") from error


def _read_fields(path: Path) -> Fields:
    return read_fields(*(_read_either(path, suffix) for suffix in (".txt", ".json")))


def _read_either(path: Path, suffix: str) -> bytes | None:
    found = read_beside(path.with_suffix(suffix))
    return read_beside(path.with_suffix(suffix.upper())) if found is None else found


def _reader(path: Path):
    return lambda: read_file(path)
