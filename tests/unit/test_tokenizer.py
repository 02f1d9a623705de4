"""Tokenizer files of several layouts, prompts that are too long or empty, and training."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from dalle_mini.errors import CheckpointError, ConfigError, OutputError, PromptError
from dalle_mini.text import Tokenizer, train_tokenizer

CAPTIONS = [" a red car at the beach", " a blue car in the snow", " the red fox", " a cat"] * 3
START, PAD, END = 0, 1, 2


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "tokenizer"
    train_tokenizer(CAPTIONS, 300, path)
    return path


def load(folder: Path, max_length: int = 8, normalize: bool = True) -> Tokenizer:
    return Tokenizer.from_directory(folder, max_length=max_length, normalize=normalize)


def test_rows_begin_end_and_are_filled_up(folder: Path) -> None:
    encoded = load(folder).encode(["A red car!", "the beach in the snow in the beach"])
    assert encoded.tokens.dtype == np.int32
    assert encoded.tokens.shape == encoded.mask.shape == (2, 8)
    assert encoded.tokens[:, 0].tolist() == [START, START]
    assert encoded.tokens[0].tolist()[4:] == [END, PAD, PAD, PAD]
    assert encoded.mask.sum(axis=1).tolist() == [5, 8]
    assert encoded.tokens[1, -1] == END


def test_what_was_cut_is_told(folder: Path) -> None:
    tokenizer = load(folder, max_length=5)
    fits, long = tokenizer.encode(["a red car", "a red car at the BEACH 🐱"]).readings
    assert (fits.kept_text, fits.cut_text) == (" a red car", "")
    assert long.text == " a red car at the beach, cat face"
    assert (long.kept_text, long.cut_text) == (" a red car ", "at the beach, cat face")
    assert long.prompt == "a red car at the BEACH 🐱"
    assert long.notes == ("emoji were spelled out",)


def test_a_letter_of_which_only_some_bytes_found_room_counts_as_cut(folder: Path) -> None:
    (reading,) = load(folder, max_length=4, normalize=False).encode(["日本"]).readings
    assert (reading.kept_text, reading.cut_text) == ("", "日本")
    (reading,) = load(folder, max_length=5, normalize=False).encode(["日本"]).readings
    assert (reading.kept_text, reading.cut_text) == ("日", "本")


@pytest.mark.parametrize("prompt", ["a red car at the beach", "xyzzy, a cat", "a red car " * 20])
def test_a_prompt_is_told_piece_by_piece(folder: Path, prompt: str) -> None:
    tokenizer = Tokenizer.from_directory(folder, max_length=16, normalize=True)
    encoded = tokenizer.encode([prompt])
    (reading,) = encoded.readings
    assert [piece.id for piece in reading.pieces] == encoded.tokens[0][encoded.mask[0]].tolist()
    begin, *pieces, end = (piece.text for piece in reading.pieces)
    assert begin == end == ""
    assert "".join(pieces).replace(" ", "") == reading.kept_text.replace(" ", "")


def test_the_empty_text_has_no_space(folder: Path) -> None:
    empty = load(folder, max_length=4).encode_empty(3)
    assert empty.tokens.tolist() == [[START, END, PAD, PAD]] * 3
    assert empty.mask.tolist() == [[True, True, False, False]] * 3


def test_without_normalizing_text_stays_as_it_is(folder: Path) -> None:
    (reading,) = load(folder, normalize=False).encode(["Red \ud83d\ude97 \ud800"]).readings
    assert reading.text == "Red 🚗 �"
    assert reading.notes == ()


@pytest.mark.parametrize("prompt", ["", "  \n", "\x00\x01", "\u200b", "https://a.org", "!?"])
def test_a_prompt_without_anything_to_read_is_refused(folder: Path, prompt: str) -> None:
    with pytest.raises(PromptError) as refusal:
        load(folder).encode(["a cat", prompt])
    assert refusal.value.hint


def test_one_text_in_place_of_a_list_is_refused(folder: Path) -> None:
    with pytest.raises(PromptError, match="expected a list.*'a cat'"):
        load(folder).encode("a cat")


def test_no_prompts_give_no_rows(folder: Path) -> None:
    assert load(folder).encode([]).tokens.shape == (0, 8)


def test_vocabulary_and_merges_do_as_well_as_the_whole_file(folder: Path, tmp_path: Path) -> None:
    parts = tmp_path / "parts"
    parts.mkdir()
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(folder / name, parts)
    texts = [*CAPTIONS, "", "日本 <mask> x", "<s>UP</s>"]
    np.testing.assert_array_equal(load(parts).encode_texts(texts).tokens, load(folder).encode_texts(texts).tokens)


def test_a_layout_that_only_transformers_knows(tmp_path: Path) -> None:
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "red", "car", "##s"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    names = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "BertTokenizer", **names}))
    assert load(tmp_path).encode(["A red cars"]).tokens.tolist() == [[2, 4, 5, 6, 7, 3, 0, 0]]


def test_settings_in_the_file_for_length_are_ignored(folder: Path) -> None:
    expected = load(folder).encode_texts(CAPTIONS)
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["truncation"] = {
        "direction": "Right",
        "max_length": 3,
        "strategy": "LongestFirst",
        "stride": 0,
    }
    path.write_text(json.dumps(content))
    np.testing.assert_array_equal(load(folder).encode_texts(CAPTIONS).tokens, expected.tokens)


def test_other_names_of_special_tokens_are_followed(folder: Path) -> None:
    size = load(folder).vocab_size
    for name in ("tokenizer.json", "vocab.json"):
        path = folder / name
        path.write_text(path.read_text().replace("</s>", "<end>").replace("<pad>", "<fill>"))
    names = {"eos_token": "<end>", "sep_token": {"content": "<end>"}, "pad_token": "<fill>"}
    (folder / "special_tokens_map.json").write_text(json.dumps(names))
    tokenizer = load(folder, max_length=4)
    assert tokenizer.encode_empty(1).tokens.tolist() == [[START, END, PAD, PAD]]
    assert (tokenizer.pad_id, tokenizer.vocab_size) == (PAD, size)


def test_a_space_in_front_is_added_where_the_files_ask_for_it(folder: Path) -> None:
    expected = load(folder).encode_texts([" cat"]).tokens
    assert (load(folder).encode_texts(["cat"]).tokens != expected).any()
    (folder / "tokenizer_config.json").write_text('{"add_prefix_space": true}')
    np.testing.assert_array_equal(load(folder).encode_texts(["cat"]).tokens, expected)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", "{"),
        ("tokenizer.json", None),
        ("tokenizer_config.json", "[1]"),
        ("special_tokens_map.json", '{"pad_token": {"lstrip": true}}'),
        ("special_tokens_map.json", '{"sep_token": "<else>"}'),
    ],
)
def test_bad_files_are_told(folder: Path, name: str, content: str | None) -> None:
    for part in ("vocab.json", "merges.txt"):
        (folder / part).unlink()
    (folder / name).unlink() if content is None else (folder / name).write_text(content)
    with pytest.raises(CheckpointError, match=str(folder)) as failure:
        load(folder)
    assert failure.value.hint


def test_a_row_must_have_room_for_start_and_end(folder: Path) -> None:
    with pytest.raises(ConfigError, match="length of 1"):
        load(folder, max_length=1)


def test_training_does_not_depend_on_order_and_has_every_byte(tmp_path: Path) -> None:
    sizes = [
        train_tokenizer(captions, 290, tmp_path / name)
        for name, captions in (("one", CAPTIONS), ("other", reversed(CAPTIONS)))
    ]
    assert sizes == [290, 290]
    one, other = (sorted((tmp_path / name).iterdir()) for name in ("one", "other"))
    assert [path.name for path in one] == [
        "merges.txt",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
    ]
    assert [path.read_bytes() for path in one] == [path.read_bytes() for path in other]
    vocabulary = json.loads((tmp_path / "one" / "vocab.json").read_text())
    assert list(vocabulary)[:5] == ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    assert list(vocabulary.values()) == list(range(290))


def test_few_captions_give_fewer_tokens(tmp_path: Path) -> None:
    size = train_tokenizer([" a cat"] * 2, 5_000, tmp_path)
    assert 261 < size < 300
    assert load(tmp_path).vocab_size == size


def test_a_vocabulary_below_the_bytes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="260"):
        train_tokenizer(CAPTIONS, 260, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_unwritable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file") as failure:
        train_tokenizer(CAPTIONS, 300, tmp_path / "file" / "out")
    assert failure.value.hint


def test_the_text_layer_loads_neither_jax_nor_transformers() -> None:
    program = "import sys, dalle_mini.text; print(*sys.modules)"
    loaded = subprocess.check_output([sys.executable, "-c", program], text=True).split()
    assert "tokenizers" in loaded
    assert not {"jax", "transformers", "flax"}.intersection(loaded)
