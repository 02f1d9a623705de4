"""Draws the sheets of docs/sharing.md from the page's examples: `python -m recipes.sharing.draw`."""

import io
from pathlib import Path

from PIL import Image, ImageOps

from dalle_mini.card import draw_card
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.classic import draw_classic
from dalle_mini.lettering import Lettered
from dalle_mini.meme import Caption, bottom, draw_meme, top

ROOT = Path(__file__).parents[2]
CELL, GAP = 384, 12


def read_tiles(name: str) -> list[Image.Image]:
    """The nine pictures of an example."""
    with Image.open(ROOT / "assets" / "examples" / f"{name}.webp") as file:
        sheet = file.convert("RGB")
    side = sheet.width // 3
    corners = [(column * side, row * side) for row in range(3) for column in range(3)]
    return [sheet.crop((left, upper, left + side, upper + side)) for left, upper in corners]


def draw_memes() -> Image.Image:
    """Memes of one, two, four and nine pictures, in several scripts."""
    ice, robot = read_tiles("ice-cream-cone-in-space"), read_tiles("a-robot-at-sunset")
    house, ghost = read_tiles("a-tiny-house-in-the-mountains"), read_tiles("ghost-in-a-dark-forest")
    fish, unicorn = read_tiles("orange-fish-under-the-sea"), read_tiles("pink-unicorn-in-the-clouds")
    dragged = (Caption("rent", x=0.3, y=0.25, width=0.4, height=0.12), Caption("me 😭", x=0.7, y=0.8, width=0.4))
    memes = [
        draw_meme(ice[:1], [top("one does not simply"), bottom("walk into the freezer")]),
        draw_meme(robot[:4], [top("four robots 🤖"), bottom("zero feelings ❤️")]),
        draw_meme(house[:1], dragged),
        draw_meme(ghost[:1], [top("שלום 👻"), bottom("مرحبا بالعالم")]),
        draw_meme(fish, [top("九匹の魚"), bottom("물고기 아홉 마리 🐟")]),
        draw_meme(unicorn[:2], [bottom("yes", panel=0), bottom("also yes", panel=1)]),
    ]
    return arrange([meme.image for meme in memes], columns=3)


def draw_pages() -> Image.Image:
    """The classic square and two cards."""
    beach, snowman = read_tiles("a-red-car-at-the-beach"), read_tiles("a-snowman-in-the-desert")
    classic = scaled(draw_classic(beach, "a red car at the beach"), 630)
    cards = [draw_card(snowman, "a snowman in the desert"), draw_card(read_tiles("a-robot-at-sunset"))]
    right = arrange([scaled(card, 309) for card in cards], columns=1)
    sheet = Image.new("RGB", (classic.width + GAP + right.width, classic.height), "#d9dbd1")
    sheet.paste(classic, (0, 0))
    sheet.paste(right, (classic.width + GAP, 0))
    return ImageOps.expand(sheet, GAP, "#d9dbd1")


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
    for name, image in (("memes", draw_memes()), ("cards", draw_pages())):
        buffer = io.BytesIO()
        image.save(buffer, "WEBP", quality=82, method=6)
        write_whole(ROOT / "docs" / f"{name}.webp", buffer.getvalue())
        print(f"docs/{name}.webp: {image.width} × {image.height}, {len(buffer.getvalue()) / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
