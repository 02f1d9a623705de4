"""From captioned pictures to tokens: what the transformer is trained on."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from dalle_mini.arrays import Array, Int32, Params, UInt8
from dalle_mini.checkpoints.digests import digest_files, model_digest
from dalle_mini.checkpoints.store import load_vqgan
from dalle_mini.config import VQGANConfig
from dalle_mini.data.loader import Batch, read_in_order
from dalle_mini.data.manifest import MANIFEST, Dropped, Manifest, Shard
from dalle_mini.data.records import pack_tokens
from dalle_mini.data.shards import OnProgress, RecordSet, RecordWriter
from dalle_mini.errors import DataError, PromptError
from dalle_mini.models import vqgan
from dalle_mini.text.tokenizer import FILES, Tokenizer

SHARD = 8192
"""Rows of tokens in a file."""
UNREADABLE = "unreadable caption"

_PIXELS_AT_ONCE = 2**19


class Encoder:
    """A VQGAN and a tokenizer, and what they make of captioned pictures."""

    def __init__(
        self,
        vqgan: str | Path,
        tokenizer: str | Path,
        *,
        max_text_length: int,
        normalize: bool,
        batch_size: int | None = None,
    ) -> None:
        self.tokenizer = Tokenizer.from_directory(tokenizer, max_length=max_text_length, normalize=normalize)
        self.config, self._params = load_vqgan(vqgan)
        self._digests = model_digest(vqgan), tokenizer_digest(tokenizer)
        self.batch_size = batch_size or max(1, _PIXELS_AT_ONCE // self.config.resolution**2)

    def plan(self, resolution: int, name: str, settings: Mapping[str, Any]) -> Manifest:
        """The token set of the pictures that `settings` tell, which errors call `name`; DataError if they are of
        another resolution."""
        size = self.config.resolution
        if resolution != size:
            raise DataError(
                f"{name}: pictures of {resolution} pixels a side, the VQGAN reads {size}",
                hint=f"build them again with --resolution {size}",
            )
        vqgan_digest, words_digest = self._digests
        return Manifest(
            "tokens",
            settings=settings,
            text_length=self.tokenizer.max_length,
            image_length=self.config.image_length,
            vocab_size=self.tokenizer.vocab_size,
            codebook_size=self.config.codebook_size,
            vqgan=vqgan_digest,
            tokenizer=words_digest,
            normalized=self.tokenizer.normalize,
        )

    def encode(self, batch: Batch) -> Iterator[bytes]:
        """The records of a batch of pictures, without those whose captions can't be read."""
        texts = encode_captions(self.tokenizer, batch.captions)
        images = np.asarray(self.encode_pixels(batch.arrays["pixels"]))
        for id, caption, text, image in zip(batch.ids, batch.captions, texts, images, strict=True):
            if text is not None:
                yield pack_tokens(id=id, caption=caption, text=text, image=image)

    def encode_pixels(self, pixels: UInt8[Array | np.ndarray, "batch height width 3"]) -> Int32[Array, "batch image"]:
        """The image tokens of at most `batch_size` pictures."""
        return encode_pixels(self._params, self.config, pixels, rows=self.batch_size)


def encode_pixels(
    params: Params, config: VQGANConfig, pixels: UInt8[Array | np.ndarray, "batch height width 3"], *, rows: int
) -> Int32[Array, "batch image"]:
    """The image tokens of at most `rows` pictures: always as many at once, so that one program is compiled."""
    if missing := rows - len(pixels):
        pixels = np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.uint8)])
    return _encode_pixels(params, config, pixels)[: rows - missing]


def encode_captions(tokenizer: Tokenizer, captions: list[str]) -> list[Int32[np.ndarray, "text"] | None]:
    """The text tokens of every caption, None for one that can't be read."""
    try:
        return list(tokenizer.encode(captions).tokens)
    except PromptError:
        if len(captions) == 1:
            return [None]
    return [row for caption in captions for row in encode_captions(tokenizer, [caption])]


def encode_pictures(
    pictures: RecordSet, out: Path, encoder: Encoder, *, on_progress: OnProgress | None = None
) -> Manifest:
    """Write the token set of a picture set, or go on with it; `on_progress` gets the share and number of rows done.

    OutputError if `out` holds anything else, or tokens of another VQGAN, tokenizer or other pictures.
    """
    settings = {"pictures": digest_files([pictures.directory / MANIFEST])}
    writer = RecordWriter(out, encoder.plan(pictures.manifest.resolution, str(pictures.directory), settings))
    if finished := writer.begin():
        return finished
    shards: list[Shard] = []
    with writer.forget_if_empty():
        for number, first in enumerate(range(0, len(pictures), SHARD)):
            last = min(first + SHARD, len(pictures))
            batches = read_in_order(pictures, first, last, encoder.batch_size)
            rows = _encode(_report(batches, first, len(pictures), on_progress), encoder)
            if shard := writer.find(number) or writer.write(number, rows):
                shards.append(shard)
        if not shards:
            hint = "see its captions with dalle-mini data inspect"
            raise DataError(f"{pictures.directory}: no caption can be read", hint=hint)
    made, lost = pictures.manifest, len(pictures) - sum(shard.count for shard in shards)
    dropped = {UNREADABLE: Dropped(lost)} if lost else {}
    return writer.finish(shards, licences=made.licences, sources=made.sources, dropped=dropped, named=made.named)


def tokenizer_digest(directory: str | Path) -> str:
    """One SHA-256 of a tokenizer's files, and of nothing else in its folder."""
    return digest_files(path for name in FILES if (path := Path(directory) / name).exists())


def _encode(batches: Iterator[Batch], encoder: Encoder) -> Iterator[bytes]:
    return (row for batch in batches for row in encoder.encode(batch))


def _report(batches: Iterator[Batch], done: int, total: int, on_progress: OnProgress | None) -> Iterator[Batch]:
    for batch in batches:
        yield batch
        done += len(batch.ids)
        if on_progress:
            on_progress(done / total, done)


@functools.partial(jax.jit, static_argnums=1)
def _encode_pixels(params: Params, config: VQGANConfig, pixels):
    return vqgan.encode(params, config, pixels.astype(jnp.float32) / 255)
