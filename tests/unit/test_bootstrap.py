"""./run and ./test on machines that lack something."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ("sh", "cat", "cksum", "dirname", "grep", "id", "mkdir", "rm")


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A checkout in a folder with a space, and a PATH with neither Python nor uv beside it."""
    checkout = tmp_path / "my checkout"
    shutil.copytree(ROOT / "locks", checkout / "locks")
    for name in ("run", "test", "bootstrap.sh", "pyproject.toml"):
        shutil.copy(ROOT / name, checkout)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        path = shutil.which(tool)
        assert path, tool
        (tmp_path / "bin" / tool).symlink_to(path)
    return checkout


@pytest.mark.parametrize("command", ["run", "test"])
def test_without_a_python_an_error_and_a_hint(bare: Path, command: str) -> None:
    path = str(bare.parent / "bin")
    done = subprocess.run([bare / command, "--setup"], env={"PATH": path}, cwd="/", capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.startswith("error: found neither uv nor a Python of 3.11 or later\nhint: ")
    assert not (bare / ".venv").exists()


def test_an_old_python_does_not_count(bare: Path) -> None:
    old = bare.parent / "bin" / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run([bare / "run"], env={"PATH": str(old.parent)}, capture_output=True, text=True)
    assert done.returncode == 2 and "3.11" in done.stderr
