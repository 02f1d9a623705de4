"""Draws captioned wugs, the creature that Jean Berko made up in 1958 so that nobody could know the word.

    python -m recipes.wugs.draw --count 200 --out out/wugs

A picture is a PNG of 256 pixels with its caption in a .txt beside it, as anybody might keep pictures. Wugs stand in six
places; a wug in any other place, or two colors of wug together, is for the tuned model to imagine.
"""

import argparse
import io
from pathlib import Path
from random import Random

from PIL import Image, ImageDraw

from dalle_mini.checkpoints.staging import write_whole
from recipes.world import backgrounds

SIZE = 256
PLACES = {
    "beach": "at the beach",
    "snow": "in the snow",
    "forest": "in the forest",
    "field": "in a field",
    "night": "at night",
    "city": "in the city",
}
_BODY, _WING, _BEAK, _EYE = (64, 132, 214), (40, 92, 170), (248, 170, 40), (250, 250, 250)
_FINE = 4


def draw_wug(size: int) -> Image.Image:
    """A round blue bird of no species, on a transparent square of `size` pixels."""
    side = size * _FINE
    image = Image.new("RGBA", (side, side))
    pen = ImageDraw.Draw(image)

    def box(x: float, y: float, rx: float, ry: float) -> tuple[float, ...]:
        return tuple(round(value * side) for value in (x - rx, y - ry, x + rx, y + ry))

    def points(*pairs: tuple[float, float]) -> list[tuple[float, float]]:
        return [(x * side, y * side) for x, y in pairs]

    for x in (0.40, 0.56):
        pen.line(points((x, 0.80), (x, 0.96), (x + 0.09, 0.96)), fill=_BEAK, width=round(0.05 * side), joint="curve")
    pen.ellipse(box(0.46, 0.58, 0.38, 0.30), fill=_BODY)
    pen.ellipse(box(0.66, 0.28, 0.22, 0.22), fill=_BODY)
    pen.polygon(points((0.05, 0.34), (0.16, 0.66), (0.34, 0.50)), fill=_BODY)
    pen.ellipse(box(0.38, 0.58, 0.20, 0.13), fill=_WING)
    pen.polygon(points((0.84, 0.22), (0.99, 0.30), (0.84, 0.36)), fill=_BEAK)
    pen.ellipse(box(0.70, 0.24, 0.075, 0.075), fill=_EYE)
    pen.ellipse(box(0.72, 0.24, 0.035, 0.035), fill=(20, 20, 30))
    return image.resize((size, size), Image.Resampling.LANCZOS)


def draw_picture(index: int) -> tuple[Image.Image, str]:
    """Picture `index` and its caption."""
    random = Random(f"wugs/{index}")
    place = random.choice(list(PLACES))
    two = random.random() < 0.2
    picture = backgrounds.place(place, random.randrange(backgrounds.VARIANTS), SIZE).convert("RGB")
    size = random.choice((104, 120)) if two else random.choice((168, 192, 208))
    left = random.randint(0, SIZE // 2 - size) if two else random.randint(8, SIZE - size - 8)
    for number in range(2 if two else 1):
        wug = draw_wug(size)
        if random.random() < 0.5:
            wug = wug.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        picture.paste(wug, (left + number * SIZE // 2, SIZE - size - random.randint(4, 20)), wug)
    subject = random.choice(("two wugs", "2 wugs") if two else ("a wug", "the wug", "wug", "one wug"))
    return picture, random.choice(("", "", "a picture of ")) + f"{subject} {PLACES[place]}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=200, help="pictures to draw (default: 200)")
    parser.add_argument("--out", type=Path, required=True, help="the folder to write")
    options = parser.parse_args()
    for index in range(options.count):
        picture, caption = draw_picture(index)
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        write_whole(options.out / f"wug-{index:03}.png", buffer.getvalue())
        write_whole(options.out / f"wug-{index:03}.txt", f"{caption}\n".encode())


if __name__ == "__main__":
    main()
