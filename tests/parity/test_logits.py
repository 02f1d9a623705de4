"""The transformer against recorded numbers: states, logits and loss, at once and token by token."""

import cases
import computed
import jax.numpy as jnp
import numpy as np
import pytest
from cases import Run

from dalle_mini.models import transformer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


def assert_near(run: Run, ours, name: str) -> None:
    """`ours` is the recorded result `name`."""
    np.testing.assert_allclose(ours, run[name], rtol=0, atol=run.tolerance(name), err_msg=name)


def test_encoder_states(run: Run) -> None:
    conditional, unconditional = computed.halves(computed.at_once(run)[0])
    assert_near(run, conditional, "encoder_last_hidden_state")
    assert_near(run, unconditional, "encoder_last_hidden_state_uncond")


def test_decoder_inputs_are_labels_shifted_right(run: Run) -> None:
    config, _ = computed.transformer_of(run)
    shifted = transformer.shift_right(jnp.asarray(run.inputs("labels")), config)
    np.testing.assert_array_equal(shifted, run.inputs("decoder_input_ids"))


def test_teacher_forced_logits(run: Run) -> None:
    conditional, unconditional = computed.halves(computed.at_once(run)[1])
    assert_near(run, conditional, "logits")
    assert_near(run, unconditional, "logits_uncond")


def test_guided_logits(run: Run) -> None:
    guided = guide(*computed.halves(computed.at_once(run)[1]))
    recorded = guide(run["logits"], run["logits_uncond"])
    np.testing.assert_allclose(guided, recorded, rtol=0, atol=run.guided_tolerance(10))
    if "logits_super10" in run:
        np.testing.assert_array_equal(recorded, run["logits_super10"])


def guide(conditional: np.ndarray, unconditional: np.ndarray) -> np.ndarray:
    return unconditional + np.float32(10) * (conditional - unconditional)


def test_cached_step_logits(run: Run) -> None:
    conditional, unconditional = computed.cached_logits(run)["decoder_input_ids"]
    assert_near(run, conditional, "logits")
    assert_near(run, unconditional, "logits_uncond")
    if "cached_step_logits" in run:
        assert_near(run, conditional, "cached_step_logits")
    else:
        ends = np.concatenate([conditional[:, :8], conditional[:, -8:]], axis=1)
        assert_near(run, ends, "cached_step_logits_first8_last8")


def test_loss(run: Run) -> None:
    logits = computed.halves(computed.at_once(run)[1])[0].astype(np.float64)
    logits -= logits.max(axis=-1, keepdims=True)
    log_probabilities = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    labels = run.inputs("labels")[..., None]
    losses = -np.take_along_axis(log_probabilities, labels, axis=-1)[..., 0]
    assert_near(run, losses, "loss_per_token")
    assert_near(run, losses.mean(), "loss")


def test_first_row_alone_equals_first_row_of_the_batch(run: Run) -> None:
    config, params = computed.transformer_of(run)
    first = [rows[:1] for rows in (*computed.text_inputs(run), run.inputs("decoder_input_ids"))]
    _, logits = computed.read_and_decode(params, config, *first)
    for expected in (computed.at_once(run)[1][:1], run["logits"][:1]):
        np.testing.assert_allclose(logits, expected, rtol=0, atol=run.tolerance("logits"))
