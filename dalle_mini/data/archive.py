"""Tar files in the layout of webdataset: a picture, and its caption, as neighbors that share a name.

`000017.jpg` goes with `000017.txt` or `000017.json`. Archives are read from front to back, packed ones too; nothing is
ever extracted, so a member's name is only a name.
"""

import contextlib
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path

from dalle_mini.data.items import MOST_BYTES, PICTURE_SUFFIXES, Drop, Fields, Item, printable, read_fields
from dalle_mini.errors import DataError

TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")

_KEPT = (*PICTURE_SUFFIXES, ".txt", ".json")


def read_archives(paths: Sequence[Path]) -> Iterator[Item]:
    """The pictures of archives, one behind the other; DataError if one is damaged or there are none."""
    total, passed, found = sum(map(_size, paths)), 0, False
    for path in paths:
        with _damage(path), path.open("rb") as file:
            for key, members in _groups(file):
                suffix = next((suffix for suffix in PICTURE_SUFFIXES if suffix in members), None)
                if suffix is None:
                    continue
                found = True
                name = printable(f"{path.name}/{key}{suffix}")
                share = min(1.0, (passed + file.tell()) / total)
                yield _item(name, share, members[suffix], read_fields(members.get(".txt"), members.get(".json")))
        passed += _size(path)
    if not found:
        suffixes = ", ".join(PICTURE_SUFFIXES)
        raise DataError(f"no pictures in {paths[0]}", hint=f"names of pictures in there end in {suffixes}")


def _size(path: Path) -> int:
    with _damage(path):
        return path.stat().st_size


def _groups(file) -> Iterator[tuple[str, dict[str, bytes]]]:
    """Neighboring members of one key, by their suffixes; a member that is too large is an empty one."""
    key, members = "", {}
    with tarfile.open(fileobj=file, mode="r|*") as archive:
        for member in archive:
            stem, suffix = posixpath.splitext(member.name)
            if not member.isreg() or suffix.lower() not in _KEPT:
                continue
            if stem != key:
                if members:
                    yield key, members
                key, members = stem, {}
            content = archive.extractfile(member)
            assert content is not None  # of a regular file
            members[suffix.lower()] = content.read() if member.size <= MOST_BYTES else b""
        # The last block that was read is the archive's end mark, unless the file was cut short behind a member.
        if archive.fileobj.tell() == archive.offset:
            raise tarfile.ReadError("the end is missing")
    if members:
        yield key, members


def _item(name: str, share: float, picture: bytes, fields: Fields) -> Item:
    def read() -> bytes:
        if not picture:
            raise Drop("unreadable file", "empty, or too large")
        return picture

    return Item(name, name, share, lambda: fields, read)


@contextlib.contextmanager
def _damage(path: Path) -> Generator[None]:
    try:
        yield
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError) as error:
        raise DataError(
            f"{path} is cut short or no tar file: {error}", hint="fetch it again, or take it out of the folder"
        ) from error
