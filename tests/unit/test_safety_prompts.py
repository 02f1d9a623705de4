"""Prompt rules: what is refused, what is not, and what a refusal says."""

import contextlib
import functools
import logging
import sys
from collections import Counter
from collections.abc import Callable

import pytest
import safety_prompts

from dalle_mini.errors import ConfigError, PromptError, PromptRejected
from dalle_mini.safety.prompts import MODES, check_prompt, read_rulebook


@functools.cache
def category(prompt: str, mode: str = "family") -> str:
    """Why a prompt is refused; nothing if it is not."""
    try:
        check_prompt(prompt, mode)
    except PromptRejected as error:
        return error.category
    return ""


def test_written_prompts_are_refused_for_the_reason_that_a_reader_named():
    found = [(expected, category(prompt), prompt) for expected, prompt in safety_prompts.written_refusals()]
    refused = [each for each in found if each[1]]
    assert len(refused) >= 0.98 * len(found)
    # Where two fit, the graver one is named.
    odd = [each for each in refused if each[0] != each[1]]
    assert len(odd) <= 0.05 * len(refused), odd


def test_recall_and_false_refusals_over_both_lists():
    refused, allowed = safety_prompts.refused(), safety_prompts.allowed()
    assert len(set(refused)) >= 3000 and len(set(allowed)) >= 9000
    missed = [prompt for prompt in refused if not category(prompt)]
    mistaken = [prompt for prompt in allowed if category(prompt)]
    assert len(missed) <= 0.02 * len(refused), missed
    assert len(mistaken) <= 0.002 * len(allowed), mistaken


def test_every_category_is_tried():
    assert Counter(name for name, _ in safety_prompts.written_refusals()).keys() == read_rulebook().categories.keys()


@pytest.mark.parametrize("mode", MODES)
def test_minors_are_protected_in_every_mode(mode):
    prompts = [prompt for name, prompt in safety_prompts.written_refusals() if name == "minors"]
    assert not [prompt for prompt in prompts if category(prompt, mode) != "minors"]


@pytest.mark.parametrize("disguise", safety_prompts.DISGUISES.values(), ids=safety_prompts.DISGUISES)
@pytest.mark.parametrize("word", ["child", "children", "toddler", "schoolgirl", "teenager", "preteen"])
def test_no_disguise_takes_the_protection_of_minors_away(word, disguise):
    for prompt in (f"a naked {disguise(word)}", f"{disguise('porn')} of a {word}", f"porn of a {disguise(word)}"):
        assert category(prompt, "off") == "minors", prompt


def test_off_refuses_nothing_else():
    others = [prompt for name, prompt in safety_prompts.written_refusals() if name != "minors"]
    assert not [prompt for prompt in others if category(prompt, "off") not in ("", "minors")]
    allowed = safety_prompts.allowed()
    assert len([prompt for prompt in allowed if category(prompt, "off")]) <= 0.001 * len(allowed)


def test_strict_refuses_all_that_family_does_and_more():
    refused = [prompt for _, prompt in safety_prompts.written_refusals() if category(prompt)]
    assert refused and all(category(prompt, "strict") for prompt in refused)
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


def count_calls(work: Callable[[], object]) -> int:
    """How many functions are called, those of the interpreter too: the same for every run, on every machine."""
    calls = 0

    def note(frame: object, event: str, argument: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(None)
    return calls


@pytest.mark.parametrize("mode", ["strict", "family"])
@pytest.mark.parametrize(
    "shape",
    ["f*", "s* x* ", "a.", "a", "bleed printing ", "ab", "s e x ", "hotgirl", "cum-", "🔥a", "5ex4 ", "x" * 60 + " "]
    + ["a*b*c*d*", "a *", "ch ild "],
)
def test_the_work_grows_no_faster_than_a_prompt(shape, mode):
    words = read_rulebook().vocabulary.known
    work = []
    for length in (1_000, 10_000):
        words.clear()
        work.append(count_calls(functools.partial(check_or_refuse, (shape * length)[:length], mode)))
    assert work[1] < 12 * work[0]


def check_or_refuse(prompt: str, mode: str) -> None:
    with contextlib.suppress(PromptRejected):
        check_prompt(prompt, mode)


def test_slurs_are_not_spelled_out_in_the_package():
    from importlib import resources

    text = resources.files("dalle_mini.safety").joinpath("words", "hate.toml").read_text(encoding="utf-8")
    assert "nigg" not in text
