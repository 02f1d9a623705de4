"""What visitors reported of shared pages: how often and why, never by whom."""

import dataclasses
import hashlib
import hmac
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from dalle_mini.serving.store import sqlite_errors

_SCHEMA = """
CREATE TABLE IF NOT EXISTS reports (
    id TEXT NOT NULL, reporter BLOB NOT NULL, reason TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (id, reporter)
) STRICT;
CREATE TABLE IF NOT EXISTS approved (id TEXT PRIMARY KEY) STRICT;
"""


@dataclasses.dataclass(frozen=True)
class Reported:
    """A page that was reported: `reasons` are the reports', the oldest first."""

    id: str
    reasons: tuple[str, ...]


class Reports:
    """Counts each visitor once a page; the page that was looked at and approved is reported no more."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._clock = folder, clock
        self._lock = threading.Lock()
        # Forgotten with the process, so that addresses can't be told from what is on disk.
        self._secret = secrets.token_bytes(32)
        with sqlite_errors(folder):
            self._rows = sqlite3.connect(folder / "reports.sqlite", check_same_thread=False, isolation_level=None)
            self._rows.executescript("PRAGMA busy_timeout=10000; PRAGMA journal_mode=WAL;")
            self._rows.executescript(_SCHEMA)

    def add(self, id: str, *, reporter: str, reason: str) -> int:
        """Note a report; how many there are now."""
        name = hmac.digest(self._secret, f"{id}\0{reporter}".encode(), hashlib.sha256)
        with self._lock, sqlite_errors(self._folder):
            row = (id, name, reason, self._clock())
            self._rows.execute("INSERT OR IGNORE INTO reports VALUES (?, ?, ?, ?)", row)
        return self.count(id)

    def count(self, id: str) -> int:
        """Reports that have yet to be looked at; none of an approved page."""
        with self._lock, sqlite_errors(self._folder):
            counted = "SELECT COUNT(*) FROM reports WHERE id = ? AND id NOT IN (SELECT id FROM approved)"
            return self._rows.execute(counted, (id,)).fetchone()[0]

    def list_open(self) -> list[Reported]:
        """What is to be looked at, the most reported first."""
        listed = "SELECT id, reason FROM reports WHERE id NOT IN (SELECT id FROM approved) ORDER BY at"
        reasons: dict[str, list[str]] = {}
        with self._lock, sqlite_errors(self._folder):
            for id, reason in self._rows.execute(listed):
                reasons.setdefault(id, []).append(reason)
        found = [Reported(id, tuple(given)) for id, given in reasons.items()]
        return sorted(found, key=lambda reported: -len(reported.reasons))

    def approve(self, id: str) -> None:
        """Nothing is wrong with the page, whatever is reported."""
        with self._lock, sqlite_errors(self._folder):
            self._rows.execute("INSERT OR IGNORE INTO approved VALUES (?)", (id,))

    def forget(self, id: str) -> None:
        """The page is no more."""
        with self._lock, sqlite_errors(self._folder):
            self._rows.execute("DELETE FROM reports WHERE id = ?", (id,))
            self._rows.execute("DELETE FROM approved WHERE id = ?", (id,))

    def close(self) -> None:
        with self._lock:
            self._rows.close()
