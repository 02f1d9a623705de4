"""Draws the examples that the page shows before anything is typed: `python -m recipes.nano.examples`.

Prompts that no training caption has (combinations that are held out, and sentences of `natural.tsv`), with seeds that
are stated here, drawn by the bundled model with its own settings: the recipes in `examples.json` draw them again. The
first one's story, with its steps and candidates, is what the page's tour tells before anything was drawn.
"""

import argparse
import io
import json
import math
import re
import shutil
from pathlib import Path

from PIL import Image

import dalle_mini
from dalle_mini.checkpoints.staging import output_errors, write_whole
from dalle_mini.generation import Generation
from dalle_mini.grid import enlarge
from dalle_mini.pipeline import DalleMini
from dalle_mini.safety.options import UNCHECKED
from dalle_mini.web import downloads, story
from dalle_mini.web.examples import FOLDER, INDEX
from dalle_mini.web.steps import count_tokens, lay_out
from recipes import refusal

EXAMPLES = {
    "a pumpkin in the graveyard": 1,
    "a penguin at sunset": 1,
    "a burger flying in the sky": 1,
    "donut in the garden": 1,
    "lonely cactus waiting for rain in the desert": 1,
    "snowman regretting his trip to the volcano": 1,
    "avocado doing yoga in the garden": 1,
    "a balloon at sunset": 1,
}
"""Prompts and their seeds."""

COLUMNS = 3
QUALITY = 82


def make_sheet(images: tuple[Image.Image, ...]) -> Image.Image:
    """Nine pictures side by side, without a gap."""
    tiles = [enlarge(image) for image in images]
    width, height = tiles[0].size
    sheet = Image.new("RGB", (COLUMNS * width, COLUMNS * height))
    for index, tile in enumerate(tiles):
        row, column = divmod(index, COLUMNS)
        sheet.paste(tile, (column * width, row * height))
    return sheet


def write_tour(drawer: DalleMini, generation: Generation, folder: Path) -> None:
    """The story of a drawing, with a step for each row of its pictures, under the names that the page's routes have."""
    length, tour = count_tokens(generation), folder / story.EXAMPLE.parent
    positions = range(0, length + 1, math.isqrt(length))
    shutil.rmtree(tour, ignore_errors=True)
    for part in ("steps", "candidates"):
        (tour / part).mkdir(parents=True)
    for position in positions:
        pictures = [drawer.look_back(generation, index, position) for index in range(len(generation.images))]
        write_whole(tour / "steps" / f"{position}.webp", downloads.encode_webp(lay_out(pictures)))
    for place in generation.candidates.ranked:
        thumbnail = downloads.encode_thumbnail(generation, place, public=False)
        write_whole(tour / "candidates" / f"{place}.webp", thumbnail)
    told = story.tell(generation, f"examples/{tour.name}", positions)
    write_whole(folder / story.EXAMPLE, (told.model_dump_json(indent=2) + "\n").encode())


def write_examples(model: str, folder: Path) -> None:
    """Draw every example and write its sheet, then the index; sheets of other prompts go."""
    with output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
    drawer = dalle_mini.load(model, safety=UNCHECKED)
    entries = []
    for prompt, seed in EXAMPLES.items():
        print(f"{prompt}, seed {seed}")
        generation = drawer.generate(prompt, images=COLUMNS**2, seed=seed)
        file = f"{re.sub('[^a-z]+', '-', prompt)}.webp"
        buffer = io.BytesIO()
        make_sheet(generation.images).save(buffer, "WEBP", quality=QUALITY, method=6)
        write_whole(folder / file, buffer.getvalue())
        if not entries:
            write_tour(drawer, generation, folder)
        entries.append({"file": file, "recipe": generation.recipe})
    write_whole(folder / INDEX, (json.dumps(entries, indent=2) + "\n").encode())
    for path in folder.glob("*.webp"):
        if path.name not in {entry["file"] for entry in entries}:
            path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m recipes.nano.examples", description=__doc__)
    parser.add_argument("--model", default="nano", help="name or directory (default: nano)")
    parser.add_argument("--out", type=Path, default=FOLDER, help="folder (default: assets/examples)")
    options = parser.parse_args()
    with refusal.told():
        write_examples(options.model, options.out)


if __name__ == "__main__":
    main()
