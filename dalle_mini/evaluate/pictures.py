"""Who draws the pictures to be judged: a model, and three baselines to hold it against."""

import dataclasses
import functools
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np
from PIL import Image

from dalle_mini.arrays import Array, Params, UInt8
from dalle_mini.config import VQGANConfig
from dalle_mini.data.records import Picture
from dalle_mini.data.shards import RecordSet
from dalle_mini.models import vqgan
from dalle_mini.pipeline import DalleMini
from dalle_mini.pixels import decode_pixels

_WORD = re.compile(r"\w+")


@dataclasses.dataclass(frozen=True)
class Drawn:
    """What a model draws, so many `images` a prompt, in the order of drawing."""

    model: DalleMini
    images: int = 1

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def settings(self) -> dict[str, Any]:
        return self._unranked.settings(images=self.images).to_dict()

    def draw(self, index: int, prompt: str, seed: int) -> tuple[Image.Image, ...]:
        return self._unranked.generate(prompt, seed=seed, images=self.images).images

    @property
    def _unranked(self) -> DalleMini:
        return self.model.without_ranker()


@dataclasses.dataclass(frozen=True)
class RandomTokens:
    """The floor: what a VQGAN shows of tokens that nobody chose."""

    params: Params
    config: VQGANConfig
    name: str = "random tokens"
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def draw(self, index: int, prompt: str, seed: int) -> list[Image.Image]:
        size = (self.config.image_length,)
        tokens = np.random.default_rng(seed).integers(self.config.codebook_size, size=size, dtype=np.int32)
        return [Image.fromarray(np.asarray(decode_pixels(self.params, self.config, tokens)))]


@dataclasses.dataclass(frozen=True)
class NearestScene:
    """What a search would do: the picture whose caption is most like the prompt, by the cosine of their word counts."""

    pictures: RecordSet
    index: "CaptionIndex"
    name: str = "nearest scene"
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @classmethod
    def of(cls, pictures: RecordSet) -> "NearestScene":
        return cls(pictures, CaptionIndex(fields["caption"] for fields in pictures.fields()))

    def draw(self, index: int, prompt: str, seed: int) -> list[Image.Image]:
        return [_picture(self.pictures, self.index.nearest(prompt))]


@dataclasses.dataclass(frozen=True)
class Reconstruction:
    """The ceiling: what is left of real pictures behind a VQGAN. Its prompts are the captions of the set, in order."""

    params: Params
    config: VQGANConfig
    pictures: RecordSet
    name: str = "reconstruction"
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def draw(self, index: int, prompt: str, seed: int) -> list[Image.Image]:
        picture = _picture(self.pictures, index)
        pixels = np.asarray(picture.resize((self.config.resolution, self.config.resolution), Image.Resampling.BICUBIC))
        return [Image.fromarray(np.asarray(reconstruct(self.params, self.config, pixels)))]


class CaptionIndex:
    """Captions by their words."""

    def __init__(self, captions: Iterable[str]) -> None:
        places, counts, lengths = defaultdict(list), defaultdict(list), []
        for place, caption in enumerate(captions):
            words = _count_words(caption)
            lengths.append(sum(count**2 for count in words.values()) ** 0.5)
            for word, count in words.items():
                places[word].append(place)
                counts[word].append(count)
        self._lengths = np.maximum(np.array(lengths), 1)
        self._found = {word: (np.array(places[word]), np.array(counts[word])) for word in places}

    def nearest(self, prompt: str) -> int:
        """The place of the nearest caption, the first of equals."""
        products = np.zeros(len(self._lengths))
        for word, count in _count_words(prompt).items():
            if word in self._found:
                places, counts = self._found[word]
                products[places] += count * counts
        return int(np.argmax(products / self._lengths))


def _count_words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))


def _picture(pictures: RecordSet, index: int) -> Image.Image:
    record = pictures[index]
    assert isinstance(record, Picture)
    return Image.fromarray(record.pixels)


@functools.partial(jax.jit, static_argnames="config")
def reconstruct(
    params: Params, config: VQGANConfig, pixels: UInt8[Array | np.ndarray, "height width 3"]
) -> UInt8[Array, "height width 3"]:
    """A picture through the VQGAN and back."""
    dtype = jax.tree.leaves(params)[0].dtype
    tokens = vqgan.encode(params, config, pixels[None].astype(dtype) / 255)
    return decode_pixels(params, config, tokens[0])
