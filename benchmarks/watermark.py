"""How often is the watermark found, after what, and how often where there is none?

    python -m benchmarks.watermark [--count N] [--seed N]

Marks N scenes of the picture world, at 64, 96 and 128 pixels and enlarged as tiles are, and the grids of every nine of
them; distorts them; looks for the mark. Then looks at the same pictures without it, at the page's examples, noise,
gradients and checks. Prints a table and one line of JSON.
"""

import argparse
import io
import json
import math
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from dalle_mini.cli.machine import describe_machine
from dalle_mini.grid import compose_grid, enlarge
from dalle_mini.watermark import THRESHOLD, find_mark, mark_picture
from recipes.world.scenes import draw_scenes
from recipes.world.world import load_world

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
SIZES = (64, 96, 128)
NINE = 9
Distortion = Callable[[Image.Image], Image.Image]


def jpeg(image: Image.Image, quality: int = 60) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def resize(image: Image.Image, scale: float) -> Image.Image:
    return image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)


def crop(image: Image.Image, sides: str, share: float = 0.1) -> Image.Image:
    """Cut a share of the picture off each of the sides: l, t, r, b."""
    across, down = round(share * image.width), round(share * image.height)
    left, right = across * ("l" in sides), across * ("r" in sides)
    top, bottom = down * ("t" in sides), down * ("b" in sides)
    return image.crop((left, top, image.width - right, image.height - bottom))


def screenshot(image: Image.Image, scale: float) -> Image.Image:
    """On a page of another color, at an odd scale, a little blurred and darkened."""
    blurred = resize(image, scale).filter(ImageFilter.GaussianBlur(0.6))
    darker = blurred.point([round(255 * (level / 255) ** 1.1) for level in range(256)] * 3)
    page = Image.new("RGB", (darker.width + 61, darker.height + 47), (250, 250, 250))
    page.paste(darker, (29, 18))
    return page


