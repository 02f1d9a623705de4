"""A disguise changes nothing: refused prompts stay refused, innocent ones innocent."""

import pytest
import safety_prompts
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dalle_mini.errors import PromptRejected
from dalle_mini.safety.letters import fold, tokenize
from dalle_mini.safety.prompts import MODES, check_prompt

DISGUISES = safety_prompts.DISGUISES
WHOLE = ("capitals", "look-alikes", "full width", "mathematical", "zero width", "soft hyphens", "accents")
"""Disguises of single letters, which leave gaps between words where they are."""
ONE_OF = 10
"""Of long lists, one line of so many."""


def is_refused(prompt: str, mode: str = "family") -> bool:
    try:
        check_prompt(prompt, mode)
    except PromptRejected:
        return True
    return False


@given(
    st.sampled_from(safety_prompts.PLAIN),
    st.sampled_from(sorted(DISGUISES)),
    st.sampled_from(safety_prompts.AROUND),
    st.sampled_from(sorted(WHOLE)),
)
@settings(deadline=None, max_examples=60)
def test_a_disguised_word_is_refused_under_a_second_disguise_too(word, first, around, second):
    prompt = around.format(DISGUISES[second](DISGUISES[first](word)))
    assert is_refused(prompt)


@pytest.mark.parametrize("way", WHOLE)
def test_refused_prompts_stay_refused_letter_by_letter(way):
    plain = [
        prompt for _, prompt in safety_prompts.written_refusals()[::ONE_OF] if prompt.isascii() and "&" not in prompt
    ]
    assert len(plain) > 50
    assert not [prompt for prompt in plain if is_refused(prompt) and not is_refused(_apply(way, prompt))]


@pytest.mark.parametrize("way", WHOLE)
def test_innocent_prompts_stay_innocent_letter_by_letter(way):
    plain = [prompt for prompt in safety_prompts.allowed()[::ONE_OF] if prompt.isascii()]
    assert len(plain) > 50
    assert not [prompt for prompt in plain if not is_refused(prompt) and is_refused(_apply(way, prompt))]


@given(st.sampled_from(safety_prompts.made_innocents()), st.integers(0, 20), st.integers(1, 3), st.booleans())
@settings(deadline=None, max_examples=60)
def test_a_gap_in_the_wrong_place_makes_no_refused_word(prompt, gap, far, back):
    words = prompt.split(" ")
    assume(len(words) > 1 and not any(map(is_refused, words)))
    at = gap % (len(words) - 1)
    both = words[at] + words[at + 1]
    cut = len(words[at]) + (-far if back else far)
    assume(0 < cut < len(both) and not is_refused(both))
    shifted = [*words[:at], both[:cut], both[cut:], *words[at + 2 :]]
    # A whole word may come out, as in "men' sex friend"; none may be made of two.
    assume(not any(map(is_refused, shifted)))
    assert not is_refused(" ".join(shifted))


@pytest.mark.parametrize(
    "prompt", ["as s een on tv", "the pen is blue", "don t it look", "men's ex club", "plan b itching"]
)
def test_words_are_not_joined_across_their_gaps(prompt):
    assert not is_refused(prompt)


@given(st.text(max_size=200), st.sampled_from(MODES))
@settings(deadline=None, max_examples=60)
def test_any_text_is_read(text, mode):
    is_refused(text, mode)
    assert all(token.text for token in tokenize(fold(text)))


def _apply(way: str, prompt: str) -> str:
    return " ".join(DISGUISES[way](word) for word in prompt.split(" "))
