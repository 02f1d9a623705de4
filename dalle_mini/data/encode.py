"""From captioned pictures to tokens: what the transformer is trained on."""

import functools
from collections.abc import Iterator
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from dalle_mini.arrays import Params
from dalle_mini.config import VQGANConfig
from dalle_mini.data.shards import read_shard, shard_paths, write_shard
from dalle_mini.errors import DataError
from dalle_mini.models import vqgan
from dalle_mini.text.tokenizer import Tokenizer

_BATCH = 100


@functools.partial(jax.jit, static_argnums=1)
def _encode_pixels(params: Params, config: VQGANConfig, pixels):
    return vqgan.encode(params, config, pixels.astype(jnp.float32) / 255)


def encode_shards(
    pictures: Path, out: Path, tokenizer: Tokenizer, params: Params, config: VQGANConfig
) -> Iterator[tuple[int, int]]:
    """Encode every shard of `pictures` that `out` lacks; yields (shards done, shards in all)."""
    paths = shard_paths(pictures)
    for done, path in enumerate(paths, start=1):
        target = Path(out) / path.name.replace("scenes", "tokens")
        if not target.exists():
            _encode_shard(path, target, tokenizer, params, config)
        yield done, len(paths)


def _encode_shard(source: Path, target: Path, tokenizer: Tokenizer, params: Params, config: VQGANConfig) -> None:
    shard = read_shard(source, ("pixels", "captions"))
    pixels, captions = shard["pixels"], shard["captions"]
    size = config.resolution
    if pixels.shape[1:] != (size, size, 3):
        raise DataError(
            f"{source}: pictures of shape {pixels.shape[1:]}, the VQGAN reads {(size, size, 3)}",
            hint="build the pictures at the VQGAN's resolution",
        )
    tokens = []
    for start in range(0, len(pixels), _BATCH):
        batch = pixels[start : start + _BATCH]
        padded = np.concatenate([batch, np.zeros((_BATCH - len(batch), *batch.shape[1:]), batch.dtype)])
        tokens.append(np.asarray(_encode_pixels(params, config, padded))[: len(batch)])
    text = np.asarray(tokenizer.encode([str(caption) for caption in captions]).tokens)
    write_shard(target, text=text, image=np.concatenate(tokens), captions=captions)
