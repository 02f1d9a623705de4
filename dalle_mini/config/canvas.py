"""A picture to draw on, and what of it stays."""

import dataclasses
from collections.abc import Sequence

from dalle_mini.config.way import KeptTokens
from dalle_mini.errors import ConfigError

USUAL_KEEP = 0.5


@dataclasses.dataclass(frozen=True)
class Canvas:
    """The file of a `picture`, or its `tokens` as text. The top `keep` of its rows stays, 0 to 1, or all but `repaint`.

    `repaint` has a 1 for each cell to draw anew and a 0 for the others, row by row; white space is left aside. Without
    either, the upper half stays.
    """

    picture: bytes = b""
    tokens: str = ""
    keep: float | None = None
    repaint: str = ""

    def __post_init__(self) -> None:
        if bool(self.picture) == bool(self.tokens):
            raise ConfigError("a canvas is a picture or tokens", hint="give one of the two")
        if self.keep is not None and self.repaint:
            raise ConfigError("keep and repaint both say what stays", hint="give one of the two")

    def choose(self, tokens: KeptTokens) -> KeptTokens:
        """Of the picture's `tokens`, those that stay; ConfigError for shares and masks that can't be."""
        if self.repaint:
            return tokens.repaint(read_mask(self.repaint))
        return tokens.keep_top(USUAL_KEEP if self.keep is None else self.keep)


def read_mask(text: str) -> Sequence[bool]:
    """Cells that are True where the text has a 1; ConfigError for other characters than 0 and 1."""
    cells = "".join(text.split())
    if wrong := cells.strip("01")[:1]:
        raise ConfigError(f"the mask holds {wrong!r}", hint="write 1 for each cell to draw anew and 0 for the others")
    return [cell == "1" for cell in cells]
