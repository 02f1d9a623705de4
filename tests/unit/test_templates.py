"""Templates against a plain product, their escapes, and what is refused."""

import itertools

import pytest

from dalle_mini.errors import PromptError
from dalle_mini.templates import MAX_TEMPLATE, Variant, expand_template, fill_grid


def test_three_by_three_is_nine_in_rows_and_columns() -> None:
    animals, stuffs = ("cat", "dog", "fox"), ("cheese", "gold", "ice")
    variants = expand_template("{cat|dog|fox} made of {cheese|gold|ice}")
    expected = [
        Variant(f"{animal} · {stuff}", f"{animal} made of {stuff}")
        for animal, stuff in itertools.product(animals, stuffs)
    ]
    assert list(variants) == expected
    assert fill_grid(variants) == variants


def test_a_prompt_without_choices_is_itself() -> None:
    for prompt in ("a red car", " spaces  stay ", "one | two", "C:\\temp", ""):
        assert expand_template(prompt) == (Variant("", prompt),)
    assert fill_grid(expand_template("a cat")) == (Variant("", "a cat"),) * 9


def test_backslashes_make_ordinary_characters() -> None:
    assert [each.prompt for each in expand_template(r"\{a\|b\} {c\|d|e\}} \\ \n")] == [
        r"{a|b} c|d \ \n",
        r"{a|b} e} \ \n",
    ]


def test_an_empty_choice_leaves_no_double_space() -> None:
    variants = expand_template("a {|red|very red} car{| at night}")
    assert [each.prompt for each in variants] == [
        "a car",
        "a car at night",
        "a red car",
        "a red car at night",
        "a very red car",
        "a very red car at night",
    ]
    assert variants[0].label == "– · –"
    assert [each.prompt for each in expand_template("{|big} cat")] == ["cat", "big cat"]


def test_fewer_variants_than_pictures_come_equally_often() -> None:
    filled = fill_grid(expand_template("{a|b|c}"))
    assert [each.prompt for each in filled] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3
    counts = [fill_grid(expand_template("{a|b|c|d}")).count(Variant(each, each)) for each in "abcd"]
    assert sum(counts) == 9 and max(counts) - min(counts) == 1


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("a {b {c|d}}", "within braces at character 6"),
        ("a {b|c", "at character 3 of the template is never closed"),
        ("a b}", "without its opening one at character 4"),
        ("a {} b", "empty braces at character 3"),
        ("{a|b}" * 7, "makes 128 prompts"),
        ("x" * (MAX_TEMPLATE + 1), "characters"),
    ],
)
def test_what_can_not_be_read_is_told_with_its_place(template: str, message: str) -> None:
    with pytest.raises(PromptError, match=message) as caught:
        expand_template(template)
    assert caught.value.hint


def test_too_many_for_the_grid() -> None:
    with pytest.raises(PromptError, match="10 prompts for 9 pictures"):
        fill_grid(expand_template("{a|b}{c|d|e|f|g}"))


def test_a_choice_of_thousands_is_refused_before_it_is_made() -> None:
    with pytest.raises(PromptError, match="prompts"):
        expand_template("{a|b}" * 2000)
