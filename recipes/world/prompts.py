"""Writes prompts for evaluation: `python -m recipes.world.prompts --kind single --out FILE.tsv`.

A line is the prompt and, after tabs, `thing=cat`, `background=beach` and so on: all that the prompt names. Kinds that
are held out hold a combination that training never sees; the others hold none, in fresh words of a fresh seed. Synonyms
are words of the lexicon in place of a thing's name.
"""

import argparse
import dataclasses
from collections.abc import Iterator
from pathlib import Path
from random import Random

from dalle_mini.checkpoints.staging import write_whole
from recipes.world.captions import Phrase
from recipes.world.facts import (
    Facts,
    combinations,
    draw_attribute,
    draw_background,
    draw_pair,
    draw_thing,
    hash_share,
    is_held_out,
    labels,
    pick,
)
from recipes.world.grammar import indefinite
from recipes.world.vocabulary import vocabulary
from recipes.world.world import World, WorldConfig, load_world

KINDS = (
    "single", "background", "style", "attribute", "attribute-held-out", "background-held-out", "relation",
    "relation-held-out", "count", "synonym",
)  # fmt: skip


def draw(world: World, kind: str, random: Random) -> Facts:
    """Facts of the kind, held out or not."""
    name, held_out = kind.removesuffix("-held-out"), kind.endswith("-held-out")
    while True:
        facts = draw_open(world, name, random)
        if not held_out and not is_held_out(world, facts):
            return facts
        if held_out and any(
            each == name and hash_share(each, *words) < world.held_out[each] for each, words in combinations(facts)
        ):
            return facts


def draw_open(world: World, kind: str, random: Random) -> Facts:
    """Facts that name a thing and the one field of the kind."""
    if kind == "relation":
        pair = draw_pair(world, random)
        return Facts(pair.things, relation=pair.relation)
    facts = Facts((draw_thing(world, random),))
    match kind:
        case "background":
            return dataclasses.replace(facts, background=draw_background(world, random))
        case "style":
            return dataclasses.replace(facts, style=pick(random, world.styles))
        case "attribute":
            color, material = draw_attribute(world, random, 0.5, 0.5)
            return dataclasses.replace(facts, color=color, material=material)
        case "count":
            return dataclasses.replace(facts, count=random.choice((1, 2, 3)))
    return facts


def prompts(world: World, kind: str, count: int, seed: int) -> Iterator[tuple[str, dict[str, str]]]:
    """Prompts with their labels, no prompt twice."""
    random, seen = Random(f"prompts/{kind}/{seed}"), set()
    tries = 0
    while len(seen) < count and tries < 200 * count:
        tries += 1
        if kind == "synonym":
            prompt, named = synonym(world, random)
        else:
            facts = draw(world, kind, random)
            prompt, named = Phrase(world, facts, random, lexicon=0.1, plain=True).text(), labels(facts)
        if prompt and prompt not in seen:
            seen.add(prompt)
            yield prompt, named


def synonym(world: World, random: Random) -> tuple[str, dict[str, str]]:
    """A plain prompt with a frequent word of the lexicon, or "" where the thing drawn has none."""
    thing = random.choice(list(world.things))
    words = [row for row in vocabulary(world).words_of("thing", thing) if row.weight >= 10 and row.word.isascii()]
    if not words:
        return "", {}
    word = random.choice(words).word
    article = indefinite(word)
    prompt = random.choice((f"{article} {word}", word, f"a picture of {article} {word}", f"photo of {article} {word}"))
    return prompt, {"thing": thing}


def line(prompt: str, named: dict[str, str]) -> str:
    """One line of a file of prompts."""
    return "\t".join((prompt, *(f"{field}={value}" for field, value in named.items()))) + "\n"


def read_prompts(path: Path) -> list[tuple[str, dict[str, str]]]:
    """The prompts of a file with their labels."""
    found = []
    for text in path.read_text(encoding="utf-8").splitlines():
        prompt, *fields = text.split("\t")
        found.append((prompt, dict(field.split("=", 1) for field in fields)))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m recipes.world.prompts", description=__doc__)
    parser.add_argument("--kind", choices=KINDS, required=True)
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1_000_003)
    parser.add_argument("--things", choices=("all", "popular"), default="all")
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    world = load_world(WorldConfig(things=options.things))
    found = prompts(world, options.kind, options.count, options.seed)
    write_whole(options.out, "".join(line(*each) for each in found).encode())


if __name__ == "__main__":
    main()
