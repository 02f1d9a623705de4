"""The models that are offered, with their settings; none is downloaded from here."""

import math
from pathlib import Path

from dalle_mini.checkpoints.config_file import read_config
from dalle_mini.checkpoints.generation import read_generation
from dalle_mini.checkpoints.releases import RANKER, Release, available_releases, resolve
from dalle_mini.config import GenerationConfig, TransformerConfig
from dalle_mini.errors import CheckpointError, DalleMiniError
from dalle_mini.text import lexicon


class NotHere(CheckpointError):
    """A published model that has yet to be downloaded."""


def list_choices(model: str) -> list[tuple[str, str]]:
    """Labels and names of the models to choose from: `model` itself, and every release."""
    releases = available_releases()
    choices = [(_label(release), release.name) for release in releases]
    known = model in {release.name for release in releases}
    return choices if known else [(Path(model).name, model), *choices]


def read_defaults(model: str) -> GenerationConfig:
    """How a model likes to be drawn with; the usual settings for one that is not here."""
    try:
        return read_generation(resolve(model, offline=True).transformer)
    except DalleMiniError:
        return GenerationConfig()


def read_side(model: str) -> int | None:
    """How many tokens the rows of a model's pictures have; None for one that is not here."""
    try:
        config = TransformerConfig.from_dict(read_config(resolve(model, offline=True).transformer))
    except DalleMiniError:
        return None
    return math.isqrt(config.image_length)


def read_styles(model: str) -> tuple[str, ...]:
    """The styles that a model knows, in words for a prompt; none where it is not here, or does not say."""
    try:
        file = resolve(model, offline=True).transformer / lexicon.LEXICON_FILE
    except DalleMiniError:
        return ()
    return lexicon.read_styles(file) if file.is_file() else ()


def brings_ranker(model: str) -> bool:
    """Whether a model that is here has a CLIP of its own to rank by."""
    try:
        return (resolve(model, offline=True).transformer / RANKER).is_dir()
    except DalleMiniError:
        return False


def require_local(model: str) -> None:
    """NotHere if a published model has yet to be downloaded."""
    for release in available_releases():
        if release.name == model and release.download_bytes and not is_here(release.name):
            raise NotHere(
                f"the model {model!r} is not on this machine yet",
                hint=f"`dalle-mini serve --model {model}` downloads {_size(release)} once, then serves it",
            )


def is_here(model: str) -> bool:
    """Whether a model is on this machine."""
    try:
        resolve(model, offline=True)
    except DalleMiniError:
        return False
    return True


def _label(release: Release) -> str:
    if release.download_bytes and not is_here(release.name):
        return f"{release.name} ({_size(release)}, to be downloaded first)"
    return release.name


def _size(release: Release) -> str:
    return f"{release.download_bytes / 1e9:.1f} GB"
