"""How a release likes to be drawn with: an optional `generation.json` beside its weights."""

from pathlib import Path

from dalle_mini.checkpoints.config_file import read_json
from dalle_mini.config import GenerationConfig

GENERATION = "generation.json"


def read_generation(directory: str | Path) -> GenerationConfig:
    """The release's defaults; the original's where the folder says nothing."""
    path = Path(directory) / GENERATION
    if not path.is_file():
        return GenerationConfig()
    return GenerationConfig.from_dict(read_json(path, "correct it, or delete it to draw with the usual settings"))
