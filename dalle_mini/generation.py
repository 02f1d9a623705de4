"""What a drawing leaves: every candidate with its mark, those that are shown, and what draws them again."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dalle_mini.arrays import Float, Int32, UInt8
from dalle_mini.config import PLAIN, GenerationConfig, KeptTokens, Way
from dalle_mini.grid import compose_grid, compose_ranked, save_png
from dalle_mini.labels import compose_labeled
from dalle_mini.ranking import Clip, RankerId, WordWeights, choose, rank
from dalle_mini.safety.blur import blur
from dalle_mini.safety.verdict import Verdict
from dalle_mini.text.tokenizer import PromptReading
from dalle_mini.tiles import Tile, plan_tiles
from dalle_mini.version import __version__


@dataclasses.dataclass(frozen=True)
class Candidates:
    """All pictures of a drawing, in the order of drawing; `shown` are the places of those to show, best first.

    `marks` are cosines of a picture and the prompt, NaN where the ranker had none to give. Without a ranker there are
    neither marks nor words.
    """

    seeds: tuple[int, ...]
    tokens: Int32[np.ndarray, "candidates image"]
    pixels: UInt8[np.ndarray, "candidates height width 3"]
    shown: tuple[int, ...]
    marks: Float[np.ndarray, "candidates"] | None = None
    words: WordWeights | None = None

    def __len__(self) -> int:
        return len(self.seeds)

    @property
    def ranked(self) -> tuple[int, ...]:
        """The places of all, best first; as they were drawn where there are no marks."""
        return tuple(range(len(self))) if self.marks is None else rank(self.marks)

    @property
    def unmarked(self) -> int:
        """How many the ranker could not mark."""
        return 0 if self.marks is None else int(np.isnan(self.marks).sum())

    def mark(self, place: int) -> float | None:
        """The mark of a picture, if it has one."""
        return None if self.marks is None or np.isnan(self.marks[place]) else float(self.marks[place])

    def word_weights(self, place: int) -> list[tuple[str, float]]:
        """The words of the prompt, and what the picture's mark would lose without each."""
        if self.words is None or self.mark(place) is None:
            return []
        return list(zip(self.words.words, map(float, self.words.weights[place]), strict=True))

    def image(self, place: int) -> Image.Image:
        return Image.fromarray(self.pixels[place])


def rank_candidates(
    drawn: Candidates,
    ranker: Clip,
    embedded: Float[np.ndarray, "candidates projection"],
    prompt: str,
    *,
    variety: float,
) -> Candidates:
    """Mark what was `drawn`, and choose as many as it shows; `embedded` are its pictures by the ranker."""
    marks = embedded @ ranker.embed_text([prompt])[0]
    shown = choose(marks, embedded, len(drawn.shown), variety)
    return dataclasses.replace(drawn, shown=shown, marks=marks, words=ranker.weigh_words(embedded, marks, prompt))


