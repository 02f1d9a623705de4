"""The page's copy: the same sentences in every language, each used, and a choice of language that nothing can break."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dalle_mini.config import MAX_SEED
from dalle_mini.web.words import FIRST, choose_words, read_words

ROOT = Path(__file__).parents[2]
SOURCES = [*(ROOT / "dalle_mini" / "web").glob("*.py"), *(ROOT / "assets" / "page").glob("*.js")]

MADE = re.compile(
    r"number\.\d|(settings|download|offline|about\.step)\.\w+(\.\w+)?|(about|tour|origin|history)\.title"
    r"|why\.(all|varied|best)"
)
"""Keys that are put together where they are used."""


def find_places(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", sorted(read_words()))
def test_languages_say_the_same(language: str) -> None:
    first, other = read_words()[FIRST].texts, read_words()[language].texts
    assert list(first) == list(other)
    for key, text in other.items():
        assert find_places(text) == find_places(first[key]), key
        assert text.strip() == text != "" and "<" not in text and "'" not in text
    assert str(MAX_SEED) in other["settings.seed.info"]


def test_every_sentence_is_used_and_every_used_one_is_there() -> None:
    sources = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
    keys = read_words()[FIRST].texts
    said = set(re.findall(r"""(?:say|words|i18n)\(\s*f?["'`]([a-z_.]+)["'`]""", sources))
    counted = {f"{key}.{form}" for key in re.findall(r'words\.count\("([a-z.]+)"', sources) for form in ("one", "many")}
    assert said | counted <= set(keys)
    for key in set(keys) - said - counted:
        assert MADE.fullmatch(key) or f'"{key}"' in sources, key


def test_counts_are_words_as_far_as_nine() -> None:
    words = read_words()["en"]
    assert [words.count("pictures", count) for count in (1, 9, 12)] == ["one picture", "nine pictures", "12 pictures"]


def test_braces_that_are_filled_in_stay() -> None:
    assert "{0.__class__} {x}" in read_words()["en"]("share.text", prompt="{0.__class__} {x}")


@given(st.text(max_size=60) | st.text("esn-;q=.,0123456789* ", max_size=40))
def test_any_header_chooses_a_language(accepted: str) -> None:
    assert choose_words(accepted).language in read_words()
