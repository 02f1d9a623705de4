"""A model for tests: the real architecture at its smallest, with random weights, on disk like any other."""

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
from PIL import Image

from dalle_mini.arrays import Params
from dalle_mini.checkpoints.store import save_clip, save_judge, save_transformer, save_vqgan
from dalle_mini.config import (
    CLIPConfig,
    CLIPResidualConfig,
    CLIPTextConfig,
    CLIPVisionConfig,
    TransformerConfig,
    VQGANConfig,
)
from dalle_mini.config.judge import Field, JudgeConfig
from dalle_mini.config.residual import ResidualConfig
from dalle_mini.models import clip, judge, transformer, vqgan
from dalle_mini.safety.verdict import Verdict
from dalle_mini.text import train_tokenizer

CAPTIONS = [
    " a red car at the beach",
    " a kangaroo made of cheese",
    " two dogs in the snow",
    " an owl in the woods at night",
] * 4
CODEBOOK_SIZE = 64
SIDE = 4
CELL = 8
"""Pictures are SIDE × SIDE tokens, each standing for CELL × CELL pixels."""
IMAGE_LENGTH, IMAGE_SIZE = SIDE**2, SIDE * CELL


REASON = "it may show <what> it shows"


class Flagging:
    """A picture checker that flags those at some `places`; `seen` counts the pictures of every call."""

    def __init__(self, *places: int) -> None:
        self.places = places
        self.seen: list[int] = []

    def check(self, images: Sequence[Image.Image]) -> tuple[Verdict, ...]:
        self.seen.append(len(images))
        return tuple(
            Verdict(True, 0.9, REASON) if place in self.places else Verdict(False, 0.1) for place in range(len(images))
        )


def make_tiny_model(directory: Path, *, seed: int = 0, side: int = SIDE) -> Path:
    """Write a complete model, the same one for the same `seed`; a larger `side` makes a slower one."""
    rng = np.random.default_rng(seed)
    config = TransformerConfig(
        encoder_vocab_size=train_tokenizer(CAPTIONS, 320, directory),
        image_vocab_size=CODEBOOK_SIZE,
        max_text_length=16,
        image_length=side**2,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        normalize_text=True,
        decoder_start_token_id=CODEBOOK_SIZE,
        bos_token_id=CODEBOOK_SIZE,
        pad_token_id=CODEBOOK_SIZE,
        eos_token_id=CODEBOOK_SIZE,
    )
    save_transformer(directory, config, _random_params(partial(transformer.init, config=config), rng))
    pixels = VQGANConfig(
        ch=32,
        ch_mult=(1, 2),
        num_res_blocks=1,
        attn_resolutions=(),
        resolution=side * CELL,
        z_channels=32,
        embed_dim=16,
        n_embed=CODEBOOK_SIZE,
        patch_size=4,
    )
    save_vqgan(directory / "vqgan", pixels, _random_params(partial(vqgan.init, config=pixels), rng))
    defaults = {"guidance_scale": 3.0, "temperature": 0.9, "top_k": 32}
    (directory / "generation.json").write_text(json.dumps(defaults))
    (directory / "MODEL_CARD.md").write_text("---\npeople: none\n---\n")
    return directory


def make_tiny_clip(directory: Path, *, seed: int = 0, residual: bool = False) -> Path:
    """Write a complete CLIP for pictures of 16 pixels a side, the same one for the same `seed`."""
    tower: dict[str, Any] = {
        "hidden_size": 16,
        "intermediate_size": 24,
        "num_hidden_layers": 1,
        "num_attention_heads": 2,
    }
    vocab_size = train_tokenizer(CAPTIONS, 320, directory)
    config = CLIPConfig(
        CLIPTextConfig(**tower, vocab_size=vocab_size, max_position_embeddings=16, eos_token_id=2, normalize_text=True),
        CLIPResidualConfig(4, (8, 12), (1, 1), 16)
        if residual
        else CLIPVisionConfig(**tower, image_size=16, patch_size=4),
        projection_dim=8,
    )
    params = _random_params(partial(clip.init, config=config), np.random.default_rng(seed))
    save_clip(directory, config, params)
    return directory


def make_tiny_judge(directory: Path, *, seed: int = 0, scores: dict[str, Any] | None = None) -> JudgeConfig:
    """Write a judge of pictures of IMAGE_SIZE that guesses, the same one for the same `seed`; its config."""
    answers = {
        "thing": ("cat", "dog", "horse"),
        "second": ("cat", "dog", "horse"),
        "relation": ("next to", "riding"),
        "attribute": ("of cheese", "red"),
        "count": ("1", "2"),
    }
    fields = tuple(Field(name, classes) for name, classes in answers.items())
    config = JudgeConfig(IMAGE_SIZE, fields, ResidualConfig(4, (8, 8), (1, 1)), ("next to",))
    params = _random_params(partial(judge.init, config=config), np.random.default_rng(seed))
    save_judge(directory, config, params, {"fields": scores or {}})
    return config


def _random_params(init, rng: np.random.Generator) -> Params:
    """Parameters shaped like those of `init`, drawn by NumPy, so that nothing has to be compiled."""
    return draw_params(jax.eval_shape(init, jax.random.key(0)), rng)


def draw_params(shapes: Params, rng: np.random.Generator | None = None) -> Params:
    """Arrays of the shapes of a tree; the same ones each time, unless `rng` says."""
    rng = rng or np.random.default_rng(0)
    return jax.tree.map(lambda leaf: _random_leaf(leaf.shape, rng), shapes)


def _random_leaf(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(shape).astype(np.float32)
    if len(shape) == 1:  # the scale of a norm, or a bias
        return 1 + noise / 10
    return noise / np.float32(np.sqrt(np.prod(shape[:-1])))
