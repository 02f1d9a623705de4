"""Fetches the fonts of `fonts.toml` through npm and keeps of each what is written with it, in `assets/fonts`.

    python -m recipes.fonts.fetch

Writes a WOFF2 file a font, its licence, `coverage.json` (which characters each font has) and `SOURCES.md`. Needs `npm`
and the `fonttools` package; writing with the fonts needs neither. The same versions give the same bytes.
"""

import hashlib
import io
import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fontTools import subset
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph, GlyphComponent

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DataError
from recipes import refusal
from recipes.world.fetch import fetched

HERE = Path(__file__).parent
FONTS = HERE.parents[1] / "assets" / "fonts"
_ROUND_XY, _ARGS_ARE_XY = 0x4, 0x2
_FIRST_LEVEL = {"gb2312": (0xB0, 0xD7), "shift_jis": (0x88, 0x98), "big5": (0xA4, 0xC6), "euc_kr": (0xB0, 0xC8)}
"""The lead bytes of the everyday characters of each set."""


def everyday(codec: str) -> set[int]:
    """The characters that a national standard puts on its first level."""
    first, last = _FIRST_LEVEL[codec]
    pairs = (bytes((lead, trail)) for lead in range(first, last + 1) for trail in range(0x40, 0xFF))
    return {ord(text) for pair in pairs if len(text := pair.decode(codec, errors="ignore")) == 1 and ord(text) > 0x7F}


def kept(names: Iterable[str], available: set[int]) -> set[int]:
    """Those of the available characters that the table asks for."""
    wanted: set[int] = set()
    for name in names:
        if name == "all":
            wanted |= available
        elif name in _FIRST_LEVEL:
            wanted |= everyday(name)
        else:
            first, _, last = name.partition("-")
            wanted |= set(range(int(first, 16), int(last or first, 16) + 1))
    return wanted & available


def reduce(content: bytes, names: Iterable[str]) -> tuple[bytes, set[int]]:
    """A WOFF2 file with the characters that are kept, and which they are."""
    font = TTFont(io.BytesIO(content), recalcTimestamp=False)
    options = subset.Options(hinting=False, layout_features=["*"], notdef_outline=True, name_IDs=[0, 1, 2, 13, 14])
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=kept(names, set(font.getBestCmap() or ())))
    subsetter.subset(font)
    if "COLR" in font:
        outline_layers(font)
    font.flavor = "woff2"
    buffer = io.BytesIO()
    font.save(buffer)
    return buffer.getvalue(), set(font.getBestCmap() or ())


def outline_layers(font: TTFont) -> None:
    """Give every colored glyph the outline of its layers together: by it renderers measure it and draw its border."""
    shapes, advances = font["glyf"], font["hmtx"]
    for name, layers in font["COLR"].ColorLayers.items():
        glyph = Glyph()
        glyph.numberOfContours = -1
        glyph.components = [component(layer) for layer in dict.fromkeys(each.name for each in layers)]
        shapes[name] = glyph
        glyph.recalcBounds(shapes)
        advances[name] = (advances[name][0], glyph.xMin)


def component(name: str) -> GlyphComponent:
    """A glyph, as a part of another, in its place."""
    part = GlyphComponent()
    part.glyphName, part.x, part.y, part.flags = name, 0, 0, _ARGS_ARE_XY | _ROUND_XY
    return part


def ranges(characters: set[int]) -> str:
    """Characters in hex, runs of them as first-last."""
    runs: list[list[int]] = []
    for code in sorted(characters):
        if runs and runs[-1][1] == code - 1:
            runs[-1][1] = code
        else:
            runs.append([code, code])
    return " ".join(f"{first:x}" if first == last else f"{first:x}-{last:x}" for first, last in runs)


def sources(table: dict[str, dict[str, Any]], written: dict[str, bytes]) -> str:
    """Where each font is from, and what allows its use."""
    lines = ["# Sources of the fonts", "", "Made by `python -m recipes.fonts.fetch`.", ""]
    lines += ["| file | font | npm package | version | licence | SHA-256 |", "|---|---|---|---|---|---|"]
    for key, row in table.items():
        licence = f"[{row['license']}]({key}.LICENSE.txt)"
        digest = hashlib.sha256(written[key]).hexdigest()
        cells = (f"`{key}.woff2`", row["title"], f"`{row['package']}`", row["version"], licence, f"`{digest}`")
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "Changes: reduced to the characters in `coverage.json`, hints dropped, packed as WOFF2; Twemoji's glyphs were",
    ]
    lines += [
        "given the outline of their layers. Twemoji's drawings are copyright Twitter, Inc and other contributors,",
        "[CC-BY 4.0](emoji.CC-BY-4.0.txt).",
    ]
    return "\n".join(lines) + "\n"


def fetch(key: str, row: dict[str, Any]) -> tuple[bytes, set[int]]:
    """Write a font and its licence; the file's content, and its characters."""
    with fetched(row["package"], row["version"]) as package:
        content = (package / row["file"]).read_bytes()
        found = hashlib.sha256(content).hexdigest()
        if found != row["sha256"]:
            hint = "look at what changed, then put the new digest into fonts.toml"
            raise DataError(f"{row['package']}: {row['file']} has the SHA-256 {found}, not {row['sha256']}", hint=hint)
        licence = (package / row["license_file"]).read_text(encoding="utf-8")
        write_whole(FONTS / f"{key}.LICENSE.txt", licence.encode())
    reduced, characters = reduce(content, row["keep"])
    write_whole(FONTS / f"{key}.woff2", reduced)
    return reduced, characters


def main() -> None:
    """Fetch, reduce and write everything."""
    table = tomllib.loads((HERE / "fonts.toml").read_text(encoding="utf-8"))
    written, coverage = {}, {}
    for key, row in table.items():
        written[key], characters = fetch(key, row)
        coverage[key] = ranges(characters)
        print(f"{row['title']}: {len(characters):,} characters, {len(written[key]) / 1e3:.0f} kB", flush=True)
    write_whole(FONTS / "coverage.json", (json.dumps(coverage, indent=1) + "\n").encode())
    write_whole(FONTS / "SOURCES.md", sources(table, written).encode())


if __name__ == "__main__":
    with refusal.told():
        main()
