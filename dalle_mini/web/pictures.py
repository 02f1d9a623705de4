"""Finished drawings, kept in memory for a while so that the page can show them and visitors can download them."""

from dalle_mini.generation import Generation
from dalle_mini.serving.answers import NotFound
from dalle_mini.web.kept import Kept

MAX_BYTES = 256 * 2**20
"""Pixels kept, in all."""


class Pictures(Kept[Generation]):
    """Drawings. The `public` is not shown what is flagged."""

    def __init__(self, max_bytes: int = MAX_BYTES, *, public: bool = False) -> None:
        super().__init__(lambda generation: generation.candidates.pixels.nbytes, max_bytes)
        self.public = public

    def tell_lost(self) -> NotFound:
        return NotFound("this drawing is no longer kept", hint="draw it again with its seed")
