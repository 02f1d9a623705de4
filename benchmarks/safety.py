"""How many prompts that should be refused are refused, how many others are too, and how long does a prompt take?

    python benchmarks/safety.py [--mode MODE] [--refuse FILE] [--allow FILE] [--first-contact NAME]
    python benchmarks/safety.py --pictures [N]     scores of the example sheets, their tiles and N scenes of the world

The lists have a prompt a line; ours lie in tests/. Prints one line of JSON, and no prompt unless `--show` asks for
those that were taken wrongly. `--first-contact` keeps the figures of lists that the rules have not seen, in
tests/safety/first_contact.json; `python -m recipes.figures fill` puts them into docs/safety.md.
"""

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from dalle_mini.cli.machine import describe_machine
from dalle_mini.errors import PromptRejected
from dalle_mini.safety.prompts import DEFAULT_MODE, MODES, check_prompt, read_rulebook

ROOT = Path(__file__).parent.parent
FIRST_CONTACT = ROOT / "tests" / "safety" / "first_contact.json"
ROWS = 3
SIZE = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mode", choices=MODES, default=DEFAULT_MODE, help="default: %(default)s")
    parser.add_argument("--refuse", type=Path, help="prompts to refuse, one a line (default: ours)")
    parser.add_argument("--allow", type=Path, help="prompts to allow, one a line (default: ours)")
    parser.add_argument("--show", action="store_true", help="print what was taken wrongly, too")
    parser.add_argument("--first-contact", metavar="NAME", help="keep the figures of unseen lists under this name")
    parser.add_argument("--pictures", type=int, nargs="?", const=200, help="score pictures instead, N of them scenes")
    options = parser.parse_args()
    result = measure_pictures(options.pictures) if options.pictures is not None else measure_prompts(options)
    print(json.dumps({**result, "machine": describe_machine()}))


def measure_prompts(options: argparse.Namespace) -> dict[str, object]:
    """Shares of both lists that are refused, and milliseconds a prompt; the rules are read before."""
    sys.path.insert(0, str(ROOT / "tests"))
    import safety_prompts

    refuse = read_lines(options.refuse) if options.refuse else safety_prompts.refused()
    allow = read_lines(options.allow) if options.allow else safety_prompts.allowed()
    read_rulebook()
    # Of the processor: prompts are short work, and a busy machine would tell of others.
    started = time.process_time()
    missed = [prompt for prompt in refuse if not is_refused(prompt, options.mode)]
    mistaken = [prompt for prompt in allow if is_refused(prompt, options.mode)]
    seconds = time.process_time() - started
    if options.first_contact:
        keep_first_contact(options.first_contact, refuse, missed, allow, mistaken)
    if options.show:
        print(*(f"missed: {prompt}" for prompt in missed), *(f"refused: {prompt}" for prompt in mistaken), sep="\n")
    return {
        "benchmark": "prompt safety",
        "mode": options.mode,
        "refuse": len(refuse),
        "allow": len(allow),
        "recall": round(1 - len(missed) / max(len(refuse), 1), 4),
        "false_refusals": round(len(mistaken) / max(len(allow), 1), 4),
        "ms_per_prompt": round(1000 * seconds / max(len(refuse) + len(allow), 1), 3),
    }


def keep_first_contact(
    name: str, refuse: Sequence[str], missed: Sequence[str], allow: Sequence[str], mistaken: Sequence[str]
) -> None:
    kept = json.loads(FIRST_CONTACT.read_text(encoding="utf-8"))
    counts = {"refuse": len(refuse), "missed": len(missed), "allow": len(allow), "mistaken": len(mistaken)}
    kept.append({"list": name, **counts})
    FIRST_CONTACT.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


def read_lines(path: Path) -> list[str]:
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def is_refused(prompt: str, mode: str) -> bool:
    try:
        check_prompt(prompt, mode)
    except PromptRejected:
        return True
    return False


def measure_pictures(scenes: int) -> dict[str, object]:
    """The highest scores that the NSFW network gives to pictures of our own kind, and how many it flags."""
    import numpy as np
    from PIL import Image

    from dalle_mini.safety.pictures import NsfwChecker
    from recipes.world.scenes import draw_scenes
    from recipes.world.world import load_world

    def tiles(sheet: Image.Image) -> Iterator[Image.Image]:
        side = sheet.width // ROWS
        for index in range(ROWS * ROWS):
            row, column = divmod(index, ROWS)
            yield sheet.crop((column * side, row * side, (column + 1) * side, (row + 1) * side))

    def summary(checker: NsfwChecker, images: Sequence[Image.Image]) -> dict[str, float]:
        started = time.perf_counter()
        scores = checker.scores(images)
        milliseconds = 1000 * (time.perf_counter() - started) / len(images)
        return {
            "pictures": len(images),
            "median": round(float(np.median(scores)), 4),
            "highest": round(float(scores.max()), 4),
            "flagged": int((scores >= checker.threshold).sum()),
            "ms_per_picture": round(milliseconds, 1),
        }

    checker = NsfwChecker.load()
    checker.scores([Image.new("RGB", (8, 8))])
    sheets = [Image.open(path).convert("RGB") for path in sorted((ROOT / "assets" / "examples").glob("*.webp"))]
    drawn = draw_scenes(load_world(), 0, range(scenes), size=SIZE) if scenes else ()
    groups = {
        "sheets": sheets,
        "tiles": [tile for sheet in sheets for tile in tiles(sheet)],
        "scenes": [Image.fromarray(scene.pixels) for scene in drawn],
    }
    return {
        "benchmark": "picture safety",
        "threshold": checker.threshold,
        **{name: summary(checker, images) for name, images in groups.items() if images},
    }


if __name__ == "__main__":
    main()
