"""Fetches the art sets named in `world.toml` through npm and rasterizes the drawings of `things.toml`.

Writes `sprites.npz` (RGBA, 128 px), `manifest.json` and `SOURCES.md`. Needs `npm` and the
`resvg_py` package; drawing scenes needs neither.
"""

import io
import json
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DalleMiniError, DataError
from recipes.world.world import HERE, read_table

SPRITE_SIZE = 128


def read_package(package: str, version: str) -> dict[str, Any]:
    """Download one icon package by npm and return its table of drawings."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{package}@{version}"]
        try:
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            message = f"npm could not fetch {package!r} {version}: {error}"
            raise DataError(message, hint="install npm and check the network") from error
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as tar:
            tar.extract("package/icons.json", folder, filter="data")
        return json.loads(Path(folder, "package/icons.json").read_text(encoding="utf-8"))


def rasterize(icons: dict[str, Any], drawing: str) -> np.ndarray:
    """Draw one icon of a package as uint8 RGBA."""
    icon = icons["icons"].get(drawing)
    if icon is None:
        hint = "see the package's icons.json for the names"
        raise DataError(f"the art set has no drawing {drawing!r}", hint=hint)
    width = icon.get("width", icons.get("width", 16))
    height = icon.get("height", icons.get("height", 16))
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 0 {width} {height}" width="{SPRITE_SIZE}" height="{SPRITE_SIZE}">'
        f"{icon['body']}</svg>"
    )
    import resvg_py  # only needed here, so that the rest runs without it

    png = bytes(resvg_py.svg_to_bytes(svg_string=svg))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA"))


def sources(world: dict[str, Any], manifest: list[dict[str, str]]) -> str:
    """The human-readable table of art sets and drawings."""
    lines = ["# Sources of the drawings", "", "Made by `python -m recipes.world.fetch`.", ""]
    lines += ["| set | npm package | version | author | licence | text |"]
    lines += ["|---|---|---|---|---|---|"]
    for art in world["sets"].values():
        text = f"[{art['license']}]({art['license_file']})"
        lines.append(
            f"| {art['title']} | `{art['package']}` | {art['version']} | {art['author']} | {art['license']} | {text} |"
        )
    lines += ["", "Changes: rasterized to 128 px; in the scenes scaled, recolored and composed."]
    lines += ["", "| drawing | licence |", "|---|---|"]
    lines += [f"| {entry['name']} | {entry['license']} |" for entry in manifest]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fetch, rasterize and write everything."""
    world = read_table("world.toml")
    names = sorted({name for thing in read_table("things.toml").values() for name in thing["drawings"]})
    packages = {key: read_package(art["package"], art["version"]) for key, art in world["sets"].items()}
    pixels, manifest = [], []
    for name in names:
        key, drawing = name.split("/", 1)
        art = world["sets"][key]
        pixels.append(rasterize(packages[key], drawing))
        manifest.append(
            {"name": name, "set": art["title"], "package": art["package"]}
            | {"version": art["version"], "license": art["license"]}
            | {"license_file": art["license_file"]}
        )
    buffer = io.BytesIO()
    np.savez_compressed(buffer, names=np.array(names), pixels=np.stack(pixels))
    write_whole(HERE / "sprites.npz", buffer.getvalue())
    write_whole(HERE / "manifest.json", (json.dumps(manifest, indent=1) + "\n").encode())
    write_whole(HERE / "SOURCES.md", sources(world, manifest).encode())
    print(f"{len(names)} drawings, {len(buffer.getvalue()) / 1e6:.1f} MB")


if __name__ == "__main__":
    try:
        main()
    except DalleMiniError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        raise SystemExit(2) from error
