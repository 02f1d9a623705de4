"""The plain NumPy computations that unit tests trust give the recorded numbers themselves."""

import cases
import computed
import numpy as np
import oracle
import pytest
from cases import Case, Run

from dalle_mini.checkpoints import layout


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


def test_transformer(transformer_case: Case) -> None:
    run = Run(transformer_case, "float32")
    config, params = computed.transformer_of(run)
    tree = layout.to_published(params, scan=False)
    text, mask = (np.asarray(rows)[0] for rows in computed.text_inputs(run))
    states = oracle.encoder_states(tree, config, text, mask)
    recorded = run["encoder_last_hidden_state"][0]
    np.testing.assert_allclose(states, recorded, rtol=0, atol=1e-5)
    decoder_inputs = run.inputs("decoder_input_ids")[0]
    logits = oracle.decoder_logits(tree, config, decoder_inputs, states, mask)
    np.testing.assert_allclose(logits, run["logits"][0], rtol=0, atol=5e-5)


def test_vqgan(vqgan_case: Case) -> None:
    config, params = computed.vqgan_of(vqgan_case)
    if config.resolution > 64:
        pytest.skip("slow in plain NumPy")
    pixels = vqgan_case.arrays["pixels_uint8"][0] / 255
    latents = oracle.latents_of_pixels(params, config, pixels)
    recorded = vqgan_case.arrays["encode_pre_quant"][0]
    np.testing.assert_allclose(latents, recorded, rtol=0, atol=5e-5)
    drawn = oracle.pixels_of_tokens(params, config, vqgan_case.arrays["tokens"][0])
    np.testing.assert_allclose(drawn, vqgan_case.arrays["decode_code"][0], rtol=0, atol=5e-5)
