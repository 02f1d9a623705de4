"""The records of a set: msgpack maps of plain values, one for every picture or row of tokens."""

import dataclasses
import io
from collections.abc import Callable, Mapping
from typing import Any

import msgpack
import numpy as np
from jaxtyping import Int32, UInt8
from PIL import Image

from dalle_mini.data.manifest import Kind, Manifest
from dalle_mini.errors import DataError


@dataclasses.dataclass(frozen=True)
class Picture:
    id: str
    caption: str
    pixels: UInt8[np.ndarray, "height width 3"]
    licence: str
    source: str
    labels: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """What is to be seen, by field, such as {"thing": "cat", "count": "2"}; nothing where nobody said."""


@dataclasses.dataclass(frozen=True)
class Tokens:
    id: str
    caption: str
    text: Int32[np.ndarray, "text"]
    image: Int32[np.ndarray, "image"]


Record = Picture | Tokens


def pack_picture(
    *, id: str, caption: str, picture: bytes, licence: str, source: str, labels: Mapping[str, str] | None = None
) -> bytes:
    """The record of a picture, which is the bytes of a PNG file; `labels` say by field what is to be seen."""
    fields = {"id": id, "caption": caption, "picture": picture, "licence": licence, "source": source}
    return _pack({**fields, "labels": dict(labels)} if labels else fields)


def pack_tokens(*, id: str, caption: str, text: Int32[np.ndarray, "text"], image: Int32[np.ndarray, "image"]) -> bytes:
    """The record of a caption's and a picture's tokens."""
    rows = {"text": text.astype("<i4").tobytes(), "image": image.astype("<i4").tobytes()}
    return _pack({"id": id, "caption": caption, **rows})


def encode_png(image: Image.Image) -> bytes:
    """The PNG file of a picture, with nothing in it but pixels."""
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def unpack(record: bytes, manifest: Manifest) -> Record:
    """What a record of a set with this manifest holds; DataError if it does not fit it."""
    try:
        return _READERS[manifest.kind](unpack_fields(record), manifest)
    except (KeyError, TypeError, ValueError, OSError, SyntaxError) as error:
        hint = "make the set again, or fetch it again"
        raise DataError(f"a record does not hold {manifest.kind}: {error!r}", hint=hint) from error


def unpack_fields(record: bytes) -> dict[str, Any]:
    """The fields of a record as they lie in the file; ValueError if it is none."""
    fields = msgpack.unpackb(record, unicode_errors="surrogatepass")
    if not isinstance(fields, dict) or not all(isinstance(fields.get(name), str) for name in ("id", "caption")):
        raise ValueError("no map with an id and a caption")
    return fields


def read_labels(fields: Mapping[str, Any]) -> dict[str, str]:
    """The labels among a picture's fields, none in older sets; ValueError if they are no texts by field."""
    labels = fields.get("labels", {})
    if not isinstance(labels, dict) or not all(isinstance(text, str) for pair in labels.items() for text in pair):
        raise ValueError(f"{fields['id']}: labels are not texts by field")
    return labels


def _pack(fields: Mapping[str, Any]) -> bytes:
    packed = msgpack.packb(fields, unicode_errors="surrogatepass")
    assert packed is not None
    return packed


def _read_picture(fields: Mapping[str, Any], manifest: Manifest) -> Picture:
    size = (manifest.resolution, manifest.resolution)
    with Image.open(io.BytesIO(fields["picture"]), formats=("PNG",)) as image:
        if image.size != size:
            raise ValueError(f"{fields['id']}: a picture of {image.size}, not {size}")
        pixels = np.asarray(image.convert("RGB"))
    labels = read_labels(fields)
    return Picture(fields["id"], fields["caption"], pixels, fields["licence"], fields["source"], labels)


def _read_tokens(fields: Mapping[str, Any], manifest: Manifest) -> Tokens:
    text, image = (np.frombuffer(fields[name], "<i4").astype(np.int32, copy=False) for name in ("text", "image"))
    if (len(text), len(image)) != (manifest.text_length, manifest.image_length):
        raise ValueError(f"{fields['id']}: {len(text)} text and {len(image)} image tokens")
    return Tokens(fields["id"], fields["caption"], text, image)


_READERS: Mapping[Kind, Callable[[Mapping[str, Any], Manifest], Record]] = {
    "pictures": _read_picture,
    "tokens": _read_tokens,
}
