"""Compiled programs are kept for the next start, and the folder of them does not grow for ever."""

import os
import subprocess
import sys
from pathlib import Path

from dalle_mini.compilation import prune


def write_program(folder: Path, name: str, *, size: int, used: float, written: float | None = None) -> Path:
    path = folder / f"{name}-cache"
    path.write_bytes(b"x" * size)
    os.utime(path, (used, used if written is None else written))
    return path


def test_what_was_used_longest_ago_goes_first(tmp_path: Path) -> None:
    old, read_again, new = (
        write_program(tmp_path, "old", size=400, used=100),
        write_program(tmp_path, "read-again", size=400, used=300, written=50),
        write_program(tmp_path, "new", size=400, used=10, written=200),
    )
    prune(tmp_path, 1200)
    assert old.exists()
    prune(tmp_path, 1199)
    assert not old.exists() and read_again.exists() and new.exists()
    prune(tmp_path, 400)
    assert read_again.exists() and not new.exists()


def test_only_programs_are_deleted(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "folder-cache").mkdir()
    (tmp_path / "link-cache").symlink_to(tmp_path / "notes.txt")
    write_program(tmp_path, "program", size=400, used=100)
    prune(tmp_path, 0)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder-cache", "link-cache", "notes.txt"]


def test_a_folder_that_is_not_there_is_empty(tmp_path: Path) -> None:
    prune(tmp_path / "none", 0)


def test_a_start_keeps_its_programs_and_drops_old_ones(tmp_path: Path) -> None:
    folder = tmp_path / "dalle-mini" / "compiled"
    folder.mkdir(parents=True)
    sparse = write_program(folder, "sparse", size=1, used=100)
    os.truncate(sparse, 600 * 2**20)
    os.utime(sparse, (100, 100))
    script = (
        "from dalle_mini.compilation import enable_compilation_cache; enable_compilation_cache()\n"
        "import jax; jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)\n"
        "jax.jit(lambda x: x + 1)(1.0)"
    )
    unwanted = {"JAX_COMPILATION_CACHE_DIR"}
    environment = {name: value for name, value in os.environ.items() if name not in unwanted}
    subprocess.run([sys.executable, "-c", script], env=environment | {"XDG_CACHE_HOME": str(tmp_path)}, check=True)
    assert not sparse.exists()
    assert any(path.name.startswith("jit") for path in folder.iterdir())
