"""Batches of a record set: a pure function of (seed, step), whatever the number of processes or where a run resumes.

Every epoch is in an order of its own, and a batch may reach over the end of one.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction

import grain
import numpy as np

from dalle_mini.data.records import Picture, Record
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError

_THREADS = 4
_BATCHES_AHEAD = 8


@dataclasses.dataclass(frozen=True)
class Batch:
    """One process's share of a step. Of tokens, `arrays` has text int32[batch, text] and image int32[batch, image];
    of pictures, pixels uint8[batch, height, width, 3], and `labels` says by field what each shows."""

    ids: list[str]
    captions: list[str]
    arrays: dict[str, np.ndarray]
    labels: list[Mapping[str, str]] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True)
class Families:
    """The records of a set, so many in a row at a time; those that are left over at its end are left out."""

    record_set: RecordSet
    kin: int

    def __len__(self) -> int:
        return len(self.record_set) // self.kin

    def __getitem__(self, index: int) -> list[Record]:
        return [self.record_set[row] for row in range(index * self.kin, (index + 1) * self.kin)]


class Loader:
    """The batches that process `process` of `processes` trains on; ConfigError if they can't share evenly.

    `kin` records in a row of the set are in one batch.
    """

    def __init__(
        self, record_set: RecordSet, *, batch_size: int, seed: int, process: int = 0, processes: int = 1, kin: int = 1
    ) -> None:
        if batch_size < 1 or batch_size % processes:
            hint = f"choose a multiple of {processes}, the number of processes"
            raise ConfigError(f"batch_size={batch_size!r} can't be shared by {processes} processes", hint=hint)
        local, families = batch_size // processes, Families(record_set, kin)
        if local % kin or not len(families):
            hint = f"choose a multiple of {kin * processes}, and a set of at least {kin}"
            raise ConfigError(f"batch_size={batch_size!r} has no room for {kin} records in a row", hint=hint)
        if not 0 <= process < processes:
            raise ConfigError(f"process={process!r} is not one of {processes} processes")
        shuffled = grain.MapDataset.source(families).seed(seed).shuffle().repeat()
        # Nothing remains of what repeats without end; but for this, the length is rounded to a float, and overflows.
        self._batches = shuffled.batch(local // kin, drop_remainder=True, batch_fn=_stack_families)[process::processes]

    def at(self, step: int) -> Batch:
        """The batch of one step."""
        batch = self._batches[step]
        assert batch is not None  # only filters leave gaps
        return batch

    def iterate(self, first_step: int = 0) -> Iterator[Batch]:
        """The batches from `first_step` on, without end; some are read ahead by threads."""
        return _read_ahead(self._batches[first_step:])


def mix_batches(batches: Sequence[Batch]) -> Batch:
    """One batch of the rows of several, of the same kind, each spread evenly over it.

    Mixed before or after they are divided among processes, the rows come in the same order.
    """
    # Exact fractions: two rows at the same place keep the order of their sets, whatever their number.
    places = [Fraction(2 * row + 1, len(batch.ids)) for batch in batches for row in range(len(batch.ids))]
    order = sorted(range(len(places)), key=places.__getitem__)
    joined = {
        name: [entry for batch in batches for entry in getattr(batch, name)] for name in ("ids", "captions", "labels")
    }
    # Rows of tokens have no labels at all.
    lists = {name: [entries[row] for row in order] if entries else [] for name, entries in joined.items()}
    arrays = {name: np.concatenate([batch.arrays[name] for batch in batches])[order] for name in batches[0].arrays}
    return Batch(**lists, arrays=arrays)


def read_in_order(record_set: RecordSet, first: int, last: int, batch_size: int) -> Iterator[Batch]:
    """The records from `first` to before `last` as they lie in the set, the last batch a shorter one."""
    return _read_ahead(grain.MapDataset.source(record_set)[first:last].batch(batch_size, batch_fn=stack_records))


def _read_ahead(batches: grain.MapDataset) -> Iterator[Batch]:
    options = grain.ReadOptions(num_threads=_THREADS, prefetch_buffer_size=_BATCHES_AHEAD)
    return iter(batches.to_iter_dataset(options))


def _stack_families(families: Sequence[Sequence[Record]]) -> Batch:
    return stack_records([record for family in families for record in family])


def stack_records(records: Sequence[Record]) -> Batch:
    """A batch of records of one kind."""
    names = ("pixels",) if isinstance(records[0], Picture) else ("text", "image")
    arrays = {name: np.stack([getattr(record, name) for record in records]) for name in names}
    labels = [record.labels for record in records if isinstance(record, Picture)]
    return Batch([record.id for record in records], [record.caption for record in records], arrays, labels)
