"""What the normalizer tells, how it stays steady, and that no prompt makes it slow."""

import random
import time
from pathlib import Path

import pytest

from dalle_mini.errors import CheckpointError
from dalle_mini.text import HashtagWords, normalize

NASTY = {
    "one letter": "x" * 10_000,
    "plain": "a red car at the beach, " * 400,
    "control characters": "\x00\x01\x1b[3\x7f" * 1_400,
    "lone surrogates": "\ud800\udfff" * 5_000,
    "emoji": "😀" * 10_000,
    "emoji families": "👨‍👩‍👧" * 2_000,
    "invisible": "\u200d\ufe0f" * 5_000,
    "another script": "日本の富士山" * 1_600,
    "stacked accents": "e" + "\u0301" * 9_999,
    "garbled": "Ã©â€œ" * 2_000,
    "tags": "<div class='x'>a</div>" * 450,
    "tags that never close": "<a" * 5_000,
    "nested entities": "&" + "#38;amp;AMP;" * 800,
    "blank lines": "é" + "\n \r\n" * 2_400,
    "lines": "a\n" * 5_000,
    "spaces": "a" + " \t\n" * 3_300 + "b",
    "quotes": " \" ' " * 2_000,
    "commas": ", ;" * 3_300,
    "people": "<person>" + ",and " * 2_000,
    "reference numbers": "[1] \n" * 2_000,
    "hashtag": "#" + "abc1" * 2_500,
    "hashtags": "#a" * 5_000,
    "links": "http" * 2_500,
    "numbers": "1,000.1/2-3" * 900,
}


@pytest.fixture
def words(tmp_path: Path) -> HashtagWords:
    path = tmp_path / "words.txt"
    path.write_text("the 9\nof 8\nlions 7\nlion 6\nsleeping 5\ns 4\n's 3\nabc 2\n")
    return HashtagWords(path)


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_no_prompt_is_slow(text: str, words: HashtagWords) -> None:
    # A fifth of it where no types are checked and nothing else runs.
    assert min(seconds(text, words) for _ in range(3)) < 0.5


def seconds(text: str, words: HashtagWords) -> float:
    begin = time.process_time()
    normalize(text, words=words)
    return time.process_time() - begin


@pytest.mark.parametrize(
    ("text", "read", "notes"),
    [
        ("A Red Car", " a red car", ()),
        ("“curly” café", ' " curly " cafe', ()),
        ("a cat 🐱", " a cat, cat face", ("emoji were spelled out",)),
        ("кот", " kot", ("other scripts were written in Latin letters",)),
        ("a ⿻ cat", " a cat", ("symbols without a reading were left out",)),
        ("cat \ud83d", " cat", ("symbols without a reading were left out",)),
        ("zero\u200dwidth", " zerowidth", ()),
        ("<b>cat</b>", " cat", ("everything between < and > was left out",)),
        ("cat https://a.org/b", " cat", ("links were left out",)),
        ("[1] cat", " cat", ("a reference number at the start was left out",)),
        ("cat [12]", " cat", ("a reference number at the end was left out",)),
        ("sooooo", " so", ("repeated letters were shortened",)),
        ("wow!!!!", " wow", ()),
        ("<person>, <person>", " people", ("<person> was read as a person or people",)),
    ],
)
def test_notes(text: str, read: str, notes: tuple[str, ...]) -> None:
    normalized = normalize(text)
    assert (normalized.text, normalized.notes) == (read, notes)


def test_hashtags_are_cut_into_listed_words(words: HashtagWords) -> None:
    normalized = normalize("#SleepingLions #lion'sabc", words=words)
    assert normalized.text == ' sleeping lions lion " sabc'
    assert normalized.notes == ("hashtags were read as words",)


@pytest.mark.parametrize(
    ("tag", "read"),
    [
        ("#SleepingLions", " sleeping lions"),
        ("#sleepinglions", " sleepinglions"),
        ("#HTMLPage2024best", " html page 2024 best"),
        ("#4K", " 4 k"),
        ("#snake_case", " snake case"),
        ("http://a.org/#CatDog", " "),
    ],
)
def test_without_a_list_hashtags_are_cut_at_capitals_and_digits(tag: str, read: str) -> None:
    assert normalize(tag).text == read


def test_a_person_is_the_same_one_every_time_and_follows_the_generator() -> None:
    prompts = [f"<person> number {number}" for number in range(40)]
    read = [normalize(prompt).text for prompt in prompts]
    assert read == [normalize(prompt).text for prompt in prompts]
    assert {text.rpartition(" number")[0] for text in read} >= {" a person", " someone"}
    first, second = (
        [normalize("<person>", rng=rng).text for _ in prompts] for rng in (random.Random(1), random.Random(2))
    )
    assert first != second


def test_a_word_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(b"caf\xe9 1\n")
    assert normalize("no tag", words=HashtagWords(path)).text == " no tag"
    with pytest.raises(CheckpointError, match="words.txt") as failure:
        normalize("#tag", words=HashtagWords(path))
    assert failure.value.hint
