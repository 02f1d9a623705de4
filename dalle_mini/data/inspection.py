"""What is in a record set: counts, licences, sources, captions, and a sheet to look at."""

import dataclasses
from collections import Counter
from pathlib import Path

from PIL import Image

from dalle_mini.data.manifest import Manifest
from dalle_mini.data.records import Picture, read_labels
from dalle_mini.data.shards import RecordSet
from dalle_mini.data.sheet import contact_sheet
from dalle_mini.errors import DataError

SHOWN = 64


@dataclasses.dataclass(frozen=True)
class Lengths:
    least: int
    middle: int
    most: int


@dataclasses.dataclass(frozen=True)
class Inspection:
    """`size` is in bytes; `characters` and `words` are of the captions; `labels` counts the pictures labelled, by
    field."""

    manifest: Manifest
    size: int
    characters: Lengths
    words: Lengths
    labels: dict[str, int]


def inspect(directory: str | Path) -> Inspection:
    """Read a whole set, its digests first; DataError where it is damaged."""
    records = RecordSet.open(directory)
    records.verify()
    characters, words, labels = Counter(), Counter(), Counter()
    for fields in records.fields():
        characters[len(fields["caption"])] += 1
        words[len(fields["caption"].split())] += 1
        labels.update(read_labels(fields).keys())
    size = sum(shard.size for shard in records.manifest.shards)
    return Inspection(records.manifest, size, _lengths(characters), _lengths(words), dict(labels))


def draw_sheet(directory: str | Path) -> Image.Image:
    """Some pictures of a set from its beginning to its end, with their captions; DataError if it holds tokens."""
    pictures = RecordSet.open(directory)
    count = min(SHOWN, len(pictures))
    chosen = [pictures[place * len(pictures) // count] for place in range(count)]
    shown = [(each.caption, Image.fromarray(each.pixels)) for each in chosen if isinstance(each, Picture)]
    if not shown:
        raise DataError(f"{directory} holds tokens, which can't be seen", hint="draw a sheet of the pictures")
    return contact_sheet(shown)


def _lengths(counted: Counter[int]) -> Lengths:
    """The least, middle and largest of counted numbers."""
    left = counted.total() // 2
    for middle in sorted(counted):
        left -= counted[middle]
        if left < 0:
            return Lengths(min(counted), middle, max(counted))
    raise DataError("the set is empty", hint="make it again, or fetch it again")
