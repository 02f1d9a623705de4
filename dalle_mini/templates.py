r"""Prompts with choices: `{cat|dog|fox} made of {cheese|gold|ice}` is nine prompts, one for each tile of a grid.

Every choice is tried with every other, the last one changing fastest, so that three times three fill a grid in rows and
columns. A backslash makes `{`, `|`, `}` or `\` an ordinary character; outside of braces `|` is one anyway.
"""

import dataclasses
import itertools
import math
import re

from dalle_mini.config import MAX_IMAGES
from dalle_mini.errors import PromptError

MAX_TEMPLATE = 20_000

_CHOICE = re.compile(r"(?<!\\)\{[^{}]*\|[^{}]*\}")

_SPECIAL = "{|}\\"
_ESCAPE_HINT = r"write \{ or \} for a brace that is meant as one"


@dataclasses.dataclass(frozen=True)
class Variant:
    """One of a template's prompts; `label` names what was chosen, and is empty where there was no choice."""

    label: str
    prompt: str


def has_choice(prompt: str) -> bool:
    """Whether a prompt is meant as a template; other braces are ordinary characters."""
    return _CHOICE.search(prompt) is not None


def expand_template(template: str, *, most: int = MAX_IMAGES) -> tuple[Variant, ...]:
    """All prompts of a template; PromptError if it can't be read or has more than `most`."""
    if len(template) > MAX_TEMPLATE:
        raise PromptError(f"the template has {len(template):,} characters", hint=f"use at most {MAX_TEMPLATE:,}")
    parts = _read(template)
    count = math.prod(map(len, parts))
    if count > most:
        raise PromptError(f"the template makes {count:,} prompts", hint=f"leave at most {most} by fewer choices")
    return tuple(_choose(parts, chosen) for chosen in itertools.product(*parts))


def fill_grid(variants: tuple[Variant, ...], *, images: int = 9) -> tuple[Variant, ...]:
    """As many variants as the grid has pictures: each comes equally often, where that is possible, side by side."""
    if len(variants) > images:
        hint = f"leave at most {images} by fewer choices, or draw more pictures"
        raise PromptError(f"the template makes {len(variants):,} prompts for {images} pictures", hint=hint)
    return tuple(variants[index * len(variants) // images] for index in range(images))


def _choose(parts: list[list[str]], chosen: tuple[str, ...]) -> Variant:
    """Put chosen parts together. An empty choice leaves no double space."""
    pieces: list[str] = []
    for piece in chosen:
        pieces.append(piece.lstrip(" ") if pieces and (not "".join(pieces) or "".join(pieces).endswith(" ")) else piece)
    labels = [piece.strip() or "–" for part, piece in zip(parts, chosen, strict=True) if len(part) > 1]
    return Variant(" · ".join(labels), "".join(pieces).strip(" ") if len(parts) > 1 else chosen[0])


def _read(template: str) -> list[list[str]]:
    """A template's parts in turn, each with its choices; what stands outside of braces has one."""
    parts: list[list[str]] = [[""]]
    opened = None
    index = 0
    while index < len(template):
        character = template[index]
        if character == "\\" and template[index + 1 : index + 2] in tuple(_SPECIAL):
            index += 1
            parts[-1][-1] += template[index]
        elif character == "{":
            if opened is not None:
                hint = f"write out the inner choices, or {_ESCAPE_HINT}"
                raise PromptError(f"a brace within braces at character {index + 1} of the template", hint=hint)
            opened = index
            parts.append([""])
        elif character == "}":
            if opened is None:
                raise PromptError(
                    f"a closing brace without its opening one at character {index + 1}", hint=_ESCAPE_HINT
                )
            if parts[-1] == [""]:
                hint = f"put choices in, as in {{red|blue}}, or {_ESCAPE_HINT}"
                raise PromptError(f"empty braces at character {opened + 1} of the template", hint=hint)
            opened = None
            parts.append([""])
        elif character == "|" and opened is not None:
            parts[-1].append("")
        else:
            parts[-1][-1] += character
        index += 1
    if opened is not None:
        raise PromptError(f"the brace at character {opened + 1} of the template is never closed", hint=_ESCAPE_HINT)
    return [part for part in parts if part != [""]] or [[""]]