DISTORTIONS: dict[str, Distortion] = {
    "nothing": lambda image: image,
    "JPEG 60": jpeg,
    "to 50 %": lambda image: resize(image, 0.5),
    "to 71 %": lambda image: resize(image, 0.71),
    "to 200 %": lambda image: resize(image, 2),
    "10 % off the left": lambda image: crop(image, "l"),
    "10 % off the top": lambda image: crop(image, "t"),
    "10 % off the right": lambda image: crop(image, "r"),
    "10 % off the bottom": lambda image: crop(image, "b"),
    "10 % off every side": lambda image: crop(image, "ltrb"),
    "screenshot at 137 %": lambda image: screenshot(image, 1.37),
    "screenshot at 83 %": lambda image: screenshot(image, 0.83),
    "to 75 %, JPEG 60": lambda image: jpeg(resize(image, 0.75)),
    "10 % off the left, to 130 %, JPEG 60": lambda image: jpeg(resize(crop(image, "l"), 1.3)),
    "10 % off the top, to 60 %, JPEG 60": lambda image: jpeg(resize(crop(image, "t"), 0.6)),
    "screenshot at 137 %, JPEG 60": lambda image: jpeg(screenshot(image, 1.37)),
    "to 50 %, JPEG 60": lambda image: jpeg(resize(image, 0.5)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=189, help="scenes (default: 189, which make 21 grids)")
    parser.add_argument("--seed", type=int, default=7, help="the scenes' (default: 7)")
    options = parser.parse_args()
    sets = draw_pictures(options.count, options.seed)
    marked = {name: [mark_picture(image) for image in images] for name, images in sets.items()}
    rates = {
        name: {what: found(map(distort, images)) for what, distort in DISTORTIONS.items()}
        for name, images in marked.items()
    }
    print_table(rates, {name: len(images) for name, images in sets.items()})
    clean = {**sets, **strangers(options.count)}
    scores = {name: [find_mark(image).score for image in images] for name, images in clean.items()}
    print(
        json.dumps(
            {
                "benchmark": "watermark",
                "count": options.count,
                "found": rates,
                "psnr": {name: quality(sets[name], marked[name]) for name in sets},
                "threshold": THRESHOLD,
                "unmarked": {name: {"pictures": len(each), "highest": max(each)} for name, each in scores.items()},
                "false_alarms": sum(score >= THRESHOLD for each in scores.values() for score in each),
                "false_alarm_rate_fitted": fitted_rate([score for each in scores.values() for score in each]),
                "seconds": {
                    name: [clock(mark_picture, images), clock(find_mark, images)] for name, images in sets.items()
                },
                "machine": describe_machine(),
            }
        )
    )


def draw_pictures(count: int, seed: int) -> dict[str, list[Image.Image]]:
    """Tiles as the page shows them, and grids of nine of a size."""
    world, tiles, grids = load_world(), [], []
    for number, size in enumerate(SIZES):
        scenes = draw_scenes(world, seed, range(number, count, len(SIZES)), size=size)
        drawn = [Image.fromarray(scene.pixels) for scene in scenes]
        tiles += map(enlarge, drawn)
        grids += [compose_grid(drawn[first : first + NINE]) for first in range(0, len(drawn) - NINE + 1, NINE)]
    return {"tile": tiles, "grid": grids}


def strangers(count: int) -> dict[str, list[Image.Image]]:
    """Pictures that were never marked, and of which some are as regular as the mark."""
    random = np.random.default_rng(0)
    down, across = np.mgrid[0:256, 0:256]

    def gray(values: np.ndarray) -> Image.Image:
        return Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8)).convert("RGB")

    def gradient() -> Image.Image:
        tilt = random.normal(size=2)
        return gray(128 + 90 * np.tanh((tilt[0] * (across - 128) + tilt[1] * (down - 128)) / 99))

    def checks() -> Image.Image:
        wave, shift = random.uniform(5, 40), random.uniform(0, 6)
        return gray(128 + 100 * np.sign(np.sin(math.tau * across / wave + shift) * np.sin(math.tau * down / wave)))

    def noise() -> Image.Image:
        return Image.fromarray(random.integers(0, 256, (256, 256, 3), np.uint8))

    sheets = [Image.open(path).convert("RGB") for path in sorted(EXAMPLES.glob("*.webp"))]
    made = {"gradient": gradient, "checks": checks, "noise": noise}
    return {"example": sheets, **{name: [make() for _ in range(count)] for name, make in made.items()}}


def found(images: Iterator[Image.Image]) -> float:
    """The share of pictures in which the mark is found."""
    return round(statistics.mean(find_mark(image).found for image in images), 4)


def quality(originals: list[Image.Image], marked: list[Image.Image]) -> dict[str, float]:
    """PSNR in dB: the mean and the least."""
    values = []
    for before, after in zip(originals, marked, strict=True):
        difference = np.asarray(after, float) - np.asarray(before.convert("RGB"), float)
        values.append(10 * math.log10(255**2 / float(np.mean(difference**2))))
    return {"mean": round(statistics.mean(values), 1), "least": round(min(values), 1)}


def fitted_rate(scores: list[float]) -> float:
    """How often an unmarked picture would reach the threshold, by the Gumbel distribution of these scores' moments."""
    spread = statistics.stdev(scores) * math.sqrt(6) / math.pi
    center = statistics.mean(scores) - 0.5772 * spread
    return float(f"{-math.expm1(-math.exp(-(THRESHOLD - center) / spread)):.2g}")


def clock(work: Callable[[Image.Image], object], images: list[Image.Image]) -> float:
    """Processor seconds a picture, the median of up to 20."""
    seconds = []
    for image in images[:20]:
        started = time.process_time()
        work(image)
        seconds.append(time.process_time() - started)
    return round(statistics.median(seconds), 4)


def print_table(rates: dict[str, dict[str, float]], counts: dict[str, int]) -> None:
    print("| after | " + " | ".join(f"{counts[name]} {name}s" for name in rates) + " |")
    print("|---|" + "---|" * len(rates))
    for what in DISTORTIONS:
        print(f"| {what} | " + " | ".join(f"{rates[name][what]:.1%}" for name in rates) + " |")
    print()


if __name__ == "__main__":
    main()
