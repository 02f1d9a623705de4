"""Tables with a row for every picture: CSV, JSON lines and Parquet.

A row has the picture's path, as seen from the table, and a caption; it may have a licence and a source. Parquet may
hold the pictures themselves.
"""

import csv
import dataclasses
import io
import itertools
import json
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from dalle_mini.config import suggest
from dalle_mini.data.items import CAPTION_NAMES, Drop, Item, pick_fields, printable, read_file
from dalle_mini.errors import ConfigError, DataError

PICTURE_NAMES = ("picture", "image", "file_name", "file", "path")

_LONGEST_LINE = 2**24
_ROWS_AT_ONCE = 64

Rows = Iterator[tuple[int, float, dict[str, Any]]]
"""The number of a line or row, the share of the table that ends with it, and its cells."""


@dataclasses.dataclass(frozen=True)
class Columns:
    """The names of the columns to read; None stands for the usual ones. A table without captions is an error unless
    they are not `needed`."""

    picture: str | None = None
    caption: str | None = None
    needed: bool = True

    @property
    def named(self) -> dict[str, str]:
        """Those that were named, for the settings of a set."""
        given = {"picture_column": self.picture, "caption_column": self.caption}
        return {what: name for what, name in given.items() if name is not None}


def read_table(path: Path, columns: Columns) -> Iterator[Item]:
    """The pictures of a table; DataError if it is damaged or lacks a column."""
    table = printable(path.name)
    picture, caption, any_row = "", None, False
    for number, share, row in READERS[path.suffix.lower()](path):
        if not any_row:
            picture, caption = _find_columns(path, list(row), columns)
            any_row = True
        cell = row.get(picture)
        name = printable(cell) if isinstance(cell, str) else f"{table}:{number}"
        if name.startswith(("http://", "https://")):
            message = f"{path}: row {number} names an address, {name[:60]!r}"
            raise DataError(message, hint="fetch the pictures first; a row names a file that is here")
        fields = pick_fields(row, (caption,) if caption else ())
        yield Item(f"{table}:{number}", name, share, lambda fields=fields: fields, _reader(path.parent, cell))
    if not any_row:
        raise DataError(f"{path} has no rows", hint="it needs a row for every picture")


def _find_columns(path: Path, names: list[str], columns: Columns) -> tuple[str, str | None]:
    picture = _find_column(path, names, "picture", columns.picture, PICTURE_NAMES)
    if columns.caption is None and not columns.needed and not set(names) & set(CAPTION_NAMES):
        return picture, None
    return picture, _find_column(path, names, "caption", columns.caption, CAPTION_NAMES)


def _find_column(path: Path, names: list[str], what: str, given: str | None, usual: Sequence[str]) -> str:
    wanted = usual if given is None else (given,)
    found = next((name for name in wanted if name in names), None)
    if found is None:
        shown = given or " or ".join(usual)
        hints = [suggest(name, names) for name in wanted]
        nearest = next((hint for hint in hints if hint.startswith("did you mean")), hints[0])
        hint = f"{nearest}; --{what}-column names the right one"
        raise DataError(f"{path} has no column {shown} for the {what}", hint=hint)
    return found


def _reader(folder: Path, cell: Any) -> Callable[[], bytes]:
    """How to get at the picture of a cell: a path, or the bytes themselves."""

    def read() -> bytes:
        match cell:
            case str() if cell.strip():
                return read_file(folder / cell)
            case bytes() | {"bytes": bytes()}:
                return cell if isinstance(cell, bytes) else cell["bytes"]
        raise Drop("unreadable file", f"no path: {cell!r:.40}")

    return read


def _read_csv(path: Path) -> Rows:
    with _open(path) as file:
        # Bytes that are no text stay as they are until the rules for captions meet them.
        text = io.TextIOWrapper(file, "utf-8-sig", "surrogateescape", newline="")
        header = text.readline(_LONGEST_LINE)
        if any(unicodedata.category(char) == "Cs" for char in header):
            raise DataError(f"{path} is not UTF-8 text", hint="save it as UTF-8")
        rows = csv.DictReader(itertools.chain([header], text), delimiter=_find_delimiter(path, header), strict=True)
        try:
            for row in rows:
                yield rows.reader.line_num, _share(file, path), {name: row[name] for name in row if name is not None}
        except csv.Error as error:
            raise _broken(path, rows.reader.line_num, str(error)) from error


def _find_delimiter(path: Path, header: str) -> str:
    """What divides the columns: spreadsheets write semicolons and tabs into CSV as well."""
    return "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=header.count)


def _read_json_lines(path: Path) -> Rows:
    with _open(path) as file:
        number = 0
        while line := file.readline(_LONGEST_LINE):
            number += 1
            if len(line) == _LONGEST_LINE:
                raise _broken(path, number, f"longer than {_LONGEST_LINE >> 20} MiB")
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _broken(path, number, f"not JSON: {error}") from error
            if not isinstance(row, dict):
                raise _broken(path, number, f"{type(row).__name__}, not an object")
            yield number, _share(file, path), row


def _read_parquet(path: Path) -> Rows:
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        hint = "pip install 'dalle-mini[parquet]', or write the table as CSV or JSON lines"
        raise ConfigError("reading Parquet needs pyarrow, which is not installed", hint=hint) from error
    try:
        with _open(path) as file:
            table = parquet.ParquetFile(file)
            number, total = 0, table.metadata.num_rows
            for batch in table.iter_batches(_ROWS_AT_ONCE):
                for row in batch.to_pylist():
                    number += 1
                    yield number, number / total, row
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(f"can't read {path}: {error}", hint="write or fetch it again") from error


READERS: dict[str, Callable[[Path], Rows]] = {
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".jsonl": _read_json_lines,
    ".ndjson": _read_json_lines,
    ".parquet": _read_parquet,
}


def _open(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}", hint="check the path and its permissions") from error


def _share(file: BinaryIO, path: Path) -> float:
    return min(1.0, file.tell() / max(1, path.stat().st_size))


def _broken(path: Path, line: int, what: str) -> DataError:
    return DataError(f"{path}, line {line}: {what}", hint="mend that line, or take it out")
