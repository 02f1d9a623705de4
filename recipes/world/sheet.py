"""A contact sheet of captioned scenes, to look at: `python -m recipes.world.sheet OUT.png`."""

import argparse
import sys
from pathlib import Path

from PIL import Image

from dalle_mini.data.sheet import contact_sheet
from dalle_mini.errors import DalleMiniError
from dalle_mini.grid import save_png
from recipes.world.scenes import draw_scene
from recipes.world.world import load_world


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
    captioned = [(scene.caption, Image.fromarray(scene.pixels)) for scene in scenes]
    try:
        save_png(contact_sheet(captioned), options.out)
    except DalleMiniError as error:
        print(f"error: {error}\nhint: {error.hint}", file=sys.stderr)
        raise SystemExit(2) from error


if __name__ == "__main__":
    main()
