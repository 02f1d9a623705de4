"""What is said of a picture that not everybody may want to see."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Verdict:
    """Whether a picture should be blurred, how sure that is from 0 to 1, and why in a few words for the user."""

    flagged: bool
    score: float
    reason: str = ""
