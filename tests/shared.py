"""Shared pages for tests: pictures of plain noise, drawn once for each prompt."""

import functools
from typing import Any

import numpy as np
from PIL import Image

from dalle_mini.config import GenerationConfig
from dalle_mini.serving.share_pictures import draw_files
from dalle_mini.serving.shares import Choices, Share, Shares

USUAL = Choices()
PROMPT = "a red car, ä 🐱 <b>"


def describe_drawing(prompt: str, **settings: Any) -> dict[str, Any]:
    """What is told of a drawing, as the store keeps it."""
    told = {"prompt": prompt, "model": "nano", "seed": 7, "settings": GenerationConfig(**settings).to_dict()}
    recipe = {"version": "0.1.0", "release": "nano", "prompt": prompt, "seed": 7, **told["settings"]}
    return {**told, "recipe": recipe}


@functools.cache
def draw_page(prompt: str, *, show_prompt: bool = True) -> tuple[dict[str, bytes], dict[str, Any]]:
    """The files of a page of nine pictures, and what is told of them."""
    noise = np.random.default_rng(0).integers(0, 255, (9, 8, 8, 3), np.uint8)
    images = [Image.fromarray(each).resize((256, 256), Image.Resampling.BICUBIC) for each in noise]
    return draw_files(images, describe_drawing(prompt), show_prompt=show_prompt)


def publish(shares: Shares, prompt: str = PROMPT, choices: Choices = USUAL) -> tuple[Share, str]:
    """A page and its delete token."""
    files, description = draw_page(prompt, show_prompt=choices.show_prompt)
    return shares.publish(files, description, choices)
