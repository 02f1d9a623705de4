"""Draws the sheets of docs/sharing.md and docs/drawing.md: `python -m recipes.sharing.draw`."""

import contextlib
import io
import tempfile
from pathlib import Path

from PIL import Image, ImageOps

from dalle_mini.card import draw_card
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.classic import draw_classic
from dalle_mini.cli import main as generate
from dalle_mini.lettering import Lettered
from dalle_mini.meme import Caption, bottom, draw_meme, top

ROOT = Path(__file__).parents[2]
CELL, GAP = 384, 12
WAYS = (
    ["{a cat|two dogs|fox} made of {cheese|gold|ice}", "--template", "--tiles", "--out", "grid.png"],
    ["a red dog", "--morph-to", "a blue cat in the snow", "--out", "morph.png"],
    ["a cat made of gold in space", "--like", "grid_1.png", "--keep", "0.4", "--out", "like.png"],
)


def read_tiles(name: str) -> list[Image.Image]:
    """The nine pictures of an example."""
    with Image.open(ROOT / "assets" / "examples" / f"{name}.webp") as file:
        sheet = file.convert("RGB")
    side = sheet.width // 3
    corners = [(column * side, row * side) for row in range(3) for column in range(3)]
    return [sheet.crop((left, upper, left + side, upper + side)) for left, upper in corners]


def draw_memes() -> Image.Image:
    """Memes of one, two, four and nine pictures, in several scripts."""
    penguin, burger = read_tiles("a-penguin-at-sunset"), read_tiles("a-burger-flying-in-the-sky")
    balloon, pumpkin = read_tiles("a-balloon-at-sunset"), read_tiles("a-pumpkin-in-the-graveyard")
    donut, avocado = read_tiles("donut-in-the-garden"), read_tiles("avocado-doing-yoga-in-the-garden")
    dragged = (Caption("rent", x=0.3, y=0.25, width=0.4, height=0.12), Caption("me 😭", x=0.7, y=0.8, width=0.4))
    memes = [
        draw_meme(penguin[:1], [top("one does not simply"), bottom("walk into the sunset")]),
        draw_meme(burger[:4], [top("four burgers 🍔"), bottom("zero regrets ❤️")]),
        draw_meme(balloon[:1], dragged),
        draw_meme(pumpkin[:1], [top("שלום 🎃"), bottom("مرحبا بالعالم")]),
        draw_meme(donut, [top("九つのドーナツ"), bottom("도넛 아홉 개 🍩")]),
        draw_meme(avocado[:2], [bottom("yes", panel=0), bottom("also yes", panel=1)]),
    ]
    return arrange([meme.image for meme in memes], columns=3)


def draw_pages() -> Image.Image:
    """The classic square and two cards."""
    burger, penguin = read_tiles("a-burger-flying-in-the-sky"), read_tiles("a-penguin-at-sunset")
    classic = scaled(draw_classic(burger, "a burger flying in the sky"), 630)
    cards = [draw_card(penguin, "a penguin at sunset"), draw_card(read_tiles("a-pumpkin-in-the-graveyard"))]
    right = arrange([scaled(card, 309) for card in cards], columns=1)
    sheet = Image.new("RGB", (classic.width + GAP + right.width, classic.height), "#d9dbd1")
    sheet.paste(classic, (0, 0))
    sheet.paste(right, (classic.width + GAP, 0))
    return ImageOps.expand(sheet, GAP, "#d9dbd1")


def draw_ways() -> Image.Image:
    """What the first three commands of docs/drawing.md draw."""
    with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
        for command in WAYS:
            if generate(["generate", *command, "--seed", "4"]):
                raise SystemExit(f"{' '.join(command)}: it was not drawn")
        grids = [Image.open(f"{name}.png").convert("RGB") for name in ("grid", "morph", "like")]
    sheet = Image.new(
        "RGB", (sum(grid.width + GAP for grid in grids) - GAP, max(grid.height for grid in grids)), "white"
    )
    left = 0
    for grid in grids:
        sheet.paste(grid, (left, 0))
        left += grid.width + GAP
    return sheet


def scaled(lettered: Lettered, height: int) -> Image.Image:
    image = lettered.image
    return image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS)


def arrange(images: list[Image.Image], *, columns: int) -> Image.Image:
    """Pictures in rows of cells that are as large as the largest, which is no larger than `CELL` if it is square."""
    fitted = [image if columns == 1 else ImageOps.contain(image, (CELL, CELL)) for image in images]
    width, height = max(image.width for image in fitted), max(image.height for image in fitted)
    rows = -(-len(fitted) // columns)
    sheet = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "#d9dbd1")
    for index, image in enumerate(fitted):
        row, column = divmod(index, columns)
        left, upper = column * (width + GAP), row * (height + GAP)
        sheet.paste(image, (left + (width - image.width) // 2, upper + (height - image.height) // 2))
    return sheet


def main() -> None:
    for name, image in (("memes", draw_memes()), ("cards", draw_pages()), ("ways", draw_ways())):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=82, method=6)
        write_whole(ROOT / "docs" / f"{name}.webp", buffer.getvalue())
        print(f"docs/{name}.webp: {image.width} × {image.height}, {len(buffer.getvalue()) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
