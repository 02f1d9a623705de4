"""Which prompts are not drawn. The words of a refused prompt are neither repeated nor logged."""

import codecs
import functools
import tomllib
from importlib import resources
from typing import Any

from dalle_mini.config import suggest
from dalle_mini.errors import ConfigError, PromptRejected
from dalle_mini.safety.letters import fold, tokenize
from dalle_mini.safety.rules import Rulebook

MODES = ("off", "family", "strict")
DEFAULT_MODE = "family"

CATEGORIES = ("minors", "self-harm", "real-person", "hate", "gore", "sexual")
"""From the gravest on; where two fit, the first is named."""
_ALWAYS = ("minors",)
_MOST_WORDS = 500
"""So many words of a prompt are looked at; models read fewer."""


def check_prompt(prompt: str, mode: str = DEFAULT_MODE, *, contact: str = "") -> None:
    """Raise PromptRejected, which names a category, where a prompt should not be drawn in this mode.

    "off" refuses what sexualizes minors and nothing else. `contact` says whom to tell about a mistake.
    """
    if mode not in MODES:
        raise ConfigError(f"unknown safety mode {mode!r}", hint=suggest(str(mode), list(MODES)))
    rulebook = read_rulebook()
    positions = rulebook.vocabulary.read(tokenize(fold(prompt))[:_MOST_WORDS])
    category = rulebook.refuse(positions, strict=mode == "strict", only=_ALWAYS if mode == "off" else ())
    if category:
        hint = "try it in other words"
        raise PromptRejected(
            category.sentence,
            category=category.name,
            hint=f"{hint}; if this is a mistake, {contact or 'tell whoever runs this page'}",
        )


@functools.cache
def read_rulebook() -> Rulebook:
    """The rules of the package."""
    tables = {name: _read_words(name) for name in CATEGORIES}
    # Slurs stand there in ROT13, so that nobody has to read them.
    tables["hate"]["rules"] += [codecs.decode(rule, "rot13") for rule in tables["hate"].pop("rot13")]
    groups = _read_words("groups")
    groups["groups"] |= _read_words("people")["groups"]
    return Rulebook({**groups, **_read_words("readings"), **_read_words("allow"), "category": tables})


def _read_words(name: str) -> dict[str, Any]:
    return tomllib.loads(
        resources.files("dalle_mini.safety").joinpath("words", f"{name}.toml").read_text(encoding="utf-8")
    )
