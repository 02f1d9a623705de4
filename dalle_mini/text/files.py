"""Text files that users name."""

from pathlib import Path

from dalle_mini.errors import PromptError


def read_text(path: str | Path) -> str:
    """The contents of a UTF-8 file, with a byte order mark or without; PromptError says why they can't be read."""
    try:
        return Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise PromptError(f"can't read {path}: {error.strerror}", hint="check the path") from error
    except UnicodeDecodeError as error:
        raise PromptError(f"{path} is not UTF-8", hint="save it as UTF-8") from error
