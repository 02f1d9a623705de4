"""From a prompt to pictures: text tokens, image tokens, pixels, and a grid that knows its recipe.

`load` gives a `DalleMini`; its `generate` draws, and its `draw` does the same chunk by chunk, for those who want to
watch or to stop half-way.
"""

import dataclasses
import functools
import hashlib
import math
import os
import secrets
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

import dalle_mini
from dalle_mini import sampling
from dalle_mini.arrays import Array, Int32, Params, UInt8
from dalle_mini.checkpoints.generation import read_generation
from dalle_mini.checkpoints.releases import resolve
from dalle_mini.checkpoints.store import load_transformer, load_vqgan
from dalle_mini.config import GenerationConfig, TransformerConfig, VQGANConfig, check_seed
from dalle_mini.errors import CheckpointError
from dalle_mini.grid import compose_grid, save_png
from dalle_mini.models import vqgan
from dalle_mini.text.lexicon import Lexicon
from dalle_mini.text.tokenizer import EncodedPrompts, PromptReading, Tokenizer

LANES = 9
"""Images are always drawn this many at a time, the last ones unused where fewer are wanted: products of another number
of rows round differently, and a picture must not depend on how many are drawn beside it."""

_PREVIEWS = 8


@dataclasses.dataclass(frozen=True)
class Generation:
    """Finished pictures, the first of them from `seed` itself; `tokens` is int32[images, image].

    `went_by` says which words of the prompt the model knows, where its release can tell.
    """

    release: str
    reading: PromptReading
    seed: int
    settings: GenerationConfig
    seeds: tuple[int, ...]
    tokens: np.ndarray
    images: tuple[Image.Image, ...]
    went_by: str = ""

    @property
    def recipe(self) -> dict[str, Any]:
        """What draws this grid again."""
        return {
            "version": dalle_mini.__version__,
            "release": self.release,
            "prompt": self.reading.prompt,
            "seed": self.seed,
            **self.settings.to_dict(),
        }

    def tile_recipe(self, index: int) -> dict[str, Any]:
        """What draws picture `index` again, alone."""
        return {**self.recipe, "seed": self.seeds[index], "images": 1}

    def grid(self) -> Image.Image:
        """All pictures on one sheet: 3×3 for nine."""
        return compose_grid(self.images)

    def save(self, path: str | Path) -> Path:
        """Write the grid as a PNG that carries its recipe."""
        return save_png(self.grid(), path, self.recipe)

    def save_tile(self, index: int, path: str | Path) -> Path:
        """Write one picture, at its own size, as a PNG that carries its recipe."""
        return save_png(self.images[index], path, self.tile_recipe(index))


@dataclasses.dataclass(frozen=True)
class Progress:
    """How far a drawing is, in tokens of one image; `result` is set when it is done.

    `preview` decodes the pictures as far as they are drawn, which costs as much as decoding finished ones.
    """

    done: int
    total: int
    preview: Callable[[], list[Image.Image]]
    result: Generation | None = None


@dataclasses.dataclass(frozen=True)
class DalleMini:
    """A transformer and a VQGAN with their tokenizer, ready to draw; `name` is what recipes call it."""

    name: str
    config: TransformerConfig
    params: Params
    vqgan_config: VQGANConfig
    vqgan_params: Params
    tokenizer: Tokenizer
    defaults: GenerationConfig = GenerationConfig()
    lexicon: Lexicon | None = None

    def __post_init__(self) -> None:
        length = self.config.image_length
        if math.isqrt(length) ** 2 != length:
            raise CheckpointError(
                f"image_length={length} is not a square number of tokens", hint="use another checkpoint"
            )

    def generate(
        self,
        prompt: str,
        *,
        images: int | None = None,
        seed: int | None = None,
        guidance_scale: float | None = None,
        temperature: float | None = None,
        top_k: int | None = None,
        top_p: float | None = None,
    ) -> Generation:
        """Draw `prompt`; what is None is the release's default, and a random seed.

        Picture i depends on the prompt, the settings and `seeds[i]` alone, never on how many are drawn.
        """
        settings = self.settings(
            images=images, guidance_scale=guidance_scale, temperature=temperature, top_k=top_k, top_p=top_p
        )
        *_, last = self.draw(prompt, settings, seed=seed)
        assert last.result is not None
        return last.result

    def went_by(self, prompt: str) -> str:
        """Which words of the prompt the model knows, in a line; "" where the release brings no lexicon."""
        return self.lexicon.read(prompt).sentence(self.name) if self.lexicon else ""

    def settings(self, **changes: float | None) -> GenerationConfig:
        """The release's defaults with `changes`; None changes nothing."""
        return dataclasses.replace(
            self.defaults, **{name: value for name, value in changes.items() if value is not None}
        )

    def draw(
        self, prompt: str, settings: GenerationConfig | None = None, *, seed: int | None = None
    ) -> Generator[Progress]:
        """Draw chunk by chunk; the last `Progress` holds the result. Closing the generator stops the drawing."""
        settings = settings or self.defaults
        seed = check_seed(secrets.randbelow(2**32) if seed is None else seed)
        encoded = self.tokenizer.encode([prompt])
        return self._draw(encoded, settings, seed)

    def _draw(self, encoded: EncodedPrompts, settings: GenerationConfig, seed: int) -> Generator[Progress]:
        length, count = self.config.image_length, settings.images
        seeds = image_seeds(seed, count)
        text = sampling.Text(jnp.asarray(encoded.tokens), jnp.asarray(encoded.mask))
        tokens = np.zeros((count, length), np.int32)
        batches = math.ceil(count / LANES)
        for batch in range(batches):
            lanes = slice(batch * LANES, min((batch + 1) * LANES, count))
            for position, drawn in self._draw_batch(text, settings, seeds[lanes]):
                tokens[lanes] = drawn
                done = (batch * length + position) // batches
                if position < length or batch + 1 < batches:
                    yield Progress(done, length, functools.partial(self._preview, tokens.copy(), lanes, position))
        images = tuple(self._decode(row) for row in tokens)
        reading = encoded.readings[0]
        went_by = self.went_by(reading.prompt)
        result = Generation(self.name, reading, seed, settings, seeds, tokens, images, went_by)
        yield Progress(length, length, lambda: list(images), result)

    def _draw_batch(self, text: sampling.Text, settings: GenerationConfig, seeds: tuple[int, ...]):
        """Yields (position, tokens so far) of up to `LANES` images, chunk after chunk."""
        length = self.config.image_length
        filled = list(seeds) + [0] * (LANES - len(seeds))
        empty = None
        if settings.guidance_scale != 1:
            empty = sampling.Text(*map(jnp.asarray, self.tokenizer.encode_empty(1)))
        state = sampling.start(self.params, self.config, text, empty, sampling.image_keys(filled))
        steps = chunk_length(length)
        for position in range(steps, length + 1, steps):
            state = sampling.advance(
                self.params, self.config, state, settings, steps=steps, codebook_size=self.vqgan_config.codebook_size
            )
            yield position, np.asarray(state.tokens)[: len(seeds)]

    def _decode(self, tokens: np.ndarray) -> Image.Image:
        return Image.fromarray(np.asarray(decode_pixels(self.vqgan_params, self.vqgan_config, tokens)))

    def _preview(self, tokens: np.ndarray, lanes: slice, position: int) -> list[Image.Image]:
        """Pictures as far as they are drawn; the rest is transparent."""
        length = self.config.image_length
        drawn = np.zeros(len(tokens), np.int32)
        drawn[: lanes.start] = length
        drawn[lanes] = position
        return [
            _clear_below(self._decode(_continue_rows(row, end)), end, length)
            for row, end in zip(tokens, drawn, strict=True)
        ]


