"""Ways of drawing beside one prompt for all pictures on an empty canvas.

Tokens that are kept travel as text, in recipes and over the API: base64 of two bytes a cell, row by row, big end first,
where 65535 stands for a token that is to be drawn.
"""

import base64
import binascii
import dataclasses
import math
import struct
from collections.abc import Iterable, Mapping
from typing import Any

from dalle_mini.config.checks import check_names, check_types, require
from dalle_mini.errors import ConfigError

UNKNOWN = -1
"""Stands where a token is still to be drawn."""
MOST_CELLS = 4096
_OPEN = 65535
_HINT = "take the tokens as they came from the recipe or the API"


@dataclasses.dataclass(frozen=True)
class KeptTokens:
    """Image tokens that a drawing begins with, row by row; UNKNOWN where one is to be drawn."""

    tokens: tuple[int, ...]

    def __post_init__(self) -> None:
        count = len(self.tokens)
        if not 0 < count <= MOST_CELLS or math.isqrt(count) ** 2 != count:
            raise ConfigError(f"{count} tokens are no square picture of at most {MOST_CELLS}", hint=_HINT)
        wrong = [token for token in self.tokens if not UNKNOWN <= token < _OPEN]
        if wrong:
            raise ConfigError(f"{wrong[0]} is not an image token", hint=_HINT)

    @property
    def side(self) -> int:
        """Cells of a row."""
        return math.isqrt(len(self.tokens))

    def keep_top(self, share: float) -> "KeptTokens":
        """The top `share` of the rows, from 0 to 1; the rest is to be drawn."""
        if not 0 <= share <= 1:
            raise ConfigError(f"keep={share!r} is no share", hint="it is from 0, nothing, to 1, all rows")
        kept = math.floor(share * self.side + 0.5) * self.side
        return self.repaint(place >= kept for place in range(len(self.tokens)))

    def repaint(self, cells: Iterable[bool]) -> "KeptTokens":
        """All but the `cells`, row by row, that are True: those are to be drawn."""
        marked = tuple(cells)
        if len(marked) != len(self.tokens):
            hint = f"give {len(self.tokens)} cells, row by row: {self.side} rows of {self.side}"
            raise ConfigError(f"the mask has {len(marked)} cells, the picture {len(self.tokens)}", hint=hint)
        pairs = zip(self.tokens, marked, strict=True)
        return KeptTokens(tuple(UNKNOWN if repainted else token for token, repainted in pairs))

    def require_fit(self, length: int, codebook_size: int) -> None:
        """ConfigError where a model that draws `length` tokens of `codebook_size` can't take these."""
        if len(self.tokens) != length:
            side = math.isqrt(length)
            found = f"the kept tokens are {self.side} × {self.side}, the model draws {side} × {side}"
            raise ConfigError(found, hint="use the model that drew them, or the picture itself")
        if (most := max(self.tokens)) >= codebook_size:
            found = f"the kept token {most} is beyond the codebook of {codebook_size}"
            raise ConfigError(found, hint="use the model that drew them, or the picture itself")

    def to_text(self) -> str:
        codes = [_OPEN if token == UNKNOWN else token for token in self.tokens]
        return base64.urlsafe_b64encode(struct.pack(f">{len(codes)}H", *codes)).decode()

    @classmethod
    def from_text(cls, text: str) -> "KeptTokens":
        """The counterpart of `to_text`; ConfigError where it is none."""
        try:
            packed = base64.b64decode(text, altchars=b"-_", validate=True)
            codes = struct.unpack(f">{len(packed) // 2}H", packed)
        except (binascii.Error, ValueError, TypeError, struct.error) as error:
            raise ConfigError(f"the kept tokens can't be read: {error}", hint=_HINT) from error
        return cls(tuple(UNKNOWN if code == _OPEN else code for code in codes))


@dataclasses.dataclass(frozen=True)
class Way:
    """How a drawing differs from one prompt for all pictures on an empty canvas.

    A `template` has a prompt for every picture (`dalle_mini.templates`). The pictures go over to the prompt `morph_to`
    in even steps, or have all gone the same `morph_share` of the way. `kept` tokens are on the canvas already.
    """

    template: bool = False
    morph_to: str = ""
    morph_share: float | None = None
    kept: KeptTokens | None = None

    def __post_init__(self) -> None:
        if isinstance(self.morph_share, int) and not isinstance(self.morph_share, bool):
            object.__setattr__(self, "morph_share", float(self.morph_share))
        check_types(self, "way of drawing")
        if self.morph_to and self.template:
            raise ConfigError("a template has no morph_to", hint="use one of the two")
        if self.morph_share is not None:
            require(bool(self.morph_to), "morph_share", self.morph_share, "needs morph_to, the prompt to go to")
            require(0 <= self.morph_share <= 1, "morph_share", self.morph_share, "must be from 0 to 1")

    @property
    def has_many_prompts(self) -> bool:
        return self.template or bool(self.morph_to)

    def to_dict(self) -> dict[str, Any]:
        """What is not as usual, for recipes."""
        said = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        said = {name: value for name, value in said.items() if value not in (None, False, "")}
        return said | ({"kept": self.kept.to_text()} if self.kept else {})

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Way":
        """The counterpart of `to_dict`; ConfigError for what can't be."""
        said = check_names(cls, values, "way of drawing")
        if "kept" in said:
            said["kept"] = KeptTokens.from_text(said["kept"])
        return cls(**said)


PLAIN = Way()
