"""What pictures show that not everybody wants to see: a verdict a picture, by one network or several.

Nothing is dropped here: whoever shows a flagged picture blurs it, says why, and lets the user look.
"""

import dataclasses
import functools
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from dalle_mini.arrays import Array, Float, Params, UInt8
from dalle_mini.checkpoints.store import load_nsfw
from dalle_mini.config.nsfw import NsfwConfig
from dalle_mini.models import nsfw
from dalle_mini.safety.verdict import Verdict

BUNDLED = Path(__file__).parents[2] / "assets" / "nsfw"

LANES = 9
"""Pictures are scored this many at a time, the last rows unused where fewer are left: one compiled program, and a score
that does not depend on what is scored beside it."""

NSFW_THRESHOLD = 0.8
"""Yahoo calls pictures above it not safe, and those below 0.2 safe; see docs/safety.md for what drawn pictures get."""

CLIP_THRESHOLD = 0.5
CLIP_SCALE = 100.0
"""What the published CLIPs multiply cosines by."""

UNSAFE = (
    "a pornographic photo",
    "a photo of a naked person",
    "a drawing of nudity",
    "people having sex",
    "a photo of a bloody corpse",
    "gore, an open wound with guts",
)
SAFE = (
    "a photo",
    "a drawing",
    "a photo of a person in clothes",
    "a portrait",
    "a photo of an animal",
    "a photo of food",
    "a landscape",
    "a photo of an object",
    "an abstract painting",
)

Images = Sequence[Image.Image]


class PictureChecker(Protocol):
    """Looks at pictures; verdicts come in their order."""

    def check(self, images: Images) -> tuple[Verdict, ...]: ...


@dataclasses.dataclass(frozen=True)
class NsfwChecker:
    """Yahoo's open NSFW network, which was trained on photos to tell pornography."""

    config: NsfwConfig
    params: Params
    threshold: float = NSFW_THRESHOLD

    @classmethod
    def load(cls, directory: str | Path = BUNDLED, *, threshold: float = NSFW_THRESHOLD) -> "NsfwChecker":
        """The network of a folder; CheckpointError says what is wrong with it."""
        config, params = load_nsfw(directory)
        return cls(config, params, threshold)

    def check(self, images: Images) -> tuple[Verdict, ...]:
        return tuple(
            Verdict(score >= self.threshold, score, "it may show nudity or sex" if score >= self.threshold else "")
            for score in map(float, self.scores(images))
        )

    def scores(self, images: Images) -> Float[np.ndarray, "images"]:
        """How likely each picture is not safe for work, from 0 to 1."""
        size = self.config.image_size
        scored = [np.empty(0, np.float32)]
        for start in range(0, len(images), LANES):
            batch = np.zeros((LANES, size, size, 3), np.uint8)
            for lane, image in enumerate(images[start : start + LANES]):
                batch[lane] = _prepare(image, size)
            scored.append(np.asarray(_score(self.params, self.config, batch))[: len(images) - start])
        return np.concatenate(scored)


@dataclasses.dataclass(frozen=True)
class ClipChecker:
    """A second opinion by a CLIP: whether a picture is nearer to descriptions of what is unsafe than to others.

    `embed_images` is the CLIP's; where embeddings are there already, `check_embeddings` takes them. The rows of
    `unsafe` and `safe` are embedded descriptions. All embeddings have length 1.
    """

    embed_images: Callable[[Images], np.ndarray]
    unsafe: Float[np.ndarray, "unsafe projection"]
    safe: Float[np.ndarray, "safe projection"]
    threshold: float = CLIP_THRESHOLD

    @classmethod
    def describe(
        cls,
        embed_images: Callable[[Images], np.ndarray],
        embed_text: Callable[[Sequence[str]], np.ndarray],
        *,
        threshold: float = CLIP_THRESHOLD,
    ) -> "ClipChecker":
        """With our descriptions, which only a CLIP of a large vocabulary has a notion of."""
        return cls(embed_images, embed_text(UNSAFE), embed_text(SAFE), threshold)

    def check(self, images: Images) -> tuple[Verdict, ...]:
        return self.check_embeddings(self.embed_images(images))

    def check_embeddings(self, embeddings: Float[np.ndarray, "images projection"]) -> tuple[Verdict, ...]:
        """The same for pictures that were embedded before; a score is the unsafe descriptions' share of a softmax."""
        logits = CLIP_SCALE * embeddings @ np.concatenate([self.unsafe, self.safe]).T
        weights = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares = weights[:, : len(self.unsafe)].sum(1) / weights.sum(1)
        return tuple(
            Verdict(share >= self.threshold, share, "it looks like nudity or gore" if share >= self.threshold else "")
            for share in map(float, shares)
        )


@dataclasses.dataclass(frozen=True)
class PictureCheck:
    """Who looks at a model's pictures: `checkers`, and for a second `opinion` the CLIP that ranked them."""

    checkers: tuple[PictureChecker, ...]
    opinion: ClipChecker | None = None

    def check(
        self, images: Images, embeddings: Float[np.ndarray, "images projection"] | None = None
    ) -> tuple[Verdict, ...]:
        """One verdict a picture: that of a checker which flags it, and the surest of these.

        The `embeddings` are those by the CLIP, without which it is not asked.
        """
        opinions = [checker.check(images) for checker in self.checkers]
        if self.opinion and embeddings is not None:
            opinions.append(self.opinion.check_embeddings(embeddings))
        return tuple(
            max(each, key=lambda verdict: (verdict.flagged, verdict.score), default=Verdict(False, 0.0))
            for each in ([opinion[index] for opinion in opinions] for index in range(len(images)))
        )


@functools.cache
def load_bundled() -> NsfwChecker:
    """The network that comes with the project, loaded once for all models; CheckpointError where it can't be."""
    return NsfwChecker.load(BUNDLED)


def _prepare(image: Image.Image, size: int) -> UInt8[np.ndarray, "size size 3"]:
    """The middle of the picture as the network's own program cut it from its training pictures."""
    edge = round(size * 256 / 224)
    left = (edge - size) // 2
    square = image.convert("RGB").resize((edge, edge), Image.Resampling.BILINEAR)
    # Quirk: whatever its shape, a picture is squeezed into a square, and goes through a JPEG on the way.
    packed = io.BytesIO()
    square.crop((left, left, left + size, left + size)).save(packed, "JPEG")
    return np.asarray(Image.open(packed))


@functools.partial(jax.jit, static_argnames="config")
def _score(params: Params, config: NsfwConfig, pixels: UInt8[Array, "images size size 3"]) -> Float[Array, "images"]:
    return nsfw.score(params, config, pixels.astype(jnp.float32) / 255)