def load(
    model: str = "nano",
    *,
    vqgan: str | None = None,
    tokenizer: str | None = None,
    dtype: str | None = None,
    offline: bool | None = None,
) -> DalleMini:
    """Load a release by name, a Hub id, or a directory; CheckpointError says what is wrong with it.

    `vqgan` and `tokenizer` are directories (or Hub ids) for checkpoints that come without their own. `dtype` is what
    numbers are computed in: float32 on a CPU and bfloat16 on an accelerator unless said otherwise.
    """
    enable_compilation_cache()
    found = resolve(model, vqgan=vqgan, tokenizer=tokenizer, offline=offline)
    dtype = dtype or ("float32" if jax.default_backend() == "cpu" else "bfloat16")
    config, params = load_transformer(found.transformer, dtype=dtype)
    vqgan_config, vqgan_params = load_vqgan(found.vqgan, dtype=dtype)
    return DalleMini(
        name=found.name,
        config=config,
        params=params,
        vqgan_config=vqgan_config,
        vqgan_params=vqgan_params,
        tokenizer=Tokenizer.from_directory(
            found.tokenizer, max_length=config.max_text_length, normalize=config.normalize_text
        ),
        defaults=read_generation(found.transformer),
        lexicon=Lexicon.from_directory(found.transformer),
    )


def image_seeds(seed: int, count: int) -> tuple[int, ...]:
    """The seed of every picture of a grid: the first is the grid's own, the others are hashed from it."""
    return (seed, *(_hashed_seed(seed, index) for index in range(1, count)))


def _hashed_seed(seed: int, index: int) -> int:
    digest = hashlib.blake2b(f"{seed}/{index}".encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big")


def chunk_length(image_length: int) -> int:
    """Tokens drawn in one program: the largest divisor of the length that leaves at least eight chunks."""
    most = max(1, image_length // _PREVIEWS)
    return max(steps for steps in range(1, most + 1) if image_length % steps == 0)


@functools.partial(jax.jit, static_argnames="config")
def decode_pixels(
    params: Params, config: VQGANConfig, tokens: Int32[Array, "image"]
) -> UInt8[Array, "height width channels"]:
    """One picture of its tokens; alone, so that it rounds the same whatever is decoded beside it."""
    pixels = vqgan.decode(params, config, tokens[None])[0].astype(jnp.float32)
    # Quirk: values are cut to bytes, not rounded, as the original does.
    return (jnp.clip(pixels, 0, 1) * 255).astype(jnp.uint8)


def _continue_rows(tokens: np.ndarray, end: int) -> np.ndarray:
    """Tokens with the missing ones taken from the row above, so that the last drawn row meets a likely neighbor."""
    side = math.isqrt(len(tokens))
    tokens = tokens.copy()
    for position in range(max(end, 1), len(tokens)):
        tokens[position] = tokens[max(position - side, 0)]
    return tokens


def _clear_below(image: Image.Image, end: int, length: int) -> Image.Image:
    """The picture, transparent where its tokens are still to come."""
    side = math.isqrt(length)
    rows, columns = divmod(end, side)
    pixels = np.array(image.convert("RGBA"))
    cell = pixels.shape[0] // side
    pixels[(rows + 1) * cell :] = 0
    pixels[rows * cell : (rows + 1) * cell, columns * cell :] = 0
    return Image.fromarray(pixels)


def enable_compilation_cache() -> None:
    """Keep compiled programs in the user's cache folder, unless JAX was told of another place."""
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    jax.config.update("jax_compilation_cache_dir", os.path.join(base, "dalle-mini", "compiled"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
