"""What somebody wants drawn."""

import dataclasses

from dalle_mini.config import MAX_PROMPT, PLAIN, Canvas, GenerationConfig, Way
from dalle_mini.errors import PromptError
from dalle_mini.tiles import list_prompts, plan_tiles


@dataclasses.dataclass(frozen=True)
class Order:
    """A drawing to make; without a seed, a random one.

    What stays of the `canvas` is known when the model is there. With `animation`, the pictures are shown coming about.
    """

    model: str
    prompt: str
    settings: GenerationConfig
    seed: int | None
    way: Way = PLAIN
    canvas: Canvas | None = None
    animation: bool = False

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise PromptError(
                "the prompt is empty", hint="describe a picture in words, such as 'a red car at the beach'"
            )
        if len(self.prompt) > MAX_PROMPT:
            raise PromptError(f"the prompt has {len(self.prompt):,} characters", hint=f"use at most {MAX_PROMPT:,}")

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text that the pictures are drawn from, or led away from; PromptError where a template can't be read."""
        tiles = plan_tiles(self.prompt, self.way, images=self.settings.images)
        return (*list_prompts(tiles), self.settings.not_this)
