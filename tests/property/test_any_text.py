"""What holds for any text: the normalizer's form, hashtags against brute force, tokens and back."""

import itertools
import math
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dalle_mini.errors import PromptError
from dalle_mini.text import HashtagWords, Tokenizer, normalize, train_tokenizer

ANY_CHARACTER = st.characters(exclude_categories=())  # lone surrogates too
PIECES = st.sampled_from(
    ["<person>", "and", "&amp;", "&lt;", "#tag", "http://a", "1,000", "[1]", "'s", "\r\n", "Ã©"]
    + ["xtokxdotxtokx", "🇫🇷", "👍🏽", "....", '""', ",", "-", "/", " ", "<", ">", "a", "Z", "0"]
)
TEXTS = st.text(ANY_CHARACTER) | st.lists(PIECES | ANY_CHARACTER).map("".join)
SPACES = st.text(" \t\n\r", min_size=1)
WORDS = ["a", "cat", "cats", "at", "sat", "s", "'s", "tsat", "cat"]


@settings(deadline=None)
@given(TEXTS)
def test_normalized_text_has_its_form(text: str) -> None:
    read = normalize(text).text
    assert read == normalize(text).text
    assert read == " " + read.strip()
    assert re.fullmatch(r"[ a-z0-9\"'./,%&$*<>@^\x7f]*", read)
    assert not re.search(r"\s\s|(\D)\1{3}|, *,|\" *\"|^ ,|,$", read)


@settings(deadline=None)
@given(st.lists(st.text("ab,.'\"<>#-1"), min_size=1), st.data())
def test_any_spaces_are_one(parts: list[str], data: st.DataObject) -> None:
    spaces = [data.draw(SPACES) for _ in parts]
    spread = "".join(itertools.chain(*zip(parts, spaces, strict=True)))
    assert normalize(spread).text == normalize(" ".join(parts)).text


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> HashtagWords:
    path = tmp_path_factory.mktemp("words") / "words.txt"
    path.write_text("".join(f"{word} 1\n" for word in WORDS))
    return HashtagWords(path)


@settings(deadline=None)
@given(tag=st.text("acts'", max_size=9))
def test_hashtags_take_the_cheapest_cut(words: HashtagWords, tag: str) -> None:
    split = words.split(tag)
    assert split.replace(" ", "") == tag
    costs = [total for pieces in all_cuts(tag) if (total := cost(pieces)) < math.inf]
    if costs and "'" not in tag:
        assert math.isclose(cost(split.split()), min(costs), abs_tol=1e-9)


def all_cuts(text: str) -> list[list[str]]:
    if not text:
        return [[]]
    ends = range(1, len(text) + 1)
    return [[text[:end], *rest] for end in ends for rest in all_cuts(text[end:])]


def cost(pieces: list[str]) -> float:
    ranks = {word: rank for rank, word in enumerate(WORDS, 1)}
    return sum(math.log(ranks[piece]) if piece in ranks else math.inf for piece in pieces)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_tokenizer([" a red car", " a cat at the beach"] * 5, 290, folder)
    return Tokenizer.from_directory(folder, max_length=16, normalize=False)


@settings(deadline=None)
@given(text=st.text(st.characters(codec="utf-8", exclude_characters="'<"), max_size=14))
def test_any_text_comes_back(tokenizer: Tokenizer, text: str) -> None:
    tokens, mask = tokenizer.encode_texts([text])
    if mask.sum() < 16:
        assert tokenizer.decode(tokens[0]) == re.sub(r" (?=[.?!,])", "", text)


@settings(deadline=None)
@given(text=TEXTS)
def test_rows_hold_the_kept_text(tokenizer: Tokenizer, text: str) -> None:
    try:
        encoded = tokenizer.encode([text])
    except PromptError:
        assert not text.strip()
        return
    (reading,) = encoded.readings
    assert reading.kept_text + reading.cut_text == reading.text
    length = int(encoded.mask.sum())
    assert encoded.mask[0].tolist() == [True] * length + [False] * (16 - length)
    row = encoded.tokens[0].tolist()
    assert row[0] == 0 and row[length - 1 :] == [2] + [1] * (16 - length)
    assert bool(reading.cut_text) <= (length == 16)
