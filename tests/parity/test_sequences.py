"""Greedy and sampled sequences, drawn from our logits with the original's noise and filters.

Every token is drawn behind the recorded ones. If all of them agree, a free run gives the recorded
sequence too; and where rounding turns a near tie over, the positions behind it are still compared.
"""

import cases
import computed
import numpy as np
import original_sampling
import pytest
from cases import Run
from original_sampling import Options


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


def assert_drawn(run: Run, name: str, scores: np.ndarray, tie: float, *, keep_end: bool) -> None:
    """The tokens with the best scores [rows, steps, vocab] are those recorded, save near ties."""
    recorded = run.sequences()[name]
    config, _ = computed.transformer_of(run)
    assert (recorded[:, 0] == config.decoder_start_token_id).all()
    picked = scores.argmax(axis=-1)
    drawn = original_sampling.end_rows(picked, end=config.eos_token_id, pad=config.pad_token_id, keep_end=keep_end)
    for row, position in np.argwhere(drawn != recorded[:, 1:]):
        here = scores[row, position]
        gap = here[picked[row, position]] - here[recorded[row, position + 1]]
        assert gap <= tie, f"row {row} differs at position {position} by a score of {gap}"


def test_greedy_sequences(run: Run) -> None:
    if run.greedy not in run.sequences():
        pytest.skip("not recorded")
    conditional, _ = computed.cached_logits(run)[run.greedy]
    assert_drawn(run, run.greedy, conditional, 2 * run.tolerance("logits"), keep_end=True)


def test_sampled_sequences(run: Run) -> None:
    if not run.samples:
        pytest.skip("not recorded")
    for sample in run.samples:
        options = Options.from_dict(sample)
        conditional, unconditional = (
            logits.astype(run.dtype) for logits in computed.cached_logits(run)[sample["array"]]
        )
        rows, steps, vocab = conditional.shape
        filtered = original_sampling.filter_logits(conditional, unconditional, options)
        noise = original_sampling.draw_noise(options.seed, steps, (rows, vocab), filtered.dtype)
        tie = 2 * run.guided_tolerance(options.condition_scale) / options.temperature
        assert_drawn(run, sample["array"], filtered + noise, tie, keep_end=False)
