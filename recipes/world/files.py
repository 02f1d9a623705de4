"""Writes files so that no reader ever meets half of one."""

import os
from pathlib import Path

from dalle_mini.errors import OutputError


def write_whole(path: Path, content: bytes | memoryview) -> None:
    """Write under a temporary name in the same folder, then rename; raises `OutputError`."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        message = f"can't write {str(path)!r}: {error.strerror}"
        raise OutputError(message, hint="free some space, or choose another place") from error
