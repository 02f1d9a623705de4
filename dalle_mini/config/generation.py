"""How to draw: settings and seeds."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from dalle_mini.config.checks import check_names, check_types, require
from dalle_mini.errors import ConfigError

MAX_IMAGES = 64
MAX_CANDIDATES = 512
MAX_SEED = 2**32 - 1
MAX_PROMPT = 20_000
"""Characters of a prompt that are looked at; models read some dozens of words."""


@dataclasses.dataclass(frozen=True)
class GenerationConfig:
    """How to draw; the defaults are the original's (its notebook guides by 10 and keeps the best 50 tokens).

    `top_k=0` and `top_p=1.0` switch a filter off; `guidance_scale=1.0` draws without guidance, at half the work.
    Of `candidates` that are drawn, a ranker chooses the `images` that are shown; None leaves their number to whoever
    draws. `variety` is from 0, the best ones, to 1, the most unlike ones. Guidance leads away from `not_this`, a prompt
    for what should not be seen, instead of from the empty one.
    """

    images: int = 9
    guidance_scale: float = 10.0
    temperature: float = 1.0
    top_k: int = 50
    top_p: float = 1.0
    candidates: int | None = None
    variety: float = 0.0
    not_this: str = ""

    def __post_init__(self) -> None:
        for name in ("guidance_scale", "temperature", "top_p", "variety"):
            value = getattr(self, name)
            if isinstance(value, int) and not isinstance(value, bool):
                object.__setattr__(self, name, float(value))
        check_types(self, "setting")
        require(1 <= self.images <= MAX_IMAGES, "images", self.images, f"must be from 1 to {MAX_IMAGES}")
        require(0 <= self.guidance_scale <= 100, "guidance_scale", self.guidance_scale, "must be from 0 to 100")
        require(0.01 <= self.temperature <= 100, "temperature", self.temperature, "must be from 0.01 to 100")
        require(0 <= self.top_k <= 2**31 - 1, "top_k", self.top_k, "must be 0 (off) or more")
        require(0 < self.top_p <= 1, "top_p", self.top_p, "must be above 0 and at most 1 (off)")
        require(0 <= self.variety <= 1, "variety", self.variety, "must be from 0 (best) to 1 (varied)")
        if self.not_this:
            length = len(self.not_this)
            require(
                length <= MAX_PROMPT, "not_this", self.not_this[:20], f"… must have at most {MAX_PROMPT:,} characters"
            )
            require(bool(self.not_this.strip()), "not_this", self.not_this, "must be words, or nothing at all")
            rule = "leads nowhere without guidance: use another guidance_scale than 1"
            require(self.guidance_scale != 1, "not_this", self.not_this[:40], rule)
        if self.candidates is not None:
            rule = f"must be from {self.images}, as many as are shown, to {MAX_CANDIDATES}"
            require(self.images <= self.candidates <= MAX_CANDIDATES, "candidates", self.candidates, rule)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "GenerationConfig":
        return cls(**check_names(cls, values, "setting"))

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


def check_seed(seed: Any) -> int:
    """`seed` as an int, or a ConfigError that says what a seed may be."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= MAX_SEED:
        raise ConfigError(f"seed={seed!r} is not a seed", hint=f"a seed is a whole number from 0 to {MAX_SEED}")
    return seed
