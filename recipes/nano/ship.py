"""Lay out the trained model as the release that ships: float16 safetensors, tokenizer, drawing defaults and licences.

python -m recipes.nano.ship --work out/nano --assets assets/nano
"""

import argparse
import json
import os
import shutil
from pathlib import Path

from dalle_mini.checkpoints.store import convert
from dalle_mini.config import GenerationConfig

DEFAULTS = GenerationConfig(guidance_scale=3.0, temperature=0.8, top_k=256, top_p=0.9)
"""Looked at side by side on prompts that were never in training; see RESULTS.md."""

_LICENSES = Path(__file__).parents[1] / "world" / "licenses"


def ship(work: Path, assets: Path) -> None:
    """Write the release folder `assets` from the trainings in `work`."""
    convert(work / "transformer" / "model", assets, dtype="float16", overwrite=True)
    convert(work / "vqgan" / "model", assets / "vqgan", dtype="float16", overwrite=True)
    for source in sorted((work / "tokenizer").iterdir()):
        _copy(source, assets / source.name)
    for source in sorted(_LICENSES.iterdir()):
        _copy(source, assets / source.name)
    partial = assets / "generation.json.partial"
    partial.write_text(json.dumps(DEFAULTS.to_dict(), indent=2) + "\n", encoding="utf-8")
    os.replace(partial, assets / "generation.json")


def _copy(source: Path, target: Path) -> None:
    partial = target.with_name(target.name + ".partial")
    shutil.copyfile(source, partial)
    os.replace(partial, target)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="where the trainings lie")
    parser.add_argument("--assets", type=Path, required=True, help="the release folder to write")
    arguments = parser.parse_args()
    ship(arguments.work, arguments.assets)
