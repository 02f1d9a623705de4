"""Small record sets for tests, written by the product's own writer."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dalle_mini.data.manifest import Manifest
from dalle_mini.data.records import encode_png, pack_picture, pack_tokens
from dalle_mini.data.shards import RecordSet, RecordWriter

PICTURE_PLAN = Manifest("pictures", resolution=8)
TOKEN_PLAN = Manifest("tokens", text_length=4, image_length=9, vocab_size=320, codebook_size=64, vqgan="aaaa")


def picture_record(
    image: Image.Image, id: str = "p0", caption: str = "a caption", labels: Mapping[str, str] | None = None
) -> bytes:
    picture = encode_png(image)
    return pack_picture(id=id, caption=caption, picture=picture, licence="CC0-1.0", source="tests", labels=labels)


def write_pictures(
    directory: Path,
    pixels: np.ndarray,
    captions: Sequence[str],
    *,
    per_shard: int = 1000,
    labels: Sequence[Mapping[str, str]] = (),
) -> RecordSet:
    """A picture set of uint8[n, side, side, 3]; its ids are p0, p1 and so on."""
    rows = enumerate(zip(pixels, captions, labels or [{}] * len(captions), strict=True))
    records = [
        picture_record(Image.fromarray(array), f"p{index}", caption, known) for index, (array, caption, known) in rows
    ]
    plan = Manifest("pictures", resolution=pixels.shape[1])
    return _write(RecordWriter(directory, plan), records, per_shard)


def write_tokens(
    directory: Path,
    text: np.ndarray,
    image: np.ndarray,
    *,
    vocab_size: int = 320,
    codebook_size: int = 64,
    per_shard: int = 1000,
) -> RecordSet:
    """A token set of int[n, text] and int[n, image]; its ids are t0, t1 and so on."""
    rows = enumerate(zip(text.astype(np.int32), image.astype(np.int32), strict=True))
    records = [pack_tokens(id=f"t{index}", caption=f"caption {index}", text=t, image=i) for index, (t, i) in rows]
    plan = Manifest(
        "tokens",
        text_length=text.shape[1],
        image_length=image.shape[1],
        vocab_size=vocab_size,
        codebook_size=codebook_size,
        vqgan="aaaa",
    )
    return _write(RecordWriter(directory, plan), records, per_shard)


def _write(writer: RecordWriter, records: list[bytes], per_shard: int) -> RecordSet:
    writer.begin()
    starts = range(0, len(records), per_shard)
    shards = [writer.write(number, records[start : start + per_shard]) for number, start in enumerate(starts)]
    writer.finish(filter(None, shards), licences={"CC0-1.0": len(records)}, sources={"tests": len(records)})
    return RecordSet.open(writer.directory, writer.plan.kind)
