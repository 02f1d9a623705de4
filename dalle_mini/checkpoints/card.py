"""What a release's card declares in its front matter, the lines between two of hyphens."""

from pathlib import Path

_CARDS = ("MODEL_CARD.md", "README.md")
_DECLARATION = ("people", "none")


def declares_no_people(release: Path) -> bool:
    """Whether the card in a release's folder has `people: none`: its maker's word that its world shows nobody."""
    return any(_declares(release / name) for name in _CARDS)


def _declares(card: Path) -> bool:
    try:
        head, *lines = card.read_text("utf-8").splitlines() or [""]
    except (OSError, UnicodeDecodeError):
        return False
    if head.strip() != "---" or "---" not in lines:
        return False
    pairs = (line.partition(":") for line in lines[: lines.index("---")])
    return any((name.strip(), value.strip().strip("\"'")) == _DECLARATION for name, _, value in pairs)
