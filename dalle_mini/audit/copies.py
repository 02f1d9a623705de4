"""Whether a model copies: how near its pictures are to those that it learned from.

There is no distance from which on a picture is a copy. So pictures of the set itself, or of one that it has never seen,
are held against the set in the same way, and a picture of the model counts as a near copy where it is as near to one of
the set as the nearest twentieth of those. (Somepalli et al. 2023, arXiv 2212.03860, set generated pictures' likeness
against that of training pictures among themselves, too.)
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image

from dalle_mini.arrays import Float, Int32
from dalle_mini.audit.likeness import TOKENS, FeatureReader, Features, join
from dalle_mini.audit.nearest import Nearest, find_nearest
from dalle_mini.audit.statistics import RATE, adjust, fisher_test, wilson_interval
from dalle_mini.config import MAX_IMAGES
from dalle_mini.data.loader import stack_records
from dalle_mini.data.records import Picture, Tokens
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError, DataError, PromptError
from dalle_mini.pipeline import DalleMini

REFERENCE = 200
"""So many pictures of a set, or all, say how near pictures of its kind are to one another."""
NEARER_THAN = 0.95
LEAST = 20
"""Records, or pictures, with which there is anything to compare."""
_A_PROMPT = 3


@dataclasses.dataclass(frozen=True)
class Drawing:
    """A picture of the model, with what draws it again."""

    prompt: str
    seed: int
    tokens: Int32[np.ndarray, "image"]
    picture: Image.Image


@dataclasses.dataclass(frozen=True)
class Neighbor:
    """A record that a picture is near to."""

    id: str
    caption: str
    picture: Image.Image
    likeness: float


@dataclasses.dataclass(frozen=True)
class Measure:
    """One measure's answer: how near every drawing and every reference picture is to its nearest record, from where on
    that counts as a near copy, and how likely such rates are if drawings are no nearer (Fisher's exact test)."""

    name: str
    drawn: Float[np.ndarray, "drawings"]
    reference: Float[np.ndarray, "pictures"]
    threshold: float
    p: float
    q: float

    @property
    def near(self) -> int:
        return int(np.count_nonzero(self.drawn >= self.threshold))

    @property
    def rate(self) -> float:
        return self.near / len(self.drawn)

    @property
    def interval(self) -> tuple[float, float]:
        return wilson_interval(self.near, len(self.drawn))

    @property
    def reference_near(self) -> int:
        return int(np.count_nonzero(self.reference >= self.threshold))

    @property
    def reference_rate(self) -> float:
        return self.reference_near / len(self.reference)

    @property
    def copies(self) -> bool:
        """Whether there are more near copies than chance explains."""
        return self.q < RATE and self.rate > self.reference_rate


@dataclasses.dataclass(frozen=True)
class Matched:
    """A drawing with its nearest records by measure, the nearest first."""

    drawing: Drawing
    neighbors: dict[str, tuple[Neighbor, ...]]


@dataclasses.dataclass(frozen=True)
class CopiesFound:
    """`records` is the size of the set, `equal` counts drawings of which every token is that of one record."""

    records: int
    measures: tuple[Measure, ...]
    matched: tuple[Matched, ...]
    equal: int


def check_set(records: RecordSet, digest: str) -> None:
    """DataError for a set that is too small, or tokens of another VQGAN than that of `digest`."""
    if len(records) < LEAST:
        raise DataError(
            f"{records.directory} has {len(records)} records", hint=f"with fewer than {LEAST} nothing can be compared"
        )
    if records.manifest.kind == "tokens" and records.manifest.vqgan != digest:
        raise DataError(
            f"{records.directory} holds tokens of VQGAN {records.manifest.vqgan[:12]}, the model's is {digest[:12]}",
            hint="give the pictures themselves, or encode them with the model's VQGAN",
        )


def check_drawn(count: int) -> None:
    """ConfigError for so few pictures that nothing follows from them."""
    if count < LEAST:
        raise ConfigError(f"--count {count} is too few to tell anything", hint=f"give {LEAST} or more")


def caption_prompts(records: RecordSet, count: int) -> list[str]:
    """Captions of the set, taken evenly: what a model is likeliest to have learned by heart."""
    count = min(count, len(records))
    return [records[place * len(records) // count].caption for place in range(count)]


def draw_prompts(
    model: DalleMini,
    prompts: Sequence[str],
    count: int,
    seed: int,
    on_progress: Callable[[float, int], None] | None = None,
) -> list[Drawing]:
    """`count` pictures, a few of each of some prompts, taken evenly; prompt i is drawn from `seed` + i."""
    readable = [prompt for prompt in dict.fromkeys(prompts) if _is_readable(model, prompt)]
    if not readable:
        raise PromptError("none of the prompts can be read", hint="give others with --prompts FILE")
    a_prompt = max(min(_A_PROMPT, count), -(-count // len(readable)))
    if a_prompt > MAX_IMAGES:
        raise ConfigError(
            f"{len(readable)} prompts are too few for {count} pictures", hint=f"a prompt gives at most {MAX_IMAGES}"
        )
    used = -(-count // a_prompt)
    drawings: list[Drawing] = []
    for number in range(used):
        prompt = readable[number * len(readable) // used]
        drawn = model.generate(prompt, seed=(seed + number) % 2**32, images=a_prompt)
        drawings += [Drawing(prompt, *each) for each in zip(drawn.seeds, drawn.tokens, drawn.images, strict=True)]
        if on_progress:
            on_progress((number + 1) / used, len(drawings))
    return drawings[:count]


def _is_readable(model: DalleMini, prompt: str) -> bool:
    try:
        model.tokenizer.encode([prompt])
    except PromptError:
        return False
    return True


def find_copies(
    drawings: Sequence[Drawing],
    records: RecordSet,
    reader: FeatureReader,
    *,
    held_out: RecordSet | None = None,
    seed: int = 0,
    on_progress: Callable[[float, int], None] | None = None,
) -> CopiesFound:
    """Hold the drawings, and some pictures of `held_out` or of the set itself, against the whole set."""
    embedded = reader.embed([drawing.picture for drawing in drawings])
    drawn = Features(np.stack([drawing.tokens for drawing in drawings]), embedded)
    places, reference = _sample(held_out or records, reader, seed)
    own = np.full(len(drawings) + len(places), -1, np.int32)
    if held_out is None:
        own[len(drawings) :] = places
    nearest = find_nearest(join([drawn, reference]), own, records, reader, on_progress)
    measures = _measure({name: each.best for name, each in nearest.items()}, len(drawings))
    matched = tuple(
        Matched(drawing, {name: _describe(each, row, records, reader) for name, each in nearest.items()})
        for row, drawing in enumerate(drawings)
    )
    equal = int(np.count_nonzero(nearest[TOKENS].best[: len(drawings)] == 1))
    return CopiesFound(len(records), measures, matched, equal)


def _sample(records: RecordSet, reader: FeatureReader, seed: int) -> tuple[np.ndarray, Features]:
    """Some records by chance: their places, and what they are compared by."""
    count = min(REFERENCE, len(records))
    places = np.sort(np.random.default_rng(seed).choice(len(records), size=count, replace=False))
    return places, reader.read(stack_records([records[int(place)] for place in places]))


def _measure(best: dict[str, np.ndarray], drawings: int) -> tuple[Measure, ...]:
    plain = [judge(name, values[:drawings], values[drawings:]) for name, values in best.items()]
    return tuple(
        dataclasses.replace(each, q=q) for each, q in zip(plain, adjust([each.p for each in plain]), strict=True)
    )


def judge(name: str, drawn: Float[np.ndarray, "drawings"], reference: Float[np.ndarray, "pictures"]) -> Measure:
    """How often drawings are as near to a record as the nearest of the reference pictures are."""
    threshold = float(np.quantile(reference, NEARER_THAN, method="higher"))
    measure = Measure(name, drawn, reference, threshold, 1.0, 1.0)
    p = fisher_test(measure.near, len(drawn), measure.reference_near, len(reference))
    return dataclasses.replace(measure, p=p, q=p)


def _describe(nearest: Nearest, row: int, records: RecordSet, reader: FeatureReader) -> tuple[Neighbor, ...]:
    pairs = zip(nearest.places[row], nearest.likeness[row], strict=True)
    return tuple(_read_neighbor(records[int(place)], float(likeness), reader) for place, likeness in pairs)


def _read_neighbor(record: Picture | Tokens, likeness: float, reader: FeatureReader) -> Neighbor:
    pixels = record.pixels if isinstance(record, Picture) else reader.decode(record.image[None])[0]
    return Neighbor(record.id, record.caption, Image.fromarray(pixels), likeness)
