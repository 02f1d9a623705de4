"""Forms of English verbs."""

import re
from collections.abc import Iterable, Iterator

VERB = "+"
"""Ends a verb that stands for its forms."""

_CLOSED = re.compile(r"[^aeiou]*[aeiou][bdgklmnprtv]$|.*[^aeiou][aeiou][bdgklmnprt]$")


def verb_forms(verb: str, irregular: Iterable[str] = ()) -> Iterator[str]:
    """`stab`, `stabs`, `stabbed`, `stabbing`, `stabbin`; a doubled letter may be missing, as people write."""
    yield from (verb, *irregular)
    if verb.endswith("y") and verb[-2] not in "aeiou":
        yield from (f"{verb[:-1]}ies", f"{verb[:-1]}ied")
        stems = [verb]
    elif verb.endswith("e"):
        yield from (f"{verb}s", f"{verb}d")
        stems = [verb if verb.endswith("ee") else verb[:-1]]
    else:
        yield f"{verb}es" if verb.endswith(("s", "x", "z", "ch", "sh")) else f"{verb}s"
        stems = [verb, verb + verb[-1]] if _CLOSED.match(verb) else [verb]
        yield from (f"{stem}ed" for stem in stems)
    for stem in stems:
        yield from (f"{stem}ing", f"{stem}in")
