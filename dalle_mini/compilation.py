"""Compiled programs are kept in the user's cache folder, so that only the first start is slow; old ones go."""

import contextlib
import os
from pathlib import Path

import jax

from dalle_mini.cache import cache_folder

MOST_KEPT = 512 * 2**20
"""Bytes of compiled programs; a model needs 1 to 20 MB, and every release of JAX its own."""


def enable_compilation_cache() -> None:
    """Keep compiled programs in the user's cache folder, unless JAX was told of another place.

    What was used longest ago is deleted where they take more than `MOST_KEPT`. JAX can bound a folder itself
    (`jax_compilation_cache_max_size`), but only one that it has bounded from its first file on, and it then waits for a
    lock before every program.
    """
    if jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    folder = cache_folder("compiled")
    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    prune(folder, MOST_KEPT)


def prune(folder: Path, most: int) -> None:
    """Delete the programs in `folder` that were used longest ago until the others take at most `most` bytes.

    What can't be looked at or deleted stays: another process may do the same now, and a cache is no reason to fail.
    """
    programs = []
    with contextlib.suppress(OSError):
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):
                if entry.name.endswith("-cache") and entry.is_file(follow_symlinks=False):
                    found = entry.stat()
                    # Disks that are mounted without times of access still tell when a program was written.
                    programs.append((max(found.st_atime, found.st_mtime), found.st_size, entry.path))
    kept = sum(size for _, size, _ in programs)
    for _, size, path in sorted(programs):
        if kept <= most:
            return
        with contextlib.suppress(OSError):
            os.unlink(path)
            kept -= size