@dataclasses.dataclass(frozen=True)
class Generation:
    """Finished pictures, best first; the first that was drawn is from `seed` itself.

    `ranker` chose them, if there is one; `went_by` says which words of the prompt the model knows, where its release
    can tell. `verdicts` are one for each, None where nobody looked; `blurs` says whether a flagged one is shown, and
    written to files, blurred. `frames` are the grid as it came about, where somebody wanted to see that.
    """

    release: str
    reading: PromptReading
    seed: int
    settings: GenerationConfig
    candidates: Candidates
    ranker: RankerId | None = None
    went_by: str = ""
    verdicts: tuple[Verdict, ...] | None = None
    blurs: bool = True
    way: Way = PLAIN
    frames: tuple[Image.Image, ...] = ()

    @functools.cached_property
    def tiles(self) -> tuple[Tile, ...]:
        """What every picture that is shown was drawn from."""
        return plan_tiles(self.reading.prompt, self.way, images=self.settings.images)

    @property
    def prompts(self) -> tuple[str, ...]:
        """The prompt of every picture that is shown."""
        return tuple(tile.words for tile in self.tiles)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seed of every picture that is shown."""
        return tuple(self.candidates.seeds[place] for place in self.candidates.shown)

    @property
    def tokens(self) -> Int32[np.ndarray, "images image"]:
        return self.candidates.tokens[list(self.candidates.shown)]

    @property
    def marks(self) -> tuple[float | None, ...]:
        """How well every picture fits the prompt, from -1 to 1; None where that was not to be had."""
        return tuple(self.candidates.mark(place) for place in self.candidates.shown)

    @functools.cached_property
    def images(self) -> tuple[Image.Image, ...]:
        return tuple(self.candidate_image(place) for place in self.candidates.shown)

    def candidate_image(self, place: int) -> Image.Image:
        """A candidate as it may be seen: blurred where it was flagged."""
        image = self.candidates.image(place)
        return blur(image) if self.is_blurred(place) else image

    def is_blurred(self, place: int) -> bool:
        """Whether a candidate may be seen blurred only."""
        verdict = self.verdict(place)
        return self.blurs and verdict is not None and verdict.flagged

    def tile_tokens(self, index: int) -> KeptTokens | None:
        """All tokens of picture `index`, to draw on; None where it is blurred, for they would show it as it is."""
        return self._tokens_of(self.candidates.shown[index])

    def _tokens_of(self, place: int) -> KeptTokens | None:
        is_unseen = self.verdicts is not None and self.verdict(place) is None
        if is_unseen or self.is_blurred(place):
            return None
        return KeptTokens(tuple(map(int, self.candidates.tokens[place])))

    def verdict(self, place: int) -> Verdict | None:
        """What was said of a candidate, if anybody looked at it: only those that are shown are looked at."""
        if self.verdicts is None or place not in self.candidates.shown:
            return None
        return self.verdicts[self.candidates.shown.index(place)]

    def unblurred(self) -> "Generation":
        """The same, with flagged pictures as they were drawn."""
        return dataclasses.replace(self, blurs=False)

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know about the pictures and their marks."""
        done = "blurred" if self.blurs else "flagged"
        flagged = [
            f"picture {number} is {done}: {verdict.reason}"
            for number, verdict in enumerate(self.verdicts or (), 1)
            if verdict.flagged
        ]
        return (*flagged, *self._mark_notes())

    def _mark_notes(self) -> tuple[str, ...]:
        if self.ranker is None:
            return ()
        unmarked, count = self.candidates.unmarked, len(self.candidates)
        notes = []
        if self.ranker.made_for != self.release:
            notes.append(f"ranked by {self.ranker.name}, which was not made for {self.release}")
        if unmarked == count:
            notes.append("no picture could be marked, so they stand in the order of drawing")
        elif unmarked:
            notes.append(f"{unmarked} of {count} pictures could not be marked, and come last")
        if self.settings.variety and count == self.settings.images:
            notes.append("variety changes nothing where all that is drawn is shown: draw more candidates")
        return tuple(notes)

    @property
    def recipe(self) -> dict[str, Any]:
        """What draws this grid again."""
        return self._describe(self.reading.prompt, self.seed, self.settings, self.way, self.ranker)

    def tile_recipe(self, index: int) -> dict[str, Any]:
        """What draws picture `index` again, alone, and its tokens, to draw on."""
        return self.candidate_recipe(self.candidates.shown[index])

    def candidate_recipe(self, place: int) -> dict[str, Any]:
        """What draws a candidate again, alone: no ranker has a say in that. Its tokens are told if it may be seen."""
        alone = dataclasses.replace(self.settings, images=1, candidates=1, variety=0.0)
        # Without prompts of their own, all candidates are of the first tile's.
        tile = self.tiles[place] if self.way.has_many_prompts else self.tiles[0]
        prompt, *others = tile.shares
        way = Way(kept=self.way.kept)
        if others:
            way = dataclasses.replace(way, morph_to=tile.other, morph_share=tile.share)
        recipe = self._describe(prompt, self.candidates.seeds[place], alone, way, None)
        tokens = self._tokens_of(place)
        return recipe | ({"tokens": tokens.to_text()} if tokens else {})

    def _describe(
        self, prompt: str, seed: int, settings: GenerationConfig, way: Way, ranker: RankerId | None
    ) -> dict[str, Any]:
        return {
            "version": __version__,
            "release": self.release,
            "prompt": prompt,
            "seed": seed,
            **settings.to_dict(),
            **way.to_dict(),
            "ranker": {"name": ranker.name, "digest": ranker.digest} if ranker else None,
        }

    def grid(self) -> Image.Image:
        """All pictures on one sheet: 3×3 for nine; with labels where their prompts differ."""
        return self.compose(self.images)

    def compose(self, images: Sequence[Image.Image]) -> Image.Image:
        """Such a sheet of `images` that stand for the pictures."""
        labels = [tile.label for tile in self.tiles]
        return compose_labeled(images, labels) if any(labels) else compose_grid(images)

    def sheet(self) -> Image.Image:
        """All candidates on one sheet, best first with their marks; those left out are gray."""
        candidates = self.candidates
        ranked = [(self.candidate_image(place), candidates.mark(place)) for place in candidates.ranked]
        return compose_ranked(ranked, [place in candidates.shown for place in candidates.ranked])

    def save(self, path: str | Path) -> Path:
        """Write the grid as a PNG that carries its recipe."""
        return save_png(self.grid(), path, self.recipe)

    def save_sheet(self, path: str | Path) -> Path:
        """Write all candidates as a PNG that carries the grid's recipe."""
        return save_png(self.sheet(), path, self.recipe)

    def save_tile(self, index: int, path: str | Path) -> Path:
        """Write one picture, at its own size, as a PNG that carries its recipe."""
        return save_png(self.images[index], path, self.tile_recipe(index))
