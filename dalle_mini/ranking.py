"""How well pictures fit a prompt, by a CLIP: both become vectors of length 1, and near ones belong together.

A picture is brought to the size that the model reads exactly as `CLIPImageProcessor` does: its short side by a bicubic
filter, then the middle of the long one.
"""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from dalle_mini.arrays import Array, Float, Int32, Params, UInt8
from dalle_mini.checkpoints.config_file import read_json
from dalle_mini.checkpoints.releases import resolve_clip
from dalle_mini.checkpoints.store import load_clip
from dalle_mini.config import CLIPConfig, CLIPTextConfig
from dalle_mini.errors import CheckpointError, DataError
from dalle_mini.models import clip
from dalle_mini.text.clip import read_clip_tokenizer
from dalle_mini.text.tokenizer import Tokenizer

LANES = 9
"""Pictures are embedded this many at a time, the last rows unused where fewer are left: one compiled program, and an
embedding that does not depend on what is embedded beside it. Texts go one by one."""

LONGEST = 100
"""Pictures that are longer, in widths, are refused: most of what the filter makes of them would be cut off."""

Pictures = Sequence[Image.Image] | np.ndarray
"""PIL pictures of any sizes and modes, or an array [n, height, width, 3]: uint8, or float in [0, 1]."""


@dataclasses.dataclass(frozen=True)
class Clip:
    """A CLIP with its tokenizer. Embeddings are float32 rows of length 1."""

    config: CLIPConfig
    params: Params
    tokenizer: Tokenizer

    @classmethod
    def load(cls, source: str | Path, *, dtype: str | None = None, offline: bool | None = None) -> "Clip":
        """The CLIP of a directory or a Hub id; CheckpointError says what is wrong with it.

        `dtype` is what numbers are computed in: float32 on a CPU and bfloat16 on an accelerator unless said otherwise.
        """
        folder = resolve_clip(source, offline=offline)
        dtype = dtype or ("float32" if jax.default_backend() == "cpu" else "bfloat16")
        config, params = load_clip(folder, dtype=dtype)
        _check_preprocessor(folder / "preprocessor_config.json")
        text = config.text_config
        length, normalize = text.max_position_embeddings, text.normalize_text
        tokenizer = read_clip_tokenizer(folder, max_length=length, normalize=normalize)
        _check_tokenizer(tokenizer, text, folder)
        return cls(config, params, tokenizer)

    def embed_images(self, images: Pictures) -> Float[np.ndarray, "images projection"]:
        """An embedding a picture; DataError for an array that holds no pictures."""
        pixels = prepare_pixels(images, self.config.vision_config.image_size)
        rows = [np.empty((0, self.config.projection_dim), np.float32)]
        for start in range(0, len(pixels), LANES):
            batch = pixels[start : start + LANES]
            unused = np.zeros((LANES - len(batch), *batch.shape[1:]), np.uint8)
            embedded = embed_images(self.params, self.config, np.concatenate([batch, unused]))
            rows.append(np.asarray(embedded)[: len(batch)])
        return np.concatenate(rows)

    def embed_text(self, prompts: Sequence[str]) -> Float[np.ndarray, "prompts projection"]:
        """An embedding a prompt, of which the end is cut off where it is too long; PromptError for an empty one."""
        tokens = self.tokenizer.encode(prompts).tokens
        rows = [np.asarray(embed_text(self.params, self.config, tokens[row : row + 1])) for row in range(len(tokens))]
        return np.concatenate([np.empty((0, self.config.projection_dim), np.float32), *rows])

    def marks(self, images: Pictures, prompt: str) -> Float[np.ndarray, "images"]:
        """How well each picture fits the prompt: the cosine of their embeddings, from -1 to 1.

        Not scaled by the model's temperature, which changes neither the order nor what is comparable.
        """
        return self.embed_images(images) @ self.embed_text([prompt])[0]


def _check_tokenizer(tokenizer: Tokenizer, text: CLIPTextConfig, folder: Path) -> None:
    """Refuse a tokenizer of another model, whose tokens would be read as something else."""
    end = tokenizer.byte_pairs.end_id
    if tokenizer.vocab_size > text.vocab_size or (text.pooling == "end_token" and end != text.eos_token_id):
        raise CheckpointError(
            f"{folder}: the tokenizer has {tokenizer.vocab_size} tokens and ends a text with {end}, "
            f"the model has {text.vocab_size} and looks for {text.eos_token_id}",
            hint="use the tokenizer files that came with these weights",
        )


def _check_preprocessor(path: Path) -> None:
    """Refuse a published model whose pictures are prepared in another way."""
    if not path.is_file():
        return
    found = read_json(path, "delete it to prepare pictures as the first published CLIP does")
    built = {
        "do_resize": True,
        "resample": int(Image.Resampling.BICUBIC),
        "do_center_crop": True,
        "do_normalize": True,
        "image_mean": list(clip.PIXEL_MEAN),
        "image_std": list(clip.PIXEL_DEVIATION),
    }
    others = [f"{name}={found[name]!r}" for name, value in built.items() if found.get(name, value) != value]
    if others:
        hint = "only the first published CLIP's preparation of pictures is built"
        raise CheckpointError(f"{path}: {', '.join(others)}: not supported", hint=hint)


def prepare_pixels(images: Pictures, size: int) -> UInt8[np.ndarray, "images size size 3"]:
    """Pictures as RGB squares of `size` pixels a side."""
    if isinstance(images, np.ndarray):
        images = [Image.fromarray(pixels) for pixels in _to_bytes(images)]
    squares = [np.asarray(_crop_square(image.convert("RGB"), size)) for image in images]
    return np.stack(squares) if squares else np.empty((0, size, size, 3), np.uint8)


def _to_bytes(pixels: np.ndarray) -> np.ndarray:
    if pixels.ndim != 4 or pixels.shape[-1] != 3 or 0 in pixels.shape[1:]:
        raise DataError(
            f"expected pictures as [n, height, width, 3], found an array of shape {pixels.shape}",
            hint="give a list of PIL pictures, or one array for pictures of one size",
        )
    if pixels.dtype == np.uint8:
        return pixels
    if not np.issubdtype(pixels.dtype, np.floating):
        raise DataError(f"expected pixels as uint8 or float, found {pixels.dtype}", hint="convert them to uint8")
    return np.round(np.clip(pixels.astype(np.float32), 0, 1) * 255).astype(np.uint8)


def _crop_square(image: Image.Image, size: int) -> Image.Image:
    """The picture's middle, its short side `size` pixels long."""
    short, long = sorted(image.size)
    if not 0 < long <= LONGEST * short:
        message = f"can't crop a picture of {image.width} × {image.height} pixels"
        raise DataError(message, hint=f"give one that is at most {LONGEST} times as long as wide")
    # Quirk: the long side is cut to whole pixels, not rounded.
    length = int(size * long / short)
    width, height = (size, length) if image.width <= image.height else (length, size)
    if image.size != (width, height):
        image = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return image.crop((left, top, left + size, top + size))


@functools.partial(jax.jit, static_argnames="config")
def embed_images(
    params: Params, config: CLIPConfig, pixels: UInt8[Array, "images size size 3"]
) -> Float[Array, "images projection"]:
    """Embeddings of pictures of the model's own size."""
    return clip.embed_images(params, config, pixels.astype(jnp.float32) / 255)


@functools.partial(jax.jit, static_argnames="config")
def embed_text(
    params: Params, config: CLIPConfig, tokens: Int32[Array, "prompts text"]
) -> Float[Array, "prompts projection"]:
    """Embeddings of tokenized prompts."""
    return clip.embed_text(params, config, tokens)
