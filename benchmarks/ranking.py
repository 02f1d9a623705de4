"""What does choosing the best pictures cost, beside drawing them?

    python benchmarks/ranking.py [--model NAME] [--ranker DIR] [--candidates N] [--repeats N]

Ranking is what a drawing with a ranker does more than one without: marks by the CLIP, the choice, and what every word
carries in every picture. Without --ranker, the model's own CLIP ranks; where it has none, one of random weights with
the sizes of recipes/nano/clip.toml, which takes as long. Prints one line of JSON; figures are medians over the repeats,
and one drawing before them, which compiles, is not counted.
"""

import argparse
import dataclasses
import json
import statistics
import time
import tomllib
from pathlib import Path

import jax

import dalle_mini
from dalle_mini.checkpoints.releases import resolve
from dalle_mini.cli.machine import describe_machine
from dalle_mini.config import CLIPConfig
from dalle_mini.generation import rank_candidates
from dalle_mini.models import clip
from dalle_mini.pipeline import DalleMini
from dalle_mini.ranking import Clip, RankerId
from dalle_mini.text.tokenizer import Tokenizer

PROMPT = "a red car at the beach"
SIZES = Path(__file__).parents[1] / "recipes" / "nano" / "clip.toml"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="what `dalle-mini generate --model` takes")
    parser.add_argument("--ranker", help="what `dalle-mini generate --ranker` takes")
    parser.add_argument("--candidates", type=int, default=36, help="pictures to choose from (default: 36)")
    parser.add_argument("--repeats", type=int, default=5, help="drawings to measure (default: 5)")
    options = parser.parse_args()
    model = dalle_mini.load(options.model, ranker=options.ranker)
    ranker = model.ranker or make_ranker(resolve(options.model).tokenizer)
    plain = model.without_ranker()
    runs = [measure(plain, ranker, options.candidates, seed) for seed in range(options.repeats + 1)][1:]
    drawing, ranking = (statistics.median(run[place] for run in runs) for place in (0, 1))
    result = {
        "benchmark": "ranking",
        "model": options.model,
        "ranker": ranker.id.name,
        "candidates": options.candidates,
        "repeats": options.repeats,
        "drawing_seconds": round(drawing, 4),
        "ranking_seconds": round(ranking, 4),
        "share": round(ranking / drawing, 4),
        "machine": describe_machine(),
    }
    print(json.dumps(result))


def make_ranker(tokenizer: Path) -> Clip:
    """A CLIP of the bundled sizes that guesses."""
    sizes = tomllib.loads(SIZES.read_text("utf-8"))
    text = sizes["text"]
    tokens = Tokenizer.from_directory(
        tokenizer, max_length=text["max_position_embeddings"], normalize=text["normalize_text"]
    )
    text |= {"vocab_size": tokens.vocab_size, "eos_token_id": tokens.byte_pairs.end_id}
    config = CLIPConfig.from_dict({**sizes["model"], "text_config": text, "vision_config": sizes["residual"]})
    return Clip(config, clip.init(jax.random.key(0), config), tokens, RankerId("random weights", ""))


def measure(model: DalleMini, ranker: Clip, candidates: int, seed: int) -> tuple[float, float]:
    """Seconds of drawing all candidates, and of ranking them."""
    started = time.perf_counter()
    drawn = model.generate(PROMPT, seed=seed, images=candidates).candidates
    finished = time.perf_counter()
    nine = dataclasses.replace(drawn, shown=drawn.shown[:9])
    rank_candidates(nine, ranker, ranker.embed_images(drawn.pixels), PROMPT, variety=0.5)
    return finished - started, time.perf_counter() - finished


if __name__ == "__main__":
    main()
