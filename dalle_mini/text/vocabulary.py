"""Train byte-level BPE on captions and write it the way that published checkpoints have it."""

import json
import os
import pathlib
from collections.abc import Iterable

from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from dalle_mini.errors import ConfigError, OutputError
from dalle_mini.text.bpe import SPECIAL_TOKENS, byte_level, special_tokens


def train_tokenizer(captions: Iterable[str], vocab_size: int, out_dir: str | os.PathLike) -> int:
    """Write a tokenizer's files into `out_dir` and return how many tokens it has.

    `captions` are what the tokenizer will meet: normalized, with the space in front. The same ones
    in any order give the same files; few give fewer tokens than asked for. Raises ConfigError and
    OutputError.
    """
    alphabet = pre_tokenizers.ByteLevel.alphabet()  # every byte, so that no word is impossible
    smallest = len(SPECIAL_TOKENS) + len(alphabet)
    if vocab_size < smallest:
        raise ConfigError(
            f"a vocabulary of {vocab_size!r} tokens is too small",
            hint=f"ask for {smallest} or more: every byte and the special tokens need one",
        )
    special = special_tokens({})
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[special[role] for role in SPECIAL_TOKENS],
        initial_alphabet=alphabet,
        show_progress=False,
    )
    learner = byte_level(models.BPE(), special)
    learner.train_from_iterator(captions, trainer)
    trained = byte_level(learner.model, special)
    _write(pathlib.Path(out_dir), _file_contents(trained))
    return trained.get_vocab_size()


def _file_contents(tokenizer: Tokenizer) -> dict[str, str]:
    whole = json.loads(tokenizer.to_str())
    model = whole["model"]
    merges = [" ".join(pair) for pair in model["merges"]]
    model["merges"] = merges  # the form that readers of 2022 know too
    settings = {"tokenizer_class": "BartTokenizer", "add_prefix_space": False}
    return {
        "tokenizer.json": _json(whole),
        "vocab.json": _json(model["vocab"]),
        "merges.txt": "\n".join(["#version: 0.2", *merges, ""]),
        "tokenizer_config.json": _json(settings | SPECIAL_TOKENS),
        "special_tokens_map.json": _json(SPECIAL_TOKENS),
    }


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=1) + "\n"


def _write(directory: pathlib.Path, contents: dict[str, str]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            partial = directory / f".{name}.partial"
            partial.write_text(content, encoding="utf-8")
            partial.replace(directory / name)
    except OSError as error:
        raise OutputError(
            f"{directory}: the tokenizer can't be written: {error}",
            hint="choose a folder that can be written and has some free space",
        ) from error
