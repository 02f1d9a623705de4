"""The folders of what can be made anew at any time, below the user's cache folder."""

import os
from pathlib import Path


def cache_folder(name: str) -> Path:
    """The folder for one kind of things; it may not be there yet."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "dalle-mini" / name
