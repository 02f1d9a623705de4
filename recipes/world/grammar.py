"""Articles and plurals of English nouns."""

from collections.abc import Mapping


def plural(plurals: Mapping[str, str], noun: str) -> str:
    """More than one of a noun; `plurals` has the irregular ones, also by their last word."""
    if noun in plurals:
        return plurals[noun]
    before, space, last = noun.rpartition(" ")
    if last in plurals:
        return f"{before}{space}{plurals[last]}"
    if noun.endswith(("s", "x", "ch", "sh", "z")):
        return f"{noun}es"
    if noun.endswith("y") and noun[-2:-1] not in "aeiou":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def indefinite(words: str) -> str:
    """ "a" or "an", by the sound of what follows."""
    first = words.split(" ")[0].lower()
    if first.startswith(("hour", "heir", "honest", "x-ray", "xray", "8", "11", "18", "x ray")) or first in (
        "x",
        "suv",
        "mri",
    ):
        return "an"
    if first.startswith(("uni", "ufo", "uku", "euro", "ewe", "used", "usu", "ura", "uten", "eu")) or first in (
        "one",
        "once",
    ):
        return "a"
    return "an" if first[:1] in "aeiou" else "a"
