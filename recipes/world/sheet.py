"""A contact sheet of captioned scenes, to look at: `python -m recipes.world.sheet OUT.png`."""

import argparse
import io
import sys
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw

from dalle_mini.errors import DalleMiniError
from recipes.world.files import write_whole
from recipes.world.scenes import Scene, draw_scene
from recipes.world.world import load_world

COLUMNS = 8
WIDTH, HEIGHT = 136, 170


def contact_sheet(scenes: list[Scene]) -> Image.Image:
    """The scenes at twice their size, captions below."""
    rows = -(-len(scenes) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, rows * HEIGHT), "white")
    pen = ImageDraw.Draw(sheet)
    for place, scene in enumerate(scenes):
        x, y = place % COLUMNS * WIDTH, place // COLUMNS * HEIGHT
        picture = Image.fromarray(scene.pixels).resize((128, 128), Image.Resampling.BICUBIC)
        sheet.paste(picture, (x + 4, y + 4))
        pen.multiline_text((x + 4, y + 134), textwrap.fill(scene.caption, 22), fill="black")
    return sheet


def main() -> None:
    """Write a sheet of the first scenes of a seed."""
    parser = argparse.ArgumentParser(prog="python -m recipes.world.sheet", description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, default=64)
    parser.add_argument("--held-out", action="store_true", help="combinations training never sees")
    options = parser.parse_args()
    world = load_world()
    scenes = [draw_scene(world, options.seed, n, options.held_out) for n in range(options.count)]
    buffer = io.BytesIO()
    contact_sheet(scenes).save(buffer, format="PNG")
    try:
        write_whole(options.out, buffer.getvalue())
    except DalleMiniError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
