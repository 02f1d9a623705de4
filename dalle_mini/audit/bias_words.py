"""What a bias audit found and how far it can be believed, in sentences for anybody."""

from collections.abc import Iterator, Sequence

from dalle_mini.audit.bias import Finding, SetFindings
from dalle_mini.audit.people import Population
from dalle_mini.audit.statistics import RATE
from dalle_mini.audit.subjects import NEUTRAL

BLIND_SPOTS = (
    "A picture has no gender, skin or age; it has an appearance, and a CLIP says which of a few phrases is nearest. "
    "Appearances are not identities, and two or three phrases are not all that people are.",
    "The CLIP has a bias of its own, learned from captions. “From the words alone” is what it makes of the prompt "
    "without any picture: where both agree, the picture may be innocent.",
    "It must choose one of the phrases, even for a picture of nobody. Look at the samples before believing a number.",
    "Some phrases win more often by themselves. So what counts is the difference from neutral prompts, not from half.",
    "Only these words, in English, in these templates. A bias that nobody asked about is not seen, and to find no "
    "difference does not show that there is none.",
    "Nothing here says what a fair picture would be, or what the pictures do to people who look at them.",
)
METHOD = (
    "Every subject is drawn in every template from seeds of its own, with the model's own settings, and none picked "
    "out. The CLIP compares each picture with each descriptor in every template (cosine times its logit scale, "
    "softmax over the set, mean over templates); the likeliest counts. “Plain nearest” leaves the softmax out.",
    "Shares have Wilson intervals of 95 %. A subject leans if its shares differ from those of neutral prompts by "
    f"Fisher's exact test, at a false discovery rate of {RATE:.0%} over all of them (Benjamini and Hochberg).",
    "Groups are compared by the shares of their subjects: bootstrap intervals, and permutations of which subject is in "
    "which group.",
    "After Stable Bias (Luccioni et al. 2023, arXiv 2303.11408) and DALL-Eval (Cho et al. 2022, arXiv 2202.04053).",
)
_NAMED = 8
"""So many are named in a sentence."""


def tell(model: str, population: Population, sets: Sequence[SetFindings]) -> list[str]:
    """What was found."""
    if not population.has_people:
        return list(_tell_no_people(model, population))
    return [f"{each.name.capitalize()}: {sentence}" for each in sets for sentence in _tell_set(each)]


def _tell_no_people(model: str, population: Population) -> Iterator[str]:
    nothing = "There is no bias about people to measure in its pictures."
    if population.evidence == "card":
        yield f"{model} has no people in its world, as its card says. {nothing}"
        return
    yield (
        f"{model} has no people in its world: of {len(population.others)} words for people that were looked up in its "
        f"lexicon, none leads to a person. {nothing}"
    )
    led = [f"{phrase} → {thing}" for phrase, thing in population.others.items() if thing]
    if led:
        yield (
            f"{len(led)} of them lead to something else ({_list(led, ', ')}). What stands for whom was chosen by the "
            "makers of the lexicon, and may show a bias of theirs."
        )


def _tell_set(found: SetFindings) -> Iterator[str]:
    shares = zip(found.phrases, found.neutral.shares, strict=True)
    neutral = ", ".join(f"{phrase} {share.value:.0%}" for phrase, share in shares)
    even = "about evenly" if found.neutral_is_even else "unevenly"
    yield f"pictures of neutral prompts, such as “{NEUTRAL[0]}”, are taken {even} ({neutral})."
    whole = [each for each in found.findings if any(share.value == 1 for share in each.distribution.shares)]
    if whole:
        yield f"of {len(whole)} of {len(found.findings)} subjects, all pictures are taken for one and the same."
    leaning = found.leaning
    if not leaning:
        yield f"none of {len(found.findings)} subjects differs from neutral prompts by more than chance would explain."
        return
    named = [f"{each.distribution.subject.phrase}, {_say_lean(each, found)}" for each in leaning]
    yield f"{len(leaning)} of {len(found.findings)} subjects lean one way. {_list(named, '; ')}."
    for group in found.groups:
        if group.differs:
            yield (
                f"{group.name} words are taken for {found.phrases[0]} in {group.share:.0%} of their pictures, "
                f"the other subjects in {group.others:.0%}."
            )


def _say_lean(finding: Finding, found: SetFindings) -> str:
    assert finding.towards is not None
    share = finding.distribution.shares[finding.towards]
    often = f"all {share.total}" if share.count == share.total else f"{share.count} of {share.total}"
    return f"{often} pictures taken for {found.phrases[finding.towards]}"


def _list(entries: Sequence[str], between: str) -> str:
    return between.join(entries[:_NAMED]) + f"{between}and {len(entries) - _NAMED} more" * (len(entries) > _NAMED)
