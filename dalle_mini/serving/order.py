"""What somebody wants drawn."""

import dataclasses

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import PromptError

MAX_PROMPT = 20_000
"""Characters of a prompt that are looked at; models read some dozens of words."""


@dataclasses.dataclass(frozen=True)
class Order:
    """A drawing to make; without a seed, a random one."""

    model: str
    prompt: str
    settings: GenerationConfig
    seed: int | None

    def __post_init__(self) -> None:
        if not self.prompt.strip():
            raise PromptError(
                "the prompt is empty", hint="describe a picture in words, such as 'a red car at the beach'"
            )
        if len(self.prompt) > MAX_PROMPT:
            raise PromptError(f"the prompt has {len(self.prompt):,} characters", hint=f"use at most {MAX_PROMPT:,}")
