"""Lay out the trained model as the release that ships: float16 safetensors, tokenizer, drawing defaults and licences.

python -m recipes.nano.ship --work out/nano --assets assets/nano
"""

import argparse
import json
from pathlib import Path

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.checkpoints.store import convert
from dalle_mini.config import GenerationConfig
from dalle_mini.text.lexicon import LEXICON_FILE
from dalle_mini.training.finetune import PROMPTS
from recipes.world.scenes import draw_scene
from recipes.world.vocabulary import release
from recipes.world.world import load_world

DEFAULTS = GenerationConfig(guidance_scale=3.0, temperature=0.8, top_k=256, top_p=0.9)
"""Looked at side by side on prompts that were never in training; see RESULTS.md."""

KNOWN = 160
"""Prompts of the world that the release names as its own, for `dalle-mini finetune` to rehearse."""

_LICENSES = Path(__file__).parents[1] / "world" / "licenses"


def ship(work: Path, assets: Path) -> None:
    """Write the release folder `assets` from the trainings in `work`."""
    convert(work / "transformer" / "model", assets, dtype="float16", overwrite=True)
    convert(work / "vqgan" / "model", assets / "vqgan", dtype="float16", overwrite=True)
    for source in sorted((work / "tokenizer").iterdir()):
        _copy(source, assets / source.name)
    for source in sorted(_LICENSES.iterdir()):
        _copy(source, assets / source.name)
    write_whole(assets / "generation.json", (json.dumps(DEFAULTS.to_dict(), indent=2) + "\n").encode())
    write_whole(assets / LEXICON_FILE, release(load_world()).encode())
    write_whole(assets / PROMPTS, "".join(f"{prompt}\n" for prompt in known_prompts()).encode())


def known_prompts() -> list[str]:
    """Captions of the world, of a seed that is not the training's."""
    world = load_world()
    return [draw_scene(world, seed=2, index=index).caption for index in range(KNOWN)]


def _copy(source: Path, target: Path) -> None:
    write_whole(target, source.read_bytes())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where the trainings lie")
    parser.add_argument("--assets", type=Path, required=True, help="the release folder to write")
    arguments = parser.parse_args()
    ship(arguments.work, arguments.assets)
