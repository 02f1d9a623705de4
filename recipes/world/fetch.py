"""Fetches the art sets named in `world.toml` through npm and packs the drawings of `things.toml`.

Writes `drawings/<set>.zip` (RGBA, 128 px), `manifest.json` and `SOURCES.md`. Needs `npm` and the `resvg_py`
package; drawing scenes needs neither.
"""

import io
import json
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DataError
from recipes import refusal
from recipes.world.packs import pack
from recipes.world.world import HERE, read_table

SPRITE_SIZE = 128


@contextmanager
def fetched(package: str, version: str) -> Generator[Path]:
    """A temporary folder with the files of an npm package."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", "--silent", f"{package}@{version}"]
        try:
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        except (OSError, subprocess.CalledProcessError) as error:
            message = f"npm could not fetch {package!r} {version}: {error}"
            raise DataError(message, hint="install npm and check the network") from error
        (archive,) = Path(folder).glob("*.tgz")
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        yield Path(folder, "package")


def from_icons(package: Path) -> Callable[[str], Image.Image]:
    """Rasterizes by name what a package of SVG icons holds."""
    icons = json.loads((package / "icons.json").read_text(encoding="utf-8"))
    return lambda drawing: rasterize(icons, drawing)


def from_assets(package: Path) -> Callable[[str], Image.Image]:
    """Reads by name the WebP pictures of a package."""
    return lambda drawing: reduce(package / "assets" / f"{drawing}.webp")


READERS = {"icons": from_icons, "assets": from_assets}


def rasterize(icons: dict[str, Any], drawing: str) -> Image.Image:
    """Draw one icon of a package as RGBA."""
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
    return Image.open(io.BytesIO(png)).convert("RGBA")


def reduce(path: Path) -> Image.Image:
    """Read one picture of a package as RGBA."""
    try:
        picture = Image.open(path).convert("RGBA")
    except OSError as error:
        hint = "see the package's folder of assets for the names"
        raise DataError(f"the art set has no drawing {path.stem!r}", hint=hint) from error
    # Premultiplied, so that no dark fringe appears at the edge.
    smaller = picture.convert("RGBa").resize((SPRITE_SIZE, SPRITE_SIZE), Image.Resampling.LANCZOS)
    return smaller.convert("RGBA")


def manifest_of(sets: dict[str, dict[str, str]], names: list[str]) -> list[dict[str, str]]:
    """Where each drawing is from, and what allows its use."""
    manifest = []
    for name in names:
        art = sets[name.split("/")[0]]
        origin = {key: art[key] for key in ("package", "version", "license", "license_file", "author")}
        manifest.append({"name": name, "set": art["title"], **origin})
    return manifest


def sources(sets: dict[str, dict[str, str]], manifest: list[dict[str, str]]) -> str:
    """The human-readable table of art sets and drawings."""
    lines = ["# Sources of the drawings", "", "Made by `python -m recipes.world.fetch`.", ""]
    lines += ["| set | npm package | version | author | licence | drawings |", "|---|---|---|---|---|---|"]
    for key, art in sets.items():
        licence = f"[{art['license']}]({art['license_file']})"
        count = sum(entry["name"].startswith(f"{key}/") for entry in manifest)
        cells = (art["title"], f"`{art['package']}`", art["version"], art["author"], licence, str(count))
        lines.append(f"| {' | '.join(cells)} |")
    lines += ["", "Notices: [licenses/NOTICE](licenses/NOTICE)."]
    lines += ["Changes: rasterized or reduced to 128 px; in the scenes scaled, recolored and composed."]
    for key, art in sets.items():
        drawings = (entry["name"].removeprefix(f"{key}/") for entry in manifest if entry["name"].startswith(f"{key}/"))
        lines += ["", f"## {art['title']} ({art['license']})", "", ", ".join(drawings)]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Fetch, rasterize and write everything."""
    sets = read_table("world.toml")["sets"]
    names = sorted({name for thing in read_table("things.toml").values() for name in thing["drawings"]})
    for key, art in sets.items():
        drawings = [name.removeprefix(f"{key}/") for name in names if name.startswith(f"{key}/")]
        with fetched(art["package"], art["version"]) as package:
            draw = READERS[art["form"]](package)
            packed = pack({drawing: draw(drawing) for drawing in drawings})
        write_whole(HERE / "drawings" / f"{key}.zip", packed)
        print(f"{art['title']}: {len(drawings)} drawings, {len(packed) / 1e6:.1f} MB", flush=True)
    manifest = manifest_of(sets, names)
    write_whole(HERE / "manifest.json", (json.dumps(manifest, indent=1) + "\n").encode())
    write_whole(HERE / "SOURCES.md", sources(sets, manifest).encode())


if __name__ == "__main__":
    with refusal.told():
        main()
