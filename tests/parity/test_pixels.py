"""The VQGAN against recorded numbers: pixels to tokens, and tokens to pixels."""

import cases
import computed
import jax.numpy as jnp
import numpy as np
import pytest
from cases import Case

from dalle_mini.models import vqgan

TOLERANCE = 5e-5
SAFE_MARGIN = 2e-3
"""Distance to the second nearest codebook row from which on rounding can't change the choice."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


def latents(case: Case):
    config, params = computed.vqgan_of(case)
    pixels = case.arrays["pixels_uint8"].astype(np.float32) / 255
    return computed.encode_latents(params, config, pixels)


def test_latents_before_quantization(vqgan_case: Case) -> None:
    recorded = vqgan_case.arrays["encode_pre_quant"]
    np.testing.assert_allclose(latents(vqgan_case), recorded, rtol=0, atol=TOLERANCE)


def test_tokens_of_pixels(vqgan_case: Case) -> None:
    config, params = computed.vqgan_of(vqgan_case)
    tokens = np.asarray(computed.nearest_tokens(params, config, latents(vqgan_case)))
    recorded = vqgan_case.arrays["encode_indices"]
    safe = vqgan_case.arrays["encode_margin"] > SAFE_MARGIN
    assert safe.mean() > 0.9
    np.testing.assert_array_equal(tokens.reshape(recorded.shape)[safe], recorded[safe])


def test_quantized_states_are_codebook_rows(vqgan_case: Case) -> None:
    config, params = computed.vqgan_of(vqgan_case)
    recorded = vqgan_case.arrays["encode_quant_states"]
    tokens = vqgan_case.arrays["encode_indices"].reshape(recorded.shape[:3])
    np.testing.assert_array_equal(vqgan.lookup(params, config, jnp.asarray(tokens)), recorded)


@pytest.mark.parametrize(("tokens", "pixels"), [("tokens", "decode_code"), ("encode_indices", "reconstruction")])
def test_pixels_of_tokens(vqgan_case: Case, tokens: str, pixels: str) -> None:
    config, params = computed.vqgan_of(vqgan_case)
    drawn = np.asarray(computed.decode_tokens(params, config, vqgan_case.arrays[tokens]))
    compared = 0
    for suffix, ours in _summaries(drawn).items():
        if (name := pixels + suffix) in vqgan_case.arrays:
            recorded = vqgan_case.arrays[name]
            np.testing.assert_allclose(ours, recorded, rtol=0, atol=TOLERANCE, err_msg=name)
            compared += 1
    assert compared
    if pixels == "decode_code":
        assert_same_bytes(drawn, vqgan_case.arrays["decode_uint8"])


def _summaries(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """What may be recorded of pixels, by the suffix of the array's name."""
    return {
        "": pixels,
        "_rows_every16": pixels[:, ::16],
        "_channel_mean_std": np.stack([pixels.mean(axis=(1, 2)), pixels.std(axis=(1, 2))]),
    }


def assert_same_bytes(pixels: np.ndarray, recorded: np.ndarray) -> None:
    """Clipped and cut off (not rounded) to bytes, `pixels` are `recorded`; a few are off by one."""
    ours = (np.clip(pixels, 0, 1) * 255).astype(np.uint8)
    difference = np.abs(ours.astype(int) - recorded)
    assert difference.max() <= 1
    assert (difference > 0).mean() < 0.005
