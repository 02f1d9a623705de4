"""What a build must remember between shards, on disk: how far it is, what it counted, and what it has seen.

SQLite keeps it, so that memory does not grow with the set and a kill loses no more than the shard being written.
"""

import contextlib
import dataclasses
import sqlite3
from collections.abc import Generator
from pathlib import Path

from dalle_mini.data.manifest import Dropped, Shard
from dalle_mini.data.picture import Fingerprint
from dalle_mini.errors import OutputError

EXAMPLES = 5
MOST_NAMES = 1000
OTHERS = "(others)"

_NEAR_BITS = 3
_NEAR_COLOR = 16
_BANDS = 4
"""Of two fingerprints that differ in fewer bits than there are bands, one band is the same."""
_MOST_COMPARED = 512
_ALL_BITS = 2**64 - 1

_TABLES = f"""
CREATE TABLE IF NOT EXISTS position (passed INTEGER, last TEXT);
CREATE TABLE IF NOT EXISTS shard (file TEXT, count INTEGER, size INTEGER, sha256 TEXT);
CREATE TABLE IF NOT EXISTS tally (kind TEXT, name TEXT, count INTEGER, PRIMARY KEY (kind, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS example (reason TEXT, text TEXT);
CREATE TABLE IF NOT EXISTS picture (
    number INTEGER PRIMARY KEY, id TEXT, sha256 BLOB UNIQUE, gradients INTEGER, colors BLOB,
    {", ".join(f"band{band} INTEGER" for band in range(_BANDS))}
);
{"".join(f"CREATE INDEX IF NOT EXISTS by_band{band} ON picture (band{band}, gradients);" for band in range(_BANDS))}
"""
_ADD = f"INSERT INTO picture VALUES (NULL, ?, ?, ?, ?{', ?' * _BANDS})"
# The indexes alone answer this, without a look at the table.
_NEAR = " UNION ALL ".join(
    f"SELECT * FROM (SELECT number, gradients FROM picture WHERE band{band} = ? LIMIT {_MOST_COMPARED})"
    for band in range(_BANDS)
)


class Ledger:
    """Use in a `with` block; what was noted since the last `commit` is forgotten by its end."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> "Ledger":
        with self._errors():
            self._database = sqlite3.connect(self._path, timeout=0, isolation_level=None)
            self._database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._database.executescript(_TABLES)
            self._database.execute("BEGIN IMMEDIATE")
            if self._database.execute("SELECT count(*) FROM position").fetchone() == (0,):
                self._database.execute("INSERT INTO position VALUES (0, '')")
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def position(self) -> tuple[int, str]:
        """How many items are behind, and the last one's id."""
        with self._errors():
            return self._database.execute("SELECT passed, last FROM position").fetchone()

    def pass_item(self, id: str) -> None:
        with self._errors():
            self._database.execute("UPDATE position SET passed = passed + 1, last = ?", (id,))

    def count(self, kind: str, name: str) -> None:
        with self._errors():
            self._database.execute(
                "INSERT INTO tally VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET count = count + 1", (kind, name)
            )

    def drop(self, id: str, reason: str, detail: str) -> None:
        """Count an item that was left out, and keep it as an example if there are few."""
        self.count("dropped", reason)
        with self._errors():
            self._database.execute(
                "INSERT INTO example SELECT ?, ? WHERE (SELECT count(*) FROM example WHERE reason = ?) < ?",
                (reason, f"{id}: {detail}" if detail else id, reason, EXAMPLES),
            )

    def find_same(self, digest: bytes) -> str | None:
        """The id of the picture with the same bytes."""
        with self._errors():
            found = self._database.execute("SELECT id FROM picture WHERE sha256 = ?", (digest,)).fetchone()
        return found and found[0]

    def find_like(self, mark: Fingerprint) -> str | None:
        """The id of a picture that looks the same: few gradients differ, and no color much."""
        mine = _signed(mark.gradients)
        with self._errors():
            rows = self._database.execute(_NEAR, _bands(mark.gradients))
            near = {number for number, other in rows if ((mine ^ other) & _ALL_BITS).bit_count() <= _NEAR_BITS}
            for number in sorted(near):
                find = "SELECT id, colors FROM picture WHERE number = ?"
                id, colors = self._database.execute(find, (number,)).fetchone()
                if max(abs(a - b) for a, b in zip(colors, mark.colors, strict=True)) <= _NEAR_COLOR:
                    return id
        return None

    def add(self, id: str, digest: bytes, mark: Fingerprint) -> None:
        """Remember a picture that goes into the set."""
        bands = _bands(mark.gradients)
        with self._errors():
            self._database.execute(_ADD, (id, digest, _signed(mark.gradients), mark.colors, *bands))

    def shards(self) -> list[Shard]:
        with self._errors():
            return [Shard(*row) for row in self._database.execute("SELECT * FROM shard ORDER BY rowid")]

    def commit(self, shard: Shard) -> None:
        """Keep all that was noted, together with the shard that holds it."""
        with self._errors():
            self._database.execute("INSERT INTO shard VALUES (?, ?, ?, ?)", dataclasses.astuple(shard))
            self._database.execute("COMMIT")
            self._database.execute("BEGIN IMMEDIATE")

    def counts(self, kind: str) -> dict[str, int]:
        """Names and how often each was counted, the most frequent first; rare ones together where there are many."""
        order = "SELECT name, count FROM tally WHERE kind = ? ORDER BY count DESC, name"
        with self._errors():
            rows = self._database.execute(order, (kind,))
            found = dict(rows.fetchmany(MOST_NAMES))
            if rest := sum(count for _, count in rows):
                found[OTHERS] = rest
        return found

    def dropped(self) -> dict[str, Dropped]:
        examples = "SELECT text FROM example WHERE reason = ? ORDER BY rowid"
        with self._errors():
            return {
                reason: Dropped(count, tuple(text for (text,) in self._database.execute(examples, (reason,))))
                for reason, count in self.counts("dropped").items()
            }

    @contextlib.contextmanager
    def _errors(self) -> Generator[None]:
        try:
            yield
        except sqlite3.Error as error:
            busy = "locked" in str(error)
            message = f"{self._path.parent} is being written by another process" if busy else f"{self._path}: {error}"
            hint = "wait for it, or choose another folder" if busy else "free some space, or build into another folder"
            raise OutputError(message, hint=hint) from error


def remove_ledger(path: Path) -> None:
    """Take away a ledger that has done its work, and what SQLite keeps beside it."""
    for name in (path.name, f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)


def _signed(bits: int) -> int:
    """64 bits as SQLite keeps them."""
    return int.from_bytes(bits.to_bytes(8), signed=True)


def _bands(gradients: int) -> list[int]:
    """Every fourth bit, from four starts: each band has bits of all parts of the picture."""
    bits = f"{gradients:064b}"
    return [int(bits[band::_BANDS], 2) for band in range(_BANDS)]
