"""Amounts of bytes, counted and in words."""

import os
from pathlib import Path


def folder_bytes(*folders: Path) -> int:
    """What the files in and below the folders take, each file once."""
    paths = {os.path.join(parent, name) for folder in folders for parent, _, names in os.walk(folder) for name in names}
    return sum(os.stat(path).st_size for path in paths if os.path.exists(path))


def format_bytes(count: float) -> str:
    """For people: `16.1 MB`."""
    for unit in ("bytes", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}" if unit in ("bytes", "kB") else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
