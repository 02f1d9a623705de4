"""How near two pictures are: the cosine of their CLIP embeddings, and the share of image tokens that are equal."""

import dataclasses
import functools
import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from dalle_mini.arrays import Array, Float, Int32, Params, UInt8
from dalle_mini.audit.marking import check_numbers
from dalle_mini.config import VQGANConfig
from dalle_mini.data.encode import encode_pixels
from dalle_mini.data.loader import Batch
from dalle_mini.models import vqgan
from dalle_mini.ranking import Clip

EMBEDDING, TOKENS = "embedding", "tokens"
Likeness = Float[np.ndarray, "queries records"]

BATCH = 64
"""Records are looked at so many at a time."""
SHIFTS = tuple((down, right) for down in (-1, 0, 1) for right in (-1, 0, 1))
"""A picture that was moved by one token is still the same."""
_ENCODED = 8


@dataclasses.dataclass(frozen=True)
class Features:
    """What pictures are compared by; `embedded` is None without a ranker."""

    tokens: Int32[np.ndarray, "images image"]
    embedded: Float[np.ndarray, "images projection"] | None

    def compare(self, others: "Features") -> Mapping[str, Likeness]:
        """How near these are to others, by measure."""
        found = {TOKENS: share_tokens(self.tokens, others.tokens)}
        if self.embedded is not None and others.embedded is not None:
            found[EMBEDDING] = self.embedded @ others.embedded.T
        return found


def join(parts: Sequence[Features]) -> Features:
    embedded = [part.embedded for part in parts if part.embedded is not None]
    return Features(np.concatenate([part.tokens for part in parts]), np.concatenate(embedded) if embedded else None)


def share_tokens(
    queries: Int32[np.ndarray, "queries image"], records: Int32[np.ndarray, "records image"]
) -> Float[np.ndarray, "queries records"]:
    """The share of equal tokens, position by position, in the best of `SHIFTS`; what is moved out counts as unequal."""
    side = math.isqrt(queries.shape[1])
    one, other = (tokens.reshape(-1, side, side) for tokens in (queries, records))
    best = np.zeros((len(one), len(other)), np.int64)
    for down, right in SHIFTS:
        here = one[:, None, max(down, 0) : side + min(down, 0), max(right, 0) : side + min(right, 0)]
        there = other[None, :, max(-down, 0) : side + min(-down, 0), max(-right, 0) : side + min(-right, 0)]
        np.maximum(best, (here == there).sum(axis=(2, 3)), out=best)
    return (best / queries.shape[1]).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class FeatureReader:
    """Reads what pictures are compared by: with a VQGAN, whose tokens a token set must be of, and maybe a ranker."""

    params: Params
    config: VQGANConfig
    ranker: Clip | None

    def read(self, batch: Batch) -> Features:
        """The features of records, which are pictures or tokens."""
        tokens = batch.arrays.get("image")
        if tokens is None:
            pictures = [Image.fromarray(pixels) for pixels in batch.arrays["pixels"]]
            return Features(self._encode(pictures), self.embed(pictures))
        pictures = [Image.fromarray(pixels) for pixels in self.decode(tokens)] if self.ranker else []
        return Features(tokens, self.embed(pictures))

    def _encode(self, pictures: Sequence[Image.Image]) -> Int32[np.ndarray, "images image"]:
        """The tokens of pictures, which are brought to the VQGAN's size."""
        size = (self.config.resolution, self.config.resolution)
        fitted = [
            picture if picture.size == size else picture.resize(size, Image.Resampling.BICUBIC) for picture in pictures
        ]
        pixels = np.stack([np.asarray(picture) for picture in fitted])
        parts = [
            np.asarray(encode_pixels(self.params, self.config, pixels[start : start + _ENCODED], rows=_ENCODED))
            for start in range(0, len(pixels), _ENCODED)
        ]
        return np.concatenate(parts)

    def decode(self, tokens: Int32[np.ndarray, "images image"]) -> UInt8[np.ndarray, "images height width 3"]:
        """The pictures of tokens."""
        parts = []
        for start in range(0, len(tokens), _ENCODED):
            rows = tokens[start : start + _ENCODED]
            filled = np.concatenate([rows, np.zeros((_ENCODED - len(rows), tokens.shape[1]), np.int32)])
            parts.append(np.asarray(_decode(self.params, self.config, filled))[: len(rows)])
        return np.concatenate(parts)

    def embed(self, pictures: Sequence[Image.Image]) -> Float[np.ndarray, "images projection"] | None:
        """The embeddings of pictures, None without a ranker; DataError if one is no number."""
        return check_numbers(self.ranker.embed_images(pictures), "pictures") if self.ranker else None


@functools.partial(jax.jit, static_argnames="config")
def _decode(
    params: Params, config: VQGANConfig, tokens: Int32[Array, "images image"]
) -> UInt8[Array, "images height width 3"]:
    pixels = vqgan.decode(params, config, tokens).astype(jnp.float32)
    return (jnp.clip(pixels, 0, 1) * 255).astype(jnp.uint8)
