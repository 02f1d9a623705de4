"""How well pictures fit a prompt, by a CLIP: both become vectors of length 1, and near ones belong together."""

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
from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.checkpoints.releases import find_name, resolve_clip
from dalle_mini.checkpoints.store import load_clip
from dalle_mini.config import CLIPConfig, CLIPTextConfig
from dalle_mini.errors import CheckpointError
from dalle_mini.models import clip
from dalle_mini.ranking.pixels import Pictures, prepare_pixels
from dalle_mini.ranking.words import WordWeights, leave_out
from dalle_mini.text.clip import read_clip_tokenizer
from dalle_mini.text.tokenizer import Tokenizer

LANES = 9
"""Pictures are embedded this many at a time, the last rows unused where fewer are left: one compiled program, and an
embedding that does not depend on what is embedded beside it. Texts go one by one."""

FEWEST_ROWS = 8
"""Texts that are embedded together fill so many rows, or twice as many, and so on: few programs to compile."""


@dataclasses.dataclass(frozen=True)
class RankerId:
    """Which ranker it was: `digest` is that of its files, `made_for` the release that it came with, if it did."""

    name: str
    digest: str
    made_for: str = ""


@dataclasses.dataclass(frozen=True)
class Clip:
    """A CLIP with its tokenizer. Embeddings are float32 rows of length 1."""

    config: CLIPConfig
    params: Params
    tokenizer: Tokenizer
    id: RankerId = RankerId("clip", "")

    @classmethod
    def load(
        cls, source: str | Path, *, dtype: str | None = None, offline: bool | None = None, made_for: str = ""
    ) -> "Clip":
        """The CLIP of a directory or a Hub id; CheckpointError says what is wrong with it.

        `dtype` is what numbers are computed in: float32 on a CPU and bfloat16 on an accelerator unless said otherwise.
        `made_for` is the release that it comes with.
        """
        folder = resolve_clip(source, offline=offline)
        dtype = dtype or ("float32" if jax.default_backend() == "cpu" else "bfloat16")
        config, params = load_clip(folder, dtype=dtype)
        _check_preprocessor(folder / "preprocessor_config.json")
        text = config.text_config
        length, normalize = text.max_position_embeddings, text.normalize_text
        tokenizer = read_clip_tokenizer(folder, max_length=length, normalize=normalize)
        _check_tokenizer(tokenizer, text, folder)
        return cls(config, params, tokenizer, RankerId(find_name(source), model_digest(folder), made_for))

    @property
    def reads_any_words(self) -> bool:
        """Whether it was made for any text, as the published ones are, and not for a small world's words."""
        return self.config.text_config.vocab_size >= CLIPTextConfig().vocab_size

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

    def weigh_words(
        self, embedded: Float[np.ndarray, "images projection"], marks: Float[np.ndarray, "images"], prompt: str
    ) -> WordWeights:
        """How much of a picture's mark each word of the prompt carries: what the mark loses without the word.

        `embedded` are pictures by `embed_images`. Words that find no room in the model are not weighed. All shortened
        prompts are embedded in one call.
        """
        words, shortened = leave_out(self.tokenizer.encode([prompt]).readings[0].kept_text)
        if not words:
            return WordWeights((), np.empty((len(embedded), 0), np.float32))
        without = embedded @ self._embed_together(self.tokenizer.encode_texts(shortened).tokens).T
        return WordWeights(words, marks[:, None] - without)

    def _embed_together(self, tokens: Int32[np.ndarray, "prompts text"]) -> Float[np.ndarray, "prompts projection"]:
        rows = FEWEST_ROWS
        while rows < len(tokens):
            rows *= 2
        filled = np.concatenate([tokens, np.repeat(tokens[-1:], rows - len(tokens), axis=0)])
        return np.asarray(embed_text(self.params, self.config, filled))[: len(tokens)]


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
