"""Text is read as the original reads it: normalized, hashtags cut, tokenized, padded and cut."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import cases
import numpy as np
import pytest
from cases import Case

from dalle_mini.text import HashtagWords, Tokenizer, normalize
from dalle_mini.text.hashtags import WORDS_FILE


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


def test_normalizer(text_case: Case) -> None:
    words = HashtagWords(files(text_case) / WORDS_FILE)
    for example in examples(text_case, "normalizer"):
        assert normalize(example["input"], words=words).text == example["normalized"]


def test_person(text_case: Case) -> None:
    words = HashtagWords(files(text_case) / WORDS_FILE)
    for example in examples(text_case, "person"):
        rng = random.Random(example["python_random_seed"])
        normalized = normalize(example["input"], words=words, rng=rng)
        assert normalized.text == example["normalized"]


def test_hashtag_split(text_case: Case) -> None:
    words = HashtagWords(files(text_case) / WORDS_FILE)
    for example in examples(text_case, "hashtag_split"):
        assert words.split(example["input"]) == example["split"]


@pytest.mark.parametrize("layout", ["tokenizer.json", "vocab.json and merges.txt"])
def test_tokens(text_case: Case, layout: str, tmp_path: Path) -> None:
    folder = shutil.copytree(files(text_case), tmp_path / "tokenizer")
    if layout != "tokenizer.json":
        (folder / "tokenizer.json").unlink()
    recorded = examples(text_case, "tokenizer")
    longest = max(len(example["ids"]) for example in recorded)
    tokenizer = Tokenizer.from_directory(folder, max_length=longest, normalize=False)
    tokens, mask = tokenizer.encode_texts([example["text"] for example in recorded])
    for row, real, example in zip(tokens, mask, recorded, strict=True):
        assert row[real].tolist() == example["ids"]
        name = tokenizer.byte_pairs.backend.id_to_token
        assert [name(token) for token in example["ids"]] == example["tokens"]
        assert tokenizer.decode(row) == example["decoded"]


def test_rows(text_case: Case) -> None:
    for name in sorted(text_case.arrays):
        if name.endswith("_input_ids"):
            check_rows(text_case, name.removesuffix("_input_ids"))


def check_rows(case: Case, group: str) -> None:
    prompts = examples(case, f"{group}_prompts")
    rows = {
        field: case.arrays[f"{group}_{field}"]
        for field in ("input_ids", "attention_mask", "input_ids_uncond", "attention_mask_uncond")
    }
    normalized = group.startswith("normalized")
    tokenizer = Tokenizer.from_directory(files(case), max_length=rows["input_ids"].shape[1], normalize=normalized)
    # Unlike `encode`, the original takes prompts that are empty.
    encoded = tokenizer.encode(prompts) if normalized else tokenizer.encode_texts(prompts)
    empty = tokenizer.encode_empty(len(prompts))
    np.testing.assert_array_equal(encoded.tokens, rows["input_ids"], strict=True)
    np.testing.assert_array_equal(encoded.mask, rows["attention_mask"])
    np.testing.assert_array_equal(empty.tokens, rows["input_ids_uncond"], strict=True)
    np.testing.assert_array_equal(empty.mask, rows["attention_mask_uncond"])


def examples(case: Case, name: str) -> list[Any]:
    return json.loads((case.directory / "text.json").read_text())[name]


def files(case: Case) -> Path:
    """The folder of the case that has the tokenizer and the word list."""
    return next(case.directory.glob("*/vocab.json")).parent
