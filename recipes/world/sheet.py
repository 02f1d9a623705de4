"""A contact sheet of captioned scenes, to look at: `python -m recipes.world.sheet OUT.png`."""

import argparse
import io
import sys
import textwrap
from pathlib import Path

from PIL import Image, ImageDraw

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DalleMiniError
from recipes.world.scenes import draw_scene
from recipes.world.world import load_world

COLUMNS = 8
WIDTH, HEIGHT = 136, 170


def contact_sheet(captioned: list[tuple[str, Image.Image]]) -> Image.Image:
    """Pictures at 128 pixels, captions below."""
    rows = -(-len(captioned) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * WIDTH, rows * HEIGHT), "white")
    pen = ImageDraw.Draw(sheet)
    for place, (caption, picture) in enumerate(captioned):
        x, y = place % COLUMNS * WIDTH, place // COLUMNS * HEIGHT
        sheet.paste(picture.resize((128, 128), Image.Resampling.BICUBIC), (x + 4, y + 4))
        pen.multiline_text((x + 4, y + 134), textwrap.fill(caption, 22), fill="black")
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
    captioned = [(scene.caption, Image.fromarray(scene.pixels)) for scene in scenes]
    contact_sheet(captioned).save(buffer, format="PNG")
    try:
        write_whole(options.out, buffer.getvalue())
    except DalleMiniError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
