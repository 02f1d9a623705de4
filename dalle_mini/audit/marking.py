"""What a CLIP finds pictures, and prompts, nearest to: a softmax over a set of descriptors, as it was trained to choose
(Radford et al. 2021, arXiv 2103.00020, section 3.1.2)."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from dalle_mini.arrays import Float
from dalle_mini.audit.subjects import DescriptorSet, fill
from dalle_mini.errors import DataError
from dalle_mini.ranking import Clip


@dataclasses.dataclass(frozen=True)
class Marker:
    """A set of descriptors as a CLIP sees them, each in every template."""

    descriptors: DescriptorSet
    texts: Float[np.ndarray, "templates classes projection"]
    scale: float

    @classmethod
    def of(cls, ranker: Clip, descriptors: DescriptorSet, templates: Sequence[str]) -> "Marker":
        """DataError if the ranker answers with something that is no number."""
        worded = [fill(template, phrase) for template in templates for phrase in descriptors.phrases]
        texts = check_numbers(ranker.embed_text(worded), f"the descriptors of {descriptors.name}")
        scale = float(np.exp(np.float32(ranker.params["logit_scale"])))
        return cls(descriptors, texts.reshape(len(templates), len(descriptors.phrases), -1), scale)

    def mark(self, embedded: Float[np.ndarray, "images projection"]) -> Float[np.ndarray, "images classes"]:
        """How likely each descriptor is, the mean over the templates; a row adds up to 1."""
        logits = self.scale * np.einsum("tcp,ip->itc", self.texts, embedded)
        odds = np.exp(logits - logits.max(axis=2, keepdims=True))
        return (odds / odds.sum(axis=2, keepdims=True)).mean(axis=1)

    def count_nearest(self, embedded: Float[np.ndarray, "images projection"]) -> list[int]:
        """How many are nearest to each descriptor's mean direction."""
        means = self.texts.mean(axis=0)
        means /= np.linalg.norm(means, axis=1, keepdims=True)
        return np.bincount((embedded @ means.T).argmax(axis=1), minlength=len(means)).tolist()


def check_numbers(embedded: np.ndarray, what: str) -> np.ndarray:
    """The embeddings, or a DataError where one is NaN or infinite."""
    if not np.isfinite(embedded).all():
        hint = "its weights may be damaged (dalle-mini checkpoint verify), or of a range that the dtype lacks"
        raise DataError(f"the ranker's marks of {what} are not numbers", hint=hint)
    return embedded
