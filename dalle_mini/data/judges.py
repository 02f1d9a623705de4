"""Models whose opinion of a captioned picture decides whether it is kept."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.checkpoints.releases import resolve_clip
from dalle_mini.data.rules import Check
from dalle_mini.errors import ConfigError, PromptError
from dalle_mini.ranking import Clip

UNFIT = "caption does not fit"


def judge_by_clip(source: str | Path, minimum: float) -> Check:
    """Drop pictures whose caption a CLIP finds unfit: a cosine of the two below `minimum`.

    Schuhmann et al. 2021 (arXiv 2111.02114), section 2, keep from 0.3 up by OpenAI's ViT-B/32. A caption of which
    nothing can be read fits nothing.
    """
    if not -1 <= minimum <= 1:
        raise ConfigError(f"a cosine of {minimum!r} can't be asked for", hint="give a number from -1 to 1, such as 0.3")
    folder = resolve_clip(source)
    clip = Clip.load(folder)

    def score(images: Sequence[Image.Image], captions: Sequence[str]) -> list[float]:
        embedded = clip.embed_images(images)
        return [_fit(clip, row, caption) for row, caption in zip(embedded, captions, strict=True)]

    return Check(UNFIT, score, minimum, model_digest(folder))


def _fit(clip: Clip, picture: np.ndarray, caption: str) -> float:
    try:
        return float(picture @ clip.embed_text([caption])[0])
    except PromptError:
        return -1.0
