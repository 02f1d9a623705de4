"""The nearest records of many pictures, of a set that is read once; only the best are kept, whatever its size."""

import dataclasses
from collections.abc import Callable

import numpy as np

from dalle_mini.arrays import Float, Int32
from dalle_mini.audit.likeness import BATCH, EMBEDDING, TOKENS, FeatureReader, Features
from dalle_mini.data.loader import read_in_order
from dalle_mini.data.shards import RecordSet

KEPT = 3


@dataclasses.dataclass(frozen=True)
class Nearest:
    """The nearest records of every query, the best first: how near, and their places in the set."""

    likeness: Float[np.ndarray, "queries kept"]
    places: Int32[np.ndarray, "queries kept"]

    @classmethod
    def none(cls, queries: int) -> "Nearest":
        return cls(np.full((queries, KEPT), -np.inf, np.float32), np.full((queries, KEPT), -1, np.int32))

    def add(self, likeness: Float[np.ndarray, "queries records"], first: int) -> "Nearest":
        """With the records from place `first` on; of equals the earlier stays."""
        places = np.broadcast_to(np.arange(first, first + likeness.shape[1], dtype=np.int32), likeness.shape)
        values, found = np.hstack([self.likeness, likeness]), np.hstack([self.places, places])
        order = np.argsort(-values, axis=1, kind="stable")[:, :KEPT]
        return Nearest(np.take_along_axis(values, order, axis=1), np.take_along_axis(found, order, axis=1))

    @property
    def best(self) -> Float[np.ndarray, "queries"]:
        return self.likeness[:, 0]


def find_nearest(
    queries: Features,
    own: Int32[np.ndarray, "queries"],
    records: RecordSet,
    reader: FeatureReader,
    on_progress: Callable[[float, int], None] | None = None,
) -> dict[str, Nearest]:
    """By measure, the nearest records of every query but itself: `own` is its place in the set, -1 where in none."""
    measures = [TOKENS] if queries.embedded is None else [EMBEDDING, TOKENS]
    found, first = {name: Nearest.none(len(queries.tokens)) for name in measures}, 0
    for batch in read_in_order(records, 0, len(records), BATCH):
        count = len(batch.ids)
        is_own = own[:, None] == np.arange(first, first + count)
        likeness = queries.compare(reader.read(batch))
        found = {
            name: nearest.add(np.where(is_own, -np.inf, likeness[name]).astype(np.float32), first)
            for name, nearest in found.items()
        }
        first += count
        if on_progress:
            on_progress(first / len(records), first)
    return found
