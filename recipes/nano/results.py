"""What the shipped model does with what it never saw: figures as one JSON line, and sheets to look at.

    python -m recipes.nano.results [--model nano] [--out recipes/nano]

Scenes come from a seed that training did not use; held-out ones hold combinations that no training scene has. The
prompts are those of `recipes/world/natural.tsv`, written by hand; the first picture of seed 0 is shown, whatever it is.
"""

import argparse
import io
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

import dalle_mini
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.data.sheet import contact_sheet
from dalle_mini.models import transformer, vqgan
from dalle_mini.pipeline import DalleMini
from dalle_mini.training.transformer import cross_entropy
from dalle_mini.training.vqgan import reconstruct
from recipes.world.prompts import read_prompts
from recipes.world.scenes import Scene, draw_scene
from recipes.world.world import load_world

UNSEEN_SEED = 1
SCENES = 512
SHOWN = 60  # prompts
PROMPTS = Path(__file__).parents[1] / "world" / "natural.tsv"


def measure(model: DalleMini, scenes: list[Scene]) -> dict[str, float]:
    """PSNR of the VQGAN in dB, codes in use, and the transformer's nats per token."""
    pixels = np.stack([scene.pixels for scene in scenes])
    redrawn = np.asarray(reconstruct(model.vqgan_params, model.vqgan_config, jnp.asarray(pixels)))
    squared = np.mean((redrawn / 255.0 - pixels / 255.0) ** 2, axis=(1, 2, 3))
    tokens = vqgan.encode(model.vqgan_params, model.vqgan_config, jnp.asarray(pixels, jnp.float32) / 255)
    text = model.tokenizer.encode([scene.caption for scene in scenes])
    states = transformer.encode(model.params, model.config, jnp.asarray(text.tokens), jnp.asarray(text.mask))
    inputs = transformer.shift_right(tokens, model.config)
    logits = transformer.decode(model.params, model.config, inputs, states, jnp.asarray(text.mask))
    return {
        "psnr": round(float(np.mean(-10 * np.log10(squared))), 2),
        "codes_in_use": int(jnp.unique(tokens).size),
        "nats_per_token": round(float(cross_entropy(logits, tokens).mean()), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    options = parser.parse_args()
    model = dalle_mini.load(options.model)
    world = load_world()
    figures = {
        name: measure(model, [draw_scene(world, UNSEEN_SEED, index, held_out) for index in range(SCENES)])
        for name, held_out in (("unseen_scenes", False), ("held_out_combinations", True))
    }
    prompts = [prompt for prompt, _ in read_prompts(PROMPTS)][:SHOWN]
    captioned = [(prompt, model.generate(prompt, seed=0, images=1).images[0]) for prompt in prompts]
    _write_sheet(captioned, options.out / "prompts.webp")
    scenes = [draw_scene(world, UNSEEN_SEED, index) for index in range(16)]
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
