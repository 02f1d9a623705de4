"""Frozen descriptions of the models and of a drawing; nothing here imports an array library.

The field names of a `config.json` are those of the published files, so one parser reads both.
"""

from dalle_mini.config.checks import check_names, suggest
from dalle_mini.config.clip import CLIPConfig, CLIPTextConfig, CLIPVisionConfig
from dalle_mini.config.generation import MAX_CANDIDATES, MAX_IMAGES, MAX_SEED, GenerationConfig, check_seed
from dalle_mini.config.perceptual import PerceptualConfig
from dalle_mini.config.transformer import PRESETS, TransformerConfig
from dalle_mini.config.vqgan import DiscriminatorConfig, VQGANConfig

__all__ = [
    "MAX_CANDIDATES",
    "MAX_IMAGES",
    "MAX_SEED",
    "PRESETS",
    "CLIPConfig",
    "CLIPTextConfig",
    "CLIPVisionConfig",
    "DiscriminatorConfig",
    "GenerationConfig",
    "PerceptualConfig",
    "TransformerConfig",
    "VQGANConfig",
    "check_names",
    "check_seed",
    "suggest",
]
