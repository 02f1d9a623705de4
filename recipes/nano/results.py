"""What the shipped model does with what it never saw: figures as one JSON line, and sheets to look at.

    python -m recipes.nano.results [--model nano] [--out recipes/nano] [--table out/nano/table]

Scenes come from a seed that training did not use; held-out ones hold combinations that no training scene has. The
prompts are those of `recipes/world/natural.tsv`, written by hand; the first picture of seed 0 is shown, whatever it is.
With a folder that `recipes.nano.table` has made, good.webp and bad.webp show prompts that the judge found right and
wrong.
"""

import argparse
import io
import json
from collections.abc import Iterable, Iterator
from itertools import islice, zip_longest
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jaxtyping import Int32, UInt8
from PIL import Image

import dalle_mini
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.data.sheet import contact_sheet
from dalle_mini.models import transformer, vqgan
from dalle_mini.pipeline import DalleMini
from dalle_mini.safety.options import UNCHECKED
from dalle_mini.training.transformer import cross_entropy
from dalle_mini.training.vqgan import reconstruct
from recipes.nano.ship import SETTINGS
from recipes.world.prompts import read_prompts
from recipes.world.scenes import Scene, draw_scenes
from recipes.world.settings import read_settings
from recipes.world.world import HERE as WORLD
from recipes.world.world import load_world

UNSEEN_SEED = 1
SCENES, BATCH = 512, 64
SHOWN = 64
"""Pictures on a sheet."""
PROMPTS = WORLD / "natural.tsv"


def measure(model: DalleMini, scenes: Iterator[Scene]) -> dict[str, float]:
    """PSNR of the VQGAN in dB, codes in use, and the transformer's nats per token."""
    decibels, tokens, nats = [], [], []
    while batch := list(islice(scenes, BATCH)):
        pixels = np.stack([scene.pixels for scene in batch])
        redrawn = np.asarray(reconstruct(model.vqgan_params, model.vqgan_config, jnp.asarray(pixels)))
        squared = np.mean((redrawn / 255.0 - pixels / 255.0) ** 2, axis=(1, 2, 3))
        decibels.append(-10 * np.log10(squared))
        tokens.append(np.asarray(encode(model, pixels)))
        nats.append(np.asarray(find_nats(model, [scene.caption for scene in batch], tokens[-1])))
    return {
        "psnr": round(float(np.mean(np.concatenate(decibels))), 2),
        "codes_in_use": int(np.unique(np.concatenate(tokens)).size),
        "nats_per_token": round(float(np.mean(np.concatenate(nats))), 3),
    }


def encode(model: DalleMini, pixels: UInt8[np.ndarray, "batch height width 3"]) -> Array:
    """The image tokens of pictures."""
    return vqgan.encode(model.vqgan_params, model.vqgan_config, jnp.asarray(pixels, jnp.float32) / 255)


def find_nats(model: DalleMini, captions: list[str], tokens: Int32[np.ndarray, "batch image"]) -> Array:
    """The cross entropy of every token under its caption."""
    text = model.tokenizer.encode(captions)
    states = transformer.encode(model.params, model.config, jnp.asarray(text.tokens), jnp.asarray(text.mask))
    inputs = transformer.shift_right(jnp.asarray(tokens), model.config)
    logits = transformer.decode(model.params, model.config, inputs, states, jnp.asarray(text.mask))
    return cross_entropy(logits, jnp.asarray(tokens))


def judged_prompts(table: Path, right: bool) -> list[tuple[str, int]]:
    """Prompts with their seeds whose first picture is right in every way, or in none, evenly from all kinds."""
    found = []
    for path in sorted(table.glob("*/model/report.json")):
        entries = json.loads(path.read_text("utf-8"))["prompts"]
        verdicts = [(entry, entry["first"]["right"].values()) for entry in entries if entry["first"]["right"]]
        kept = [entry for entry, votes in verdicts if (all(votes) if right else not any(votes))]
        found.append([(entry["prompt"], entry["seed"]) for entry in kept])
    return [pair for pairs in zip_longest(*found) for pair in pairs if pair][:SHOWN]


def draw_sheet(model: DalleMini, prompts: Iterable[tuple[str, int]], path: Path) -> None:
    """The first picture of every prompt and seed."""
    captioned = [(prompt, model.generate(prompt, seed=seed, images=1).images[0]) for prompt, seed in prompts]
    if captioned:
        _write_sheet(captioned, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--world", type=Path, default=SETTINGS, help="what its scenes were made of (default: nano's)")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    parser.add_argument("--table", type=Path, help="folder of the table's reports, for good.webp and bad.webp")
    parser.add_argument("--count", type=int, default=SCENES, help="scenes to measure on")
    options = parser.parse_args()
    model, settings = dalle_mini.load(options.model, safety=UNCHECKED).without_ranker(), read_settings(options.world)
    world, indices = load_world(settings.config), range(options.count)
    figures = {
        name: measure(model, draw_scenes(world, UNSEEN_SEED, indices, held_out, settings.size))
        for name, held_out in (("unseen_scenes", False), ("held_out_combinations", True))
    }
    draw_sheet(model, [(prompt, 0) for prompt, _ in read_prompts(PROMPTS)][:SHOWN], options.out / "prompts.webp")
    if options.table:
        for name, right in (("good.webp", True), ("bad.webp", False)):
            draw_sheet(model, judged_prompts(options.table, right), options.out / name)
    scenes = list(draw_scenes(world, UNSEEN_SEED, range(16), size=settings.size))
    redrawn = np.asarray(reconstruct(model.vqgan_params, model.vqgan_config, np.stack([s.pixels for s in scenes])))
    above = [(scene.caption, Image.fromarray(scene.pixels)) for scene in scenes]
    below = [("reconstructed", Image.fromarray(pixels)) for pixels in redrawn]
    _write_sheet(above[:8] + below[:8] + above[8:] + below[8:], options.out / "reconstructions.webp")
    print(json.dumps({"model": options.model, "backend": jax.default_backend(), **figures}))


def _write_sheet(captioned: list[tuple[str, Image.Image]], path: Path) -> None:
    buffer = io.BytesIO()
    contact_sheet(captioned).save(buffer, "WEBP", quality=85, method=6)
    write_whole(path, buffer.getvalue())


if __name__ == "__main__":
    main()
