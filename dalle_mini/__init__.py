"""DALL·E mini: pictures from words, with a Flax transformer and a VQGAN.

    import dalle_mini
    model = dalle_mini.load("nano")
    model.generate("a kangaroo made of cheese", seed=0).save("kangaroo.png")

Importing the package is instant: what needs JAX is imported when it is first used.
"""

import importlib
from typing import TYPE_CHECKING, Any

from dalle_mini.config import Canvas, GenerationConfig, KeptTokens, Way
from dalle_mini.errors import (
    Cancelled,
    CheckpointError,
    Closing,
    ConfigError,
    DalleMiniError,
    DataError,
    DeviceError,
    OutputError,
    Overloaded,
    PromptError,
    PromptRejected,
)
from dalle_mini.version import __version__ as __version__

if TYPE_CHECKING:
    from dalle_mini.checkpoints.releases import available_releases as available_models
    from dalle_mini.generation import Generation
    from dalle_mini.loading import load
    from dalle_mini.pipeline import DalleMini
    from dalle_mini.safety.options import SafetyOptions
    from dalle_mini.serving.client import Client

__all__ = [
    "Cancelled",
    "Canvas",
    "CheckpointError",
    "Client",
    "Closing",
    "ConfigError",
    "DalleMini",
    "DalleMiniError",
    "DataError",
    "DeviceError",
    "Generation",
    "GenerationConfig",
    "KeptTokens",
    "OutputError",
    "Overloaded",
    "PromptError",
    "PromptRejected",
    "SafetyOptions",
    "Way",
    "available_models",
    "load",
]

_LAZY = {
    "Client": ("dalle_mini.serving.client", "Client"),
    "DalleMini": ("dalle_mini.pipeline", "DalleMini"),
    "Generation": ("dalle_mini.generation", "Generation"),
    "SafetyOptions": ("dalle_mini.safety.options", "SafetyOptions"),
    "load": ("dalle_mini.loading", "load"),
    "available_models": ("dalle_mini.checkpoints.releases", "available_releases"),
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'dalle_mini' has no attribute {name!r}")
    module, attribute = _LAZY[name]
    return getattr(importlib.import_module(module), attribute)
