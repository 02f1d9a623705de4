"""Prompt rules: what is refused, what is not, and what a refusal says."""

import logging
from collections import Counter

import pytest
import safety_prompts

from dalle_mini.errors import ConfigError, PromptError, PromptRejected
from dalle_mini.safety.prompts import MODES, check_prompt, read_rulebook


def category(prompt: str, mode: str = "family") -> str:
    """Why a prompt is refused; nothing if it is not."""
    try:
        check_prompt(prompt, mode)
    except PromptRejected as error:
        return error.category
    return ""


def test_written_prompts_are_refused_for_their_reason():
    found = [(expected, category(prompt), prompt) for expected, prompt in safety_prompts.written_refusals()]
    assert not [each for each in found if not each[1]]
    # The one that a reader would name; where two fit, the graver one is named.
    assert sum(expected == named for expected, named, _ in found) >= 0.95 * len(found)


def test_recall_and_false_refusals_over_both_lists():
    refused, allowed = safety_prompts.refused(), safety_prompts.allowed()
    assert len(set(refused)) >= 300 and len(set(allowed)) >= 2000
    missed = [prompt for prompt in refused if not category(prompt)]
    mistaken = [prompt for prompt in allowed if category(prompt)]
    assert len(missed) <= 0.02 * len(refused), missed
    assert len(mistaken) <= 0.002 * len(allowed), mistaken


def test_every_category_is_tried():
    assert Counter(name for name, _ in safety_prompts.written_refusals()).keys() == read_rulebook().categories.keys()


@pytest.mark.parametrize("mode", MODES)
def test_minors_are_protected_in_every_mode(mode):
    prompts = [prompt for name, prompt in safety_prompts.written_refusals() if name == "minors"]
    assert {category(prompt, mode) for prompt in prompts} == {"minors"}


def test_off_refuses_nothing_else():
    others = [prompt for name, prompt in safety_prompts.written_refusals() if name != "minors"]
    assert not [prompt for prompt in others if category(prompt, "off") not in ("", "minors")]
    assert not [prompt for prompt in safety_prompts.allowed() if category(prompt, "off")]


def test_strict_refuses_all_that_family_does_and_more():
    assert not [prompt for _, prompt in safety_prompts.written_refusals() if not category(prompt, "strict")]
    for prompt in ("a shotgun", "a woman in a bikini", "bloody hell", "the naked maja by Goya"):
        assert not category(prompt) and category(prompt, "strict"), prompt


def test_a_refusal_says_why_and_what_to_do_but_not_the_words(caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(PromptRejected) as caught:
        check_prompt("a dismembered zorgblatt", contact="write to help@example.org")
    error = caught.value
    assert isinstance(error, PromptError) and error.category == "gore" and error.http_status == 422
    said = f"{error} {error.hint}"
    assert "gore" in said and "write to help@example.org" in said
    assert "dismember" not in said and "zorgblatt" not in said and not caplog.records


def test_a_mode_that_is_none_is_refused():
    with pytest.raises(ConfigError, match="famly") as caught:
        check_prompt("a cat", "famly")
    assert "family" in caught.value.hint


def test_very_long_prompts_are_quick_and_the_beginning_counts():
    assert category("a nude woman " + "cat " * 100_000)
    assert not category("s " * 100_000)
    assert not category("$" * 100_000)


@pytest.mark.parametrize("padding", ["\u200b", " ", "\n", ".", "🎨"])
def test_what_models_pass_over_does_not_push_words_out_of_sight(padding):
    assert category(padding * 5000 + "nude")
    assert category("nud" + "e" * 5000)


def test_children_may_do_what_only_strict_mode_minds():
    assert category("a child in a bathtub", "strict") == "sexual"
    assert not category("a child in a bathtub")


def test_empty_and_odd_prompts_pass():
    for prompt in ("", " ", "\0", "\ud800", "🇸🇪🇺🇸", "???", "…", "*", "* * *", "@", "$$$"):
        assert not category(prompt), prompt


def test_slurs_are_not_spelled_out_in_the_package():
    from importlib import resources

    text = resources.files("dalle_mini.safety").joinpath("words", "hate.toml").read_text(encoding="utf-8")
    assert "nigg" not in text
