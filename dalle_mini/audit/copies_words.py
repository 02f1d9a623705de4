"""What a search for copies found and how far it can be believed, in sentences for anybody."""

from collections.abc import Iterator

from dalle_mini.audit.copies import NEARER_THAN, CopiesFound, Measure
from dalle_mini.audit.likeness import EMBEDDING, TOKENS
from dalle_mini.audit.statistics import RATE

NAMES = {EMBEDDING: "by CLIP", TOKENS: "token by token"}
BLIND_SPOTS = (
    "Only pictures of this set were looked at. What the model learned elsewhere is not seen.",
    "A CLIP finds pictures alike that show the same, even if every line differs; tokens find those alike that have the "
    "same patches at the same places, a plain background above all. Look at the pairs: neither says “copy” by itself.",
    "A part that was copied into another picture, mirrored, resized or moved by more than a token, may escape both.",
    "Where the set has many near duplicates, its own pictures are near to one another, and copies are harder to tell.",
    "Few copies among a few pictures do not mean that no prompt gives one.",
)
METHOD = (
    "The model's pictures are compared with every picture of the set. By CLIP, nearness is the cosine of two "
    "embeddings; token by token, it is the share of equal image tokens at equal places, in the best of nine shifts by "
    "one token at most.",
    "So are reference pictures: some of the set itself, each against all others, or those of a set that was held out. "
    f"A picture of the model is a near copy where it is as near to one of the set as the nearest {1 - NEARER_THAN:.0%} "
    "of these are.",
    "Rates have Wilson intervals of 95 % and are compared by Fisher's exact test, at a false discovery rate of "
    f"{RATE:.0%}.",
    "After Somepalli et al. 2023 (arXiv 2212.03860), who set the likeness of generated pictures to a training set "
    "beside that of the set's own pictures.",
)


def tell(model: str, found: CopiesFound) -> list[str]:
    """What was found."""
    return list(_tell(model, found))


def _tell(model: str, found: CopiesFound) -> Iterator[str]:
    drawn = len(found.matched)
    yield f"{drawn} pictures of {model} were held against all {found.records:,} of the set."
    most = max(float(each.drawn.max()) for each in found.measures if each.name == TOKENS)
    if found.equal:
        yield f"{found.equal} of {drawn} have every token of one picture of the set: those are copies."
    else:
        yield f"None has every token of a picture of the set; the nearest shares {most:.0%} of its tokens."
    yield from (_tell_measure(each) for each in found.measures)


def _tell_measure(each: Measure) -> str:
    low, high = each.interval
    verdict = "more than chance explains" if each.copies else "no more than chance explains"
    name = NAMES[each.name]
    return (
        f"{name[0].upper()}{name[1:]}, {each.near} of {len(each.drawn)} ({each.rate:.0%}, {low:.0%} to {high:.0%}) are "
        f"near copies; of real pictures, compared in the same way, {each.reference_rate:.0%} are. That is {verdict}."
    )
