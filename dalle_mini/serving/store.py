"""Finished drawings: rows in SQLite, pictures in a folder for each.

A drawing's folder is written, and only then gets its row; it is deleted the other way round. So whatever has a row is
whole, whenever the process is killed, and what `put` returned from stays.
"""

import contextlib
import dataclasses
import hashlib
import hmac
import json
import re
import sqlite3
import threading
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Literal

from dalle_mini.checkpoints.staging import output_errors
from dalle_mini.errors import OutputError
from dalle_mini.serving.folders import Folders, LocalFolders

_SCHEMA = """
CREATE TABLE IF NOT EXISTS drawings (
    id TEXT PRIMARY KEY,
    created REAL NOT NULL,
    expires REAL NOT NULL,
    bytes INTEGER NOT NULL,
    delete_token BLOB NOT NULL,
    idempotency BLOB UNIQUE,
    request BLOB,
    description TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS gone (id TEXT PRIMARY KEY, fate TEXT NOT NULL, at REAL NOT NULL) STRICT;
CREATE INDEX IF NOT EXISTS drawings_created ON drawings (created);
CREATE INDEX IF NOT EXISTS drawings_expires ON drawings (expires);
"""
_ID = re.compile(r"[A-Za-z0-9_-]{22}")
_FILE = re.compile(r"[a-z0-9]+\.(png|webp)")
_SECONDS_REMEMBERED = 2 * 365 * 86400
"""How long it is told of an id that its drawing is gone."""
_SECONDS_TO_FINISH = 3600
"""A folder without a row is rubbish when it is older than this: another process may be about to write the row."""


@dataclasses.dataclass(frozen=True)
class Label:
    """What a drawing goes by. `idempotency` names the order it answers, `request` is what was ordered: hashes both."""

    id: str
    delete_token: str
    idempotency: bytes | None = None
    request: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Record:
    """A drawing that is kept; times are seconds since 1970."""

    id: str
    created: float
    expires: float
    description: dict[str, Any]
    request: bytes | None = None


Fate = Literal["deleted", "expired"]


