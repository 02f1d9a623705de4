"""Frozen descriptions of the models and of a drawing; nothing here imports an array library.

The field names of a `config.json` are those of the published files, so one parser reads both.
"""

from dalle_mini.config.canvas import Canvas
from dalle_mini.config.checks import check_names, suggest
from dalle_mini.config.clip import CLIPConfig, CLIPResidualConfig, CLIPTextConfig, CLIPVisionConfig
from dalle_mini.config.dtypes import DTYPES, FLOATS, INT8
from dalle_mini.config.generation import (
    MAX_CANDIDATES,
    MAX_IMAGES,
    MAX_PROMPT,
    MAX_SEED,
    GenerationConfig,
    check_seed,
)
from dalle_mini.config.perceptual import PerceptualConfig
from dalle_mini.config.transformer import PRESETS, TransformerConfig
from dalle_mini.config.vqgan import DiscriminatorConfig, VQGANConfig
from dalle_mini.config.way import PLAIN, UNKNOWN, KeptTokens, Way

__all__ = [
    "DTYPES",
    "FLOATS",
    "INT8",
    "MAX_CANDIDATES",
    "MAX_IMAGES",
    "MAX_PROMPT",
    "MAX_SEED",
    "PLAIN",
    "PRESETS",
    "UNKNOWN",
    "CLIPConfig",
    "CLIPResidualConfig",
    "CLIPTextConfig",
    "CLIPVisionConfig",
    "Canvas",
    "DiscriminatorConfig",
    "GenerationConfig",
    "KeptTokens",
    "PerceptualConfig",
    "TransformerConfig",
    "VQGANConfig",
    "Way",
    "check_names",
    "check_seed",
    "suggest",
]
