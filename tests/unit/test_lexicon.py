"""Which words of a prompt a release's lexicon knows."""

from pathlib import Path

import pytest

from dalle_mini.errors import CheckpointError
from dalle_mini.text.lexicon import LEXICON_FILE, Lexicon

ROWS = """\
cat thing cat|cats things cat|tabby thing cat|🐱 thing cat|dog thing dog|🐶 thing dog|castle thing castle|hat thing hat
fedora thing hat|hat worn hat|moon thing moon|moon background moon|on the moon place moon|city background city
cheese thing cheese|cheese material cheese|cheddar material cheese|🧀 material cheese|wooden material wood|red color red
made of made -|two count 2|tiny size tiny|pixel art of style pixel art|neon style neon|riding relation riding
with relation next to|with relation wearing|in relation wearing|in front of relation in front of|can you draw filler -
"""

KINDS = "thing things worn background place material color made count size style relation filler".split()


@pytest.fixture
def lexicon(tmp_path: Path) -> Lexicon:
    lines = []
    for row in ROWS.replace("\n", "|").strip("|").split("|"):
        words = row.split(" ")
        at = next(n for n, word in enumerate(words) if n and word in KINDS)
        lines.append("\t".join((" ".join(words[:at]), words[at], " ".join(words[at + 1 :]))) + "\n")
    (tmp_path / LEXICON_FILE).write_text("".join(lines), encoding="utf-8")
    found = Lexicon.from_directory(tmp_path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("prompt", "labels"),
    [
        ("a cat", {"thing": "cat", "count": "1"}),
        ("Two CATS!", {"thing": "cat", "count": "2"}),
        ("some tabbies", {"thing": "cat"}),
        ("a castle made of solid cheddar", {"thing": "castle", "count": "1", "attribute": "of cheese"}),
        ("cheese castle", {"thing": "castle", "count": "1", "attribute": "of cheese"}),
        ("tiny wooden dog", {"thing": "dog", "count": "1", "size": "tiny", "attribute": "of wood"}),
        ("dog on the moon", {"thing": "dog", "count": "1", "background": "moon"}),
        ("the moon in a city", {"thing": "moon", "count": "1", "background": "city"}),
        ("cat on a red background", {"thing": "cat", "count": "1", "background": "plain red"}),
        ("cat riding dog", {"thing": "cat", "second": "dog", "relation": "riding"}),
        ("red cat with a fedora", {"thing": "cat", "second": "hat", "relation": "wearing", "attribute": "red"}),
        ("cat with a dog", {"thing": "cat", "second": "dog", "relation": "next to"}),
        ("pixel art of a cat", {"thing": "cat", "count": "1", "style": "pixel art"}),
        ("🐱🧀", {"thing": "cat", "count": "1", "attribute": "of cheese"}),
        ("🐱🐱", {"thing": "cat", "count": "2"}),
        ("🐱🐶", {"thing": "cat", "second": "dog", "relation": "next to"}),
        ("can you draw grumpy looking Bob the cat", {"thing": "cat", "count": "1"}),
        ("qwertz", {}),
        ("", {}),
    ],
)
def test_reading(lexicon: Lexicon, prompt: str, labels: dict[str, str]) -> None:
    assert lexicon.read(prompt).labels == labels


def test_the_sentence_names_the_words(lexicon: Lexicon) -> None:
    assert lexicon.read("a tabby made of cheddar").sentence("nano") == "went by: tabby (cat), cheddar (cheese)"
    assert lexicon.read("my cat").sentence("nano") == "went by: cat"
    assert (
        lexicon.read("qwertz").sentence("nano") == "none of these words are known to nano; it draws what comes to mind"
    )


def test_a_release_may_bring_none(tmp_path: Path) -> None:
    assert Lexicon.from_directory(tmp_path) is None


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / LEXICON_FILE).write_text("cat\tthing\n", encoding="utf-8")
    with pytest.raises(CheckpointError, match="line 1: expected word, kind and meaning"):
        Lexicon.from_directory(tmp_path)