class Store:
    """Keeps drawings for `keep_seconds`, the oldest no longer than `max_bytes` allow; for any number of threads."""

    def __init__(
        self,
        folder: Path,
        *,
        keep_seconds: float,
        max_bytes: float,
        pictures: Folders | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._pictures = folder, pictures or LocalFolders(folder / "pictures")
        self._keep_seconds, self._max_bytes, self._clock = keep_seconds, max_bytes, clock
        self._lock = threading.Lock()
        with output_errors(folder):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with sqlite_errors(folder):
            self._rows = sqlite3.connect(folder / "drawings.sqlite", check_same_thread=False, isolation_level=None)
            self._rows.executescript("PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;")
            self._rows.executescript(_SCHEMA)
        self._sweep_rubbish()
        self.sweep()

    def put(
        self,
        label: Label,
        files: Mapping[str, bytes],
        description: Mapping[str, Any],
        *,
        keep_seconds: float | None = None,
    ) -> Record:
        """Keep a drawing, for as long as usual or for `keep_seconds`; when this returns, it is on disk.

        OutputError where it can't be.
        """
        if not _ID.fullmatch(label.id) or not all(map(_FILE.fullmatch, files)):
            raise ValueError(f"not the name of a drawing and its files: {label.id!r}, {list(files)}")
        self.sweep()
        now = self._clock()
        expires = now + (self._keep_seconds if keep_seconds is None else keep_seconds)
        record = Record(label.id, now, expires, dict(description), label.request)
        self._pictures.write(label.id, files)
        row = (
            record.id,
            record.created,
            record.expires,
            sum(map(len, files.values())),
            _hash(label.delete_token),
            label.idempotency,
            label.request,
            json.dumps(record.description),
        )
        try:
            with self._lock, sqlite_errors(self._folder):
                self._rows.execute("INSERT INTO drawings VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
        except OutputError:
            self._pictures.remove(label.id)
            raise
        self.sweep()
        return record

    def get(self, id: str) -> Record | None:
        """The drawing of that id, or None: whatever the id is made of, it is only looked up."""
        return self._find("id = ?", id) if _ID.fullmatch(id) else None

    def find_order(self, idempotency: bytes) -> Record | None:
        """The drawing that answered an order."""
        return self._find("idempotency = ?", idempotency)

    def read(self, id: str, name: str) -> bytes | None:
        """A file of a drawing; None where there is none."""
        if self.get(id) is None or not _FILE.fullmatch(name):
            return None
        return self._pictures.read(id, name)

    def owns(self, id: str, delete_token: str) -> bool:
        """Whether the token is that drawing's own; False where there is no such drawing."""
        with self._lock:
            row = self._rows.execute("SELECT delete_token FROM drawings WHERE id = ?", (id,)).fetchone()
        return row is not None and hmac.compare_digest(row[0], _hash(delete_token))

    def delete(self, id: str, delete_token: str) -> bool:
        """Delete a drawing, if the token is its own; else it stays, and the answer is False."""
        if not self.owns(id, delete_token):
            return False
        self.remove(id)
        return True

    def remove(self, id: str) -> None:
        """Delete a drawing, as whoever runs the server may."""
        self._remove([id], "deleted")

    def locate(self, id: str, name: str) -> str:
        """Where a file of a drawing lies."""
        return self._pictures.locate(id, name)

    def find_fate(self, id: str) -> Fate | None:
        """What became of a drawing that was kept; None where there is one still, or never was."""
        with self._lock:
            kept = self._rows.execute("SELECT expires FROM drawings WHERE id = ?", (id,)).fetchone()
            gone = self._rows.execute("SELECT fate FROM gone WHERE id = ?", (id,)).fetchone()
        if kept:
            return "expired" if kept[0] <= self._clock() else None
        return gone[0] if gone else None

    def sweep(self) -> None:
        """Delete what has expired, then the oldest until the rest fits, but not the newest."""
        with self._lock:
            rows = self._rows.execute("SELECT id, expires, bytes FROM drawings ORDER BY created DESC").fetchall()
        now, total, gone = self._clock(), 0, []
        for number, (id, expires, size) in enumerate(rows):
            total += size
            if expires <= now or (number and total > self._max_bytes):
                gone.append(id)
        self._remove(gone, "expired")

    def count_bytes(self) -> int:
        with self._lock:
            return self._rows.execute("SELECT COALESCE(SUM(bytes), 0) FROM drawings").fetchone()[0]

    def close(self) -> None:
        with self._lock:
            self._rows.close()

    def _find(self, condition: str, value: str | bytes) -> Record | None:
        columns = "id, created, expires, description, request"
        with self._lock:
            row = self._rows.execute(f"SELECT {columns} FROM drawings WHERE {condition}", (value,)).fetchone()
        if row is None or row[2] <= self._clock():
            return None
        id, created, expires, description, request = row
        return Record(id, created, expires, json.loads(description), request)

    def _remove(self, ids: list[str], fate: Fate) -> None:
        """Rows first, so that nobody finds a drawing that is being taken away."""
        if not ids:
            return
        now = self._clock()
        with self._lock, sqlite_errors(self._folder), self._rows:
            self._rows.execute("BEGIN IMMEDIATE")
            for id in ids:
                if self._rows.execute("DELETE FROM drawings WHERE id = ?", (id,)).rowcount:
                    self._rows.execute("INSERT OR REPLACE INTO gone VALUES (?, ?, ?)", (id, fate, now))
            self._rows.execute("DELETE FROM gone WHERE at < ?", (now - _SECONDS_REMEMBERED,))
        for id in ids:
            self._pictures.remove(id)

    def _sweep_rubbish(self) -> None:
        """Folders that a killed process left without a row."""
        with self._lock:
            known = {id for (id,) in self._rows.execute("SELECT id FROM drawings")}
        self._pictures.sweep(known, _SECONDS_TO_FINISH)


def _hash(token: str) -> bytes:
    # Tokens are random and long, so a plain hash can't be guessed back.
    return hashlib.sha256(token.encode(errors="surrogatepass")).digest()


@contextlib.contextmanager
def sqlite_errors(folder: Path) -> Generator[None]:
    """Errors of SQLite as OutputError, with the folder's name."""
    try:
        yield
    except sqlite3.Error as error:
        raise OutputError(f"can't keep drawings in {folder}: {error}", hint="check the disk and its room") from error
