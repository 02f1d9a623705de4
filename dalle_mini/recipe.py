"""What draws a grid again, as one thing: inside a PNG, in a link, over the API.

A link's query is `v=1&model=nano&prompt=a+red+car&seed=7`, then those settings that differ from `LINK_DEFAULTS`, by
their names. Names that are none of ours are ignored there, for other sites add theirs to links; whatever changes what a
link draws will count `v` up, and a link of another version is refused. A PNG's recipe must be understood whole.
"""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from dalle_mini.config import MAX_PROMPT, PLAIN, GenerationConfig, KeptTokens, Way, check_seed
from dalle_mini.errors import ConfigError, DataError, PromptError

LINK_VERSION = "1"
LINK_DEFAULTS = GenerationConfig(images=9, guidance_scale=10.0, temperature=1.0, top_k=50, top_p=1.0)
"""What a link of version 1 leaves out; never to change, whatever the defaults of drawing become."""
MAX_RELEASE = 200
MAX_QUERY = 60_000

_ASIDE = ("version", "ranker", "tokens")
"""What drew, what chose, and what came out."""
_SETTINGS = {field.name: field.type for field in dataclasses.fields(GenerationConfig)}
_WAYS = {field.name: field.type for field in dataclasses.fields(Way)}
_HINT = "copy the whole link, or use the PNG as it was downloaded"


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A release, a prompt, a seed and how to draw; every value is checked when it is made."""

    release: str
    prompt: str
    seed: int
    settings: GenerationConfig = LINK_DEFAULTS
    way: Way = PLAIN

    def __post_init__(self) -> None:
        if not isinstance(self.release, str) or not 0 < len(self.release) <= MAX_RELEASE:
            raise DataError(f"release={self.release!r} is not the name of a release", hint=_HINT)
        if not isinstance(self.prompt, str) or not self.prompt.strip():
            raise PromptError("the recipe has no prompt", hint=_HINT)
        if len(self.prompt) > MAX_PROMPT:
            raise PromptError(f"the prompt has {len(self.prompt):,} characters", hint=f"use at most {MAX_PROMPT:,}")
        for text in (self.release, self.prompt, self.settings.not_this, self.way.morph_to):
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise DataError("the recipe holds half of a character (a lone surrogate)", hint="type the text again")
        check_seed(self.seed)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a PNG and goes over the API."""
        start = {"release": self.release, "prompt": self.prompt, "seed": self.seed}
        return start | self.settings.to_dict() | self.way.to_dict()

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Recipe":
        """The counterpart of `to_dict`; what tells of the drawing and is not needed for it is left aside.

        Other names are errors.
        """
        missing = [name for name in ("release", "prompt", "seed") if name not in values]
        if missing:
            raise DataError(f"the recipe does not say its {missing[0]}", hint=_HINT)
        own = {"release", "prompt", "seed", *_ASIDE}
        way = {name: value for name, value in values.items() if name in _WAYS}
        settings = {name: value for name, value in values.items() if name not in own | _WAYS.keys()}
        return cls(
            values["release"],
            values["prompt"],
            values["seed"],
            GenerationConfig.from_dict(settings),
            Way.from_dict(way),
        )

    def to_query(self) -> str:
        """A link's part after the question mark; DataError if the prompt is too long for one."""
        values = {"v": LINK_VERSION, "model": self.release, "prompt": self.prompt, "seed": self.seed}
        defaults = LINK_DEFAULTS.to_dict()
        values |= {name: value for name, value in self.settings.to_dict().items() if value != defaults[name]}
        values |= {name: "yes" if value is True else value for name, value in self.way.to_dict().items()}
        query = urlencode(values)
        if len(query) > MAX_QUERY:
            raise DataError(f"a link with this prompt would have {len(query):,} characters", hint="share the PNG")
        return query

    @classmethod
    def from_query(cls, query: str) -> "Recipe":
        """The counterpart of `to_query`; DataError or ConfigError says what is wrong with a link."""
        values = _read_pairs(query)
        if (version := values.get("v")) != LINK_VERSION:
            hint = "update this program" if (version or "").isdigit() else _HINT
            raise DataError(f"a recipe link of version {version!r}, not {LINK_VERSION!r}", hint=hint)
        missing = [name for name in ("model", "prompt", "seed") if name not in values]
        if missing:
            raise DataError(f"the link does not say its {missing[0]}", hint=_HINT)
        settings = {name: _parse(name, values[name], kind) for name, kind in _SETTINGS.items() if name in values}
        way = {name: _parse(name, values[name], kind) for name, kind in _WAYS.items() if name in values}
        seed = _parse("seed", values["seed"], int)
        return cls(
            values["model"],
            values["prompt"],
            int(seed),
            dataclasses.replace(LINK_DEFAULTS, **settings),
            Way.from_dict(way),
        )


def _read_pairs(query: str) -> dict[str, str]:
    if len(query) > MAX_QUERY:
        raise DataError(f"the link has {len(query):,} characters", hint=f"a recipe has at most {MAX_QUERY:,}")
    try:
        pairs = parse_qsl(query.removeprefix("?"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError as error:
        raise DataError(f"the link can't be read: {error}", hint=_HINT) from error
    values = dict(pairs)
    ours = {"v", "model", "prompt", "seed", *_SETTINGS, *_WAYS}
    for name in values:
        if name in ours and sum(name == other for other, _ in pairs) > 1:
            raise DataError(f"the link says {name!r} twice", hint=_HINT)
    return values


def _parse(name: str, text: str, kind: Any) -> float | int | bool | str:
    """A value of the field's kind; numbers are plain ones, as `to_query` writes them."""
    kinds = typing.get_args(kind) or (kind,)
    if str in kinds or KeptTokens in kinds:
        return text
    if bool in kinds:
        if text != "yes":
            raise ConfigError(f"{name}={text!r} is not yes", hint=_HINT)
        return True
    try:
        if not text.isascii() or text.strip() != text or "_" in text or len(text) > 40:
            raise ValueError
        return float(text) if float in kinds else int(text)
    except ValueError:
        raise ConfigError(f"{name}={text!r} is not a number", hint=_HINT) from None
