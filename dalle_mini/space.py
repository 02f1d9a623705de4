"""A Hugging Face Space: the folder that one is pushed from, and what must be right with it.

The Spacefile is the front matter of a Space's README (https://huggingface.co/docs/hub/spaces-config-reference), written
there and nowhere else. A Space installs `requirements.txt` and the Gradio of `sdk_version`, and runs `app_file`.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dalle_mini.checkpoints.staging import output_errors
from dalle_mini.errors import ConfigError, OutputError

ROOT = Path(__file__).parents[1]
LARGEST_FILE = 10_000_000
"""Bytes; larger files need Git LFS."""

_SPACEFILE = "Spacefile"
_COPIED = "app.py", "requirements.txt", "LICENSE", "dalle_mini", "assets"
_PACKAGES = ["libfribidi0"]
"""Of Debian: lettering from right to left."""
_LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
_ABOUT = """\
Type a prompt, get nine pictures. A small transformer draws image tokens, a VQGAN paints them, all on a CPU.

Pictures and shared pages are on the Space's own disk, which is emptied when it starts anew. Copy what you like.
"""
_COLORS = "red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray"
_LONGEST_DESCRIPTION = 60
_OLDEST_PYTHON = (3, 11)
_BOUNDED = re.compile(r"[\w.-]+(\[[\w,.-]+\])?(>=[\w.]+,<[\w.]+|==[\w.]+)")
_IMPORTS = """\
import os, sys; sys.path.insert(0, os.getcwd()); sys.dont_write_bytecode = True
import importlib, pkgutil, app, dalle_mini.pipeline, dalle_mini.serving, dalle_mini.web
for package in dalle_mini.serving, dalle_mini.web:
    for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)
print(dalle_mini.__file__)"""


def build_space(out: Path, *, root: Path = ROOT) -> None:
    """Write the folder of a Space, whole or not at all; OutputError where there is something already."""
    missing = [name for name in (_SPACEFILE, *_COPIED) if not (root / name).exists()]
    if missing:
        raise ConfigError(f"{root} has no {', '.join(missing)}", hint="run this from a checkout of the project")
    if out.exists():
        raise OutputError(f"{out} is there already", hint="name a folder that is not, or delete it")
    with output_errors(out):
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as folder:
            staged = Path(folder) / "space"
            staged.mkdir()
            for name in _COPIED:
                if (root / name).is_dir():
                    shutil.copytree(root / name, staged / name, ignore=_LEFT_OUT)
                else:
                    shutil.copy(root / name, staged / name)
            front_matter = (root / _SPACEFILE).read_text("utf-8")
            title = _read_front_matter(front_matter).get("title", "")
            (staged / "README.md").write_text(f"---\n{front_matter}---\n\n# {title}\n\n{_ABOUT}", "utf-8")
            (staged / "packages.txt").write_text("".join(f"{package}\n" for package in _PACKAGES))
            staged.rename(out)


def check_space(folder: Path) -> list[str]:
    """What is wrong with the folder of a Space; nothing where it will run."""
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder", hint="`dalle-mini space build` writes one")
    opened, _, rest = _read(folder / "README.md").partition("---\n")
    front_matter = {} if opened else _read_front_matter(rest.partition("\n---\n")[0])
    problems = [
        *_check_front_matter(front_matter, folder),
        *_check_requirements(folder, str(front_matter.get("sdk_version", ""))),
        *_check_files(folder),
    ]
    return problems or list(_check_imports(folder))


def _read_front_matter(text: str) -> dict[str, Any]:
    import yaml

    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return values if isinstance(values, dict) else {}


def _check_front_matter(values: dict[str, Any], folder: Path) -> Iterator[str]:
    if not values:
        yield "README.md: no front matter that can be read"
        return
    for name in ("title", "emoji", "license"):
        if not values.get(name):
            yield f"README.md: no {name}"
    for name in ("colorFrom", "colorTo"):
        if values.get(name) not in _COLORS:
            yield f"README.md: {name}={values.get(name)!r} is none of {', '.join(_COLORS)}"
    if values.get("sdk") != "gradio":
        yield f"README.md: sdk={values.get('sdk')!r} is not 'gradio'"
    python = values.get("python_version")
    if not isinstance(python, str) or _numbers(python) < _OLDEST_PYTHON:
        yield f"README.md: python_version={python!r} is not a text of {'.'.join(map(str, _OLDEST_PYTHON))} or later"
    if len(str(values.get("short_description", ""))) > _LONGEST_DESCRIPTION:
        yield f"README.md: short_description is longer than {_LONGEST_DESCRIPTION} characters"
    if not (folder / str(values.get("app_file"))).is_file():
        yield f"README.md: app_file={values.get('app_file')!r} is not there"


def _check_requirements(folder: Path, sdk_version: str) -> Iterator[str]:
    lines = [line.strip() for line in _read(folder / "requirements.txt").splitlines() if line.strip()]
    for line in lines:
        if not _BOUNDED.fullmatch(line):
            yield f"requirements.txt: {line!r} is not bounded on both sides"
    ranges = dict(re.findall(r"(?m)^(gradio)>=([\w.]+,<[\w.]+)$", "\n".join(lines)))
    least, _, end = ranges.get("gradio", "0,<0").partition(",<")
    if not _numbers(least) <= _numbers(sdk_version) < _numbers(end):
        yield f"README.md: sdk_version={sdk_version!r} is not in the range of gradio in requirements.txt"


def _check_files(folder: Path) -> Iterator[str]:
    packages = _read(folder / "packages.txt").split()
    for package in _PACKAGES:
        if package not in packages:
            yield f"packages.txt: no {package}"
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size > LARGEST_FILE:
            megabytes = path.stat().st_size / 1e6
            yield f"{path.relative_to(folder)}: {megabytes:.1f} MB, and more than {LARGEST_FILE / 1e6:.0f} need Git LFS"


def _check_imports(folder: Path) -> Iterator[str]:
    """Import what a Space runs, in a process that knows of this folder only."""
    done = subprocess.run([sys.executable, "-I", "-c", _IMPORTS], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        yield f"app.py can't be imported: {last}"
    elif not Path(done.stdout.strip().splitlines()[-1]).resolve().is_relative_to(folder.resolve()):
        yield "app.py imports another dalle_mini than the folder's"


def _read(path: Path) -> str:
    """The text of a file; empty where there is none."""
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, re.findall(r"\d+", version)))
