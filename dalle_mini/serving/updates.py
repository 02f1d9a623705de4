"""What there is to tell of a drawing while it is made; the last is `Finished` or `Failed`."""

import dataclasses
from typing import TYPE_CHECKING, Literal

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import DalleMiniError

if TYPE_CHECKING:
    from PIL import Image

    from dalle_mini.generation import Generation


Limit = Literal["room", "own", "ration"]
"""What holds a visitor back: no more may wait, their own drawings are too many, or they ordered too often."""


@dataclasses.dataclass(frozen=True)
class Held:
    """A visitor over a limit, who goes on in about so many seconds, infinite where nobody knows."""

    limit: Limit
    seconds: float


@dataclasses.dataclass(frozen=True)
class Waiting:
    """`place` 1 is the next to be drawn; so many seconds until the pictures are there, infinite where nobody knows.

    `preparing` names the model that everybody waits for.
    """

    place: int
    seconds: float
    preparing: str = ""


@dataclasses.dataclass(frozen=True)
class Preparing:
    """The drawing's model is being loaded, and its programs compiled."""

    model: str


@dataclasses.dataclass(frozen=True)
class Drawing:
    """Tokens of one image so far, drawn by `settings`; `pictures` is the newest preview, empty before the first."""

    done: int
    total: int
    settings: GenerationConfig
    seconds_left: float
    pictures: "tuple[Image.Image, ...]"


@dataclasses.dataclass(frozen=True)
class Finished:
    """Pictures, and the seconds that drawing them took, `beside` so many drawings at once, itself counted."""

    generation: "Generation"
    seconds: float
    beside: int = 1


@dataclasses.dataclass(frozen=True)
class Failed:
    error: DalleMiniError


Update = Held | Waiting | Preparing | Drawing | Finished | Failed
Outcome = Finished | Failed
