"""Lay out what was trained as the release that ships: float16 safetensors, tokenizer, drawing defaults and licences.

python -m recipes.nano.ship --work out/nano --assets assets/nano

What lies in the work folder takes the place of what the release had: the transformer, the VQGAN and the CLIP (the
second stage of each, if there is one) and the judge. What is not there stays.
"""

import argparse
import json
from pathlib import Path

from dalle_mini.checkpoints.folder import weight_files
from dalle_mini.checkpoints.kinds import read_kind
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.checkpoints.store import convert
from dalle_mini.config import GenerationConfig
from dalle_mini.errors import CheckpointError, OutputError
from dalle_mini.text.lexicon import LEXICON_FILE
from dalle_mini.training.finetune import PROMPTS
from recipes import refusal
from recipes.world.scenes import draw_scenes
from recipes.world.settings import Settings, read_settings
from recipes.world.vocabulary import release
from recipes.world.world import HERE as WORLD
from recipes.world.world import load_world, read_table

SETTINGS = Path(__file__).parent / "world.toml"
"""What the bundled model's scenes are made of."""

DEFAULTS = GenerationConfig(guidance_scale=3.0, temperature=0.6, top_k=256, top_p=0.85, candidates=18)
"""Looked at side by side on prompts that were never in training; see RESULTS.md. The best nine of eighteen: more would
keep two CPU cores busy for seconds."""

KNOWN = 160
"""Prompts of the world that the release names as its own, for `dalle-mini finetune` to rehearse."""
KNOWN_SEED = 2

MEGABYTE = 10**6
MOST, MOST_A_FILE, MOST_A_JUDGE = 45 * MEGABYTE, 10 * MEGABYTE, 6 * MEGABYTE
_SHARD = 9 * MEGABYTE

_PARTS = {"": ("transformer",), "vqgan": ("vqgan-decoder", "vqgan"), "clip": ("clip-kin", "clip"), "judge": ("judge",)}
"""By folder of the release, the trainings that it may come from; the first that is finished counts."""
_WORDS = ("WordNet-3.0.txt", "emojibase-MIT.txt")

_NOTICE_OF_WORDS = """\
The words of lexicon.tsv come from WordNet 3.0, Copyright 2006 by Princeton University (WordNet-3.0.txt beside this
file), and from emojibase-data, MIT (emojibase-MIT.txt).

Changes: the drawings were rasterized or reduced, and in the pictures scaled, recolored, filled with textures, and
composed with each other and with painted backgrounds.
"""


def ship(work: Path, assets: Path, settings: Settings) -> None:
    """Write the release folder `assets` from the trainings in `work`; OutputError if it is larger than may be."""
    for part, trainings in _PARTS.items():
        models = (work / training / "model" for training in trainings)
        source = next((model for model in models if (model / "config.json").is_file()), None)
        if source:
            convert(source, assets / part, dtype="float16", max_shard_bytes=_SHARD, overwrite=True)
    check_fit(assets)
    world = load_world(settings.config)
    write_licenses(assets, settings.config.sets)
    write_whole(assets / "generation.json", (json.dumps(DEFAULTS.to_dict(), indent=2) + "\n").encode())
    write_whole(assets / LEXICON_FILE, release(world).encode())
    write_whole(assets / PROMPTS, "".join(f"{prompt}\n" for prompt in known_prompts(settings)).encode())
    check_sizes(assets)


def check_fit(assets: Path) -> None:
    """CheckpointError if the transformer's tokens are not the VQGAN's."""
    for folder in (assets, assets / "vqgan"):
        if not weight_files(folder):
            raise CheckpointError(f"{folder} holds no weights", hint="train the transformer and the VQGAN first")
    (_, transformer), (_, vqgan) = read_kind(assets), read_kind(assets / "vqgan")
    drawn, read = (transformer.image_length, transformer.image_vocab_size), (vqgan.image_length, vqgan.codebook_size)
    if drawn != read:
        raise CheckpointError(
            f"the transformer draws {drawn[0]} tokens of {drawn[1]}, the VQGAN reads {read[0]} of {read[1]}",
            hint="ship the VQGAN that made the transformer's token set",
        )


def check_sizes(assets: Path) -> None:
    """OutputError if the release is larger than the project may carry."""
    sizes = {path: path.stat().st_size for path in sorted(assets.rglob("*")) if path.is_file()}
    judge = sum(size for path, size in sizes.items() if path.is_relative_to(assets / "judge"))
    largest = max(sizes, key=sizes.__getitem__)
    for name, size, most in (
        (assets, sum(sizes.values()), MOST),
        (largest, sizes[largest], MOST_A_FILE),
        (assets / "judge", judge, MOST_A_JUDGE),
    ):
        if size > most:
            raise OutputError(
                f"{name} has {size / MEGABYTE:.1f} MB, more than the {most / MEGABYTE:.0f} MB that may ship",
                hint="train a smaller model",
            )


def write_licenses(assets: Path, sets: tuple[str, ...]) -> None:
    """The licence texts of the art sets and the words, and the notice of who made them; those of other sets go."""
    known = read_table("world.toml")["sets"]
    used = [known[name] for name in sets]
    texts = {*(Path(art["license_file"]).name for art in used), *_WORDS}
    for source in sorted((WORLD / "licenses").iterdir()):
        if source.name in texts:
            write_whole(assets / source.name, source.read_bytes())
        elif source.name != "NOTICE":
            (assets / source.name).unlink(missing_ok=True)
    lines = [
        f"{art['title']}, by {art['author']}, as packaged in the npm package {art['package']} {art['version']},\n"
        f"licensed under {art['license']} ({Path(art['license_file']).name} beside this file)."
        for art in used
    ]
    head = "The pictures that this model learned from were composed of the drawings of these art sets."
    write_whole(assets / "NOTICE", "\n\n".join([head, *lines, _NOTICE_OF_WORDS]).encode())


def known_prompts(settings: Settings) -> list[str]:
    """Captions of the world, of a seed that is not the training's."""
    scenes = draw_scenes(load_world(settings.config), KNOWN_SEED, range(KNOWN))
    return [scene.caption for scene in scenes]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.nano.ship", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="where the trainings lie")
    parser.add_argument("--assets", type=Path, required=True, help="the release folder to write")
    parser.add_argument("--world", type=Path, default=SETTINGS, help="what the scenes were made of (default: nano's)")
    options = parser.parse_args()
    with refusal.told():
        ship(options.work, options.assets, read_settings(options.world))


if __name__ == "__main__":
    main()
