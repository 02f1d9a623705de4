"""How careful a model is: which prompts it refuses, and whether its pictures are looked at."""

from dataclasses import dataclass

from dalle_mini.config import suggest
from dalle_mini.errors import ConfigError
from dalle_mini.safety.prompts import DEFAULT_MODE, MODES, check_prompt

PICTURES = ("auto", "on", "off")


@dataclass(frozen=True)
class SafetyOptions:
    """`mode` is that of `check_prompt`; `contact` says whom to tell about a mistake, as in "write to me@example.org".

    `pictures` are looked at ("on"), or not ("off"), or ("auto") unless the release declares that its world has no
    people; then, too, the pictures are shown unseen where the checker can't be loaded.
    """

    mode: str = DEFAULT_MODE
    contact: str = "docs/safety.md says what is refused"
    pictures: str = "auto"

    def __post_init__(self) -> None:
        for value, choices, what in ((self.mode, MODES, "safety mode"), (self.pictures, PICTURES, "picture check")):
            if value not in choices:
                raise ConfigError(f"unknown {what} {value!r}", hint=suggest(str(value), list(choices)))

    def check(self, prompt: str) -> None:
        """Raise PromptRejected where `prompt` is not drawn."""
        check_prompt(prompt, self.mode, contact=self.contact)


UNCHECKED = SafetyOptions("off", pictures="off")
"""For making and measuring models with prompts that are known: minors are protected, all else is drawn and shown."""
