"""Where the grid of a prompt goes: to the file that was named, or one named after the prompt."""

import itertools
import os
import re
from collections.abc import Sequence
from pathlib import Path

from dalle_mini.checkpoints.staging import output_errors
from dalle_mini.errors import OutputError

_LONGEST_SLUG = 48


def plan_grids(prompts: Sequence[str], seeds: Sequence[int], *, out: str | None, tiles: bool) -> list[Path]:
    """A file for every prompt, in a place that can be written to; OutputError if it can't.

    `out` is a file where it ends in `.png`, which is overwritten, and a folder otherwise, in which
    nothing is, nor pictures where `tiles`. Nothing is made yet.
    """
    if out is not None and _names_file(out):
        if len(prompts) > 1:
            hint = f"name a folder: --out {Path(out).with_suffix('')}/"
            raise OutputError(f"{out} is one file, but there are {len(prompts)} prompts", hint=hint)
        grids = [Path(out)]
    else:
        stems = [f"{slug(prompt)}-{seed}" for prompt, seed in zip(prompts, seeds, strict=True)]
        grids = _name_grids(Path(out or "."), stems, tiles=tiles)
    check_writable(grids[0])
    return grids


def tile_paths(grid: Path, count: int) -> list[Path]:
    """Files for the pictures of a grid, numbered after it."""
    digits = len(str(count))
    names = (f"{grid.stem}_{number:0{digits}d}.png" for number in range(1, count + 1))
    return [grid.with_name(name) for name in names]


def sheet_path(grid: Path) -> Path:
    """The file for a sheet of all candidates of a grid."""
    return grid.with_name(f"{grid.stem}_candidates.png")


def slug(prompt: str) -> str:
    """The prompt as a file's name: ASCII words with hyphens between them."""
    # Here, so that a broken installation still has commands that look into it.
    from unidecode import unidecode

    words = re.findall("[a-z0-9]+", unidecode(prompt).lower())
    return "-".join(words)[:_LONGEST_SLUG].rstrip("-") or "picture"


def _names_file(out: str) -> bool:
    if not out:
        raise OutputError("--out is empty", hint="name a file or a folder")
    if out.endswith("/"):
        return False
    suffix = Path(out).suffix.lower()
    if os.path.isdir(out):
        if suffix == ".png":
            raise OutputError(f"{out} is a folder", hint=f"to put pictures into it: --out {out}/")
        return False
    if suffix not in ("", ".png"):
        hint = "end the name in .png for a file, in / for a folder"
        raise OutputError(f"{out} is not the name of a PNG, which is all that is written", hint=hint)
    return suffix == ".png"


def _name_grids(folder: Path, stems: Sequence[str], *, tiles: bool) -> list[Path]:
    """A new file for every stem, numbered where its name, or that of a picture of it, is taken."""
    grids: dict[Path, None] = {}
    for stem in stems:
        names = itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
        free = (name for name in names if folder / f"{name}.png" not in grids)
        if tiles:
            free = (name for name in free if not any(folder.glob(f"{name}_*.png")))
        grids[next(path for name in free if not os.path.lexists(path := folder / f"{name}.png"))] = None
    return list(grids)


def check_writable(path: Path) -> None:
    """OutputError unless a file named like `path` can be made, in the nearest folder that is there already."""
    with output_errors(path):
        folder = next(parent for parent in path.absolute().parents if parent.exists())
        probe = folder / f".{path.name}.{os.getpid()}.partial"
        probe.touch()
        probe.unlink()
