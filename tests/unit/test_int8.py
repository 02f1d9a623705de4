"""Weights of eight bits: the compiled product beside the same sums by NumPy, the attention beside XLA's, and a model
that draws with both."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from doubles import make_tiny_model

import dalle_mini
from dalle_mini.errors import ConfigError
from dalle_mini.int8 import Int8Kernel, attend_past, library
from dalle_mini.models import transformer
from dalle_mini.models.attention import KeyValue, attend

pytestmark = pytest.mark.skipif(
    not any(map(shutil.which, ("c++", "g++", "clang++"))), reason="the product is compiled here"
)
SHAPES = [(16, 4), (1, 1), (17, 5), (320, 160), (2730, 64), (64, 2730)]
"""Outputs and inputs, with and without a rest."""


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def quantize(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Steps of each row, and the size of one."""
    scale = np.abs(rows).max(axis=1, keepdims=True) / np.float32(127)
    return np.rint(rows / np.where(scale, scale, 1)).astype(np.int64), scale


@pytest.mark.parametrize("rows", [1, 17, 18, 19, 40])
@pytest.mark.parametrize("out, inputs", SHAPES)
def test_sums_are_those_of_the_rounded_numbers(out: int, inputs: int, rows: int) -> None:
    kernel, x = draw(out, inputs), draw(rows, inputs, seed=1)
    product = np.asarray(jax.jit(Int8Kernel.multiply)(Int8Kernel.quantize(kernel), jnp.asarray(x)))
    (weights, weight_scale), (values, scale) = quantize(kernel), quantize(x)
    # A number half-way between two steps may be rounded to either.
    slack = 1.01 * 127 * (scale * weight_scale.T)
    np.testing.assert_array_less(np.abs(product - (values @ weights.T) * (scale * weight_scale.T)), slack)
    assert np.median(np.abs(product - (values @ weights.T) * (scale * weight_scale.T))) < 1e-4


def test_products_are_near_those_of_whole_numbers() -> None:
    kernel, x = draw(1024, 512), draw(18, 512, seed=1)
    product, exact = Int8Kernel.quantize(kernel).multiply(jnp.asarray(x)), x @ kernel.T
    assert np.std(np.asarray(product) - exact) < 0.015 * np.std(exact)


def test_a_row_is_the_same_whatever_stands_beside_it() -> None:
    kernel, x = Int8Kernel.quantize(draw(100, 60)), jnp.asarray(draw(2, 20, 60, seed=1))
    together = jax.vmap(kernel.multiply)(x)
    np.testing.assert_array_equal(together, jnp.stack([kernel.multiply(rows) for rows in x]))
    np.testing.assert_array_equal(together[1, 7], kernel.multiply(x[1, 7]))


def test_what_is_no_number_stays_in_its_row_and_nothing_is_nothing() -> None:
    x = draw(4, 60)
    x[1, 3], x[2, 59], x[3] = np.nan, np.inf, 0
    weights = draw(20, 60)
    weights[5] = 0
    product = np.asarray(Int8Kernel.quantize(weights).multiply(jnp.asarray(x)))
    assert np.isfinite(product[0]).all() and np.isnan(product[1:3]).all()
    assert (product[3] == 0).all() and product[0, 5] == 0


def draw_past(rows: int, heads: int, source: int, length: int) -> tuple[jax.Array, KeyValue]:
    library.register()
    shapes = (rows, heads, 1, length), (rows, heads, source, length), (rows, heads, source, length)
    query, *past = (jnp.asarray(3 * draw(*shape, seed=seed)) for seed, shape in enumerate(shapes))
    return query, KeyValue(*past)


@pytest.mark.parametrize("length", [1, 5, 16, 24, 64, 80, 144])
@pytest.mark.parametrize("position", [0, 1, 17, 31])
def test_what_is_taken_of_the_past_is_what_attention_takes(length: int, position: int) -> None:
    query, past = draw_past(3, 2, 32, length)
    expected = attend(query, past, (jnp.arange(32) <= position)[None, None, None, :])
    found = jax.jit(attend_past)(query, *past, jnp.int32(position))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_is_taken_of_the_past_is_the_same_whatever_stands_beside_it() -> None:
    query, past = draw_past(6, 2, 20, 24)
    parts = [jax.tree.map(lambda each, start=start: each[start : start + 3], (query, past)) for start in (0, 3)]
    positions = jnp.array([4, 19])
    alone = [attend_past(query, *past, position) for (query, past), position in zip(parts, positions, strict=True)]
    (queries, pasts) = jax.tree.map(lambda *each: jnp.stack(each), *parts)
    np.testing.assert_array_equal(jax.vmap(attend_past)(queries, *pasts, positions), jnp.stack(alone))
    shared = jax.vmap(attend_past, in_axes=(0, None, None, None))(queries, *parts[0][1], positions[0])
    np.testing.assert_array_equal(shared[0], alone[0])


def test_a_past_that_is_no_number_stays_in_its_head_and_what_is_to_come_is_not_read() -> None:
    query, (keys, values) = draw_past(2, 2, 8, 16)
    keys, values = keys.at[0, 1, 3].set(jnp.nan), values.at[:, :, 6:].set(jnp.nan)
    found = np.asarray(attend_past(query, keys, values, jnp.int32(5)))
    assert np.isnan(found[0, 1]).all()
    assert np.isfinite(found[0, 0]).all() and np.isfinite(found[1]).all()


def test_a_processor_without_the_instruction_gets_the_same_numbers(tmp_path: Path) -> None:
    program = (
        "import numpy as np, jax.numpy as jnp, sys\n"
        "from dalle_mini.int8 import Int8Kernel\n"
        "draw = np.random.default_rng(0).standard_normal\n"
        "kernel, x = Int8Kernel.quantize(draw((100, 70), np.float32)), jnp.asarray(draw((20, 70), np.float32))\n"
        "np.save(sys.argv[1], kernel.multiply(x))\n"
    )
    plain = f"{shutil.which('c++')} -mno-avx512vnni" if "avx512_vnni" in library._read_processor() else ""
    for name, compiler in (("usual", ""), ("plain", plain)):
        environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path), "CXX": compiler}
        command = [sys.executable, "-c", program, str(tmp_path / f"{name}.npy")]
        subprocess.run(command, env=environment, check=True, cwd=Path(dalle_mini.__file__).parents[1])
    np.testing.assert_array_equal(np.load(tmp_path / "usual.npy"), np.load(tmp_path / "plain.npy"))
    assert len(list((tmp_path / "dalle-mini" / "native").iterdir())) == 1 + bool(plain)


@pytest.mark.parametrize(
    "compiler, message", [("no-such-compiler", "there is no no-such-compiler"), ("false", "can't compile")]
)
def test_a_compiler_that_is_none_is_told(
    compiler: str, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", compiler)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(ConfigError, match=message):
        library.register.__wrapped__()
    assert not list(tmp_path.rglob("*.so"))


def test_a_machine_without_a_compiler_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ConfigError, match=r"no C\+\+ compiler"):
        library.find_compiler()


def test_a_server_that_could_not_draw_with_it_refuses_to_start(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "model")
    command = [sys.executable, "-m", "dalle_mini", "serve", "--model", str(folder), "--dtype", "int8", "--port", "0"]
    environment = {**os.environ, "CXX": "no-such-compiler", "DALLE_MINI_STORE": str(tmp_path / "store")}
    root = Path(dalle_mini.__file__).parents[1]
    server = subprocess.run(command, env=environment, cwd=root, capture_output=True, text=True, timeout=600)
    assert server.returncode == 2
    assert "no no-such-compiler" in server.stderr and "Traceback" not in server.stderr


def test_a_model_draws_with_it(tmp_path: Path) -> None:
    folder = str(make_tiny_model(tmp_path))
    whole, small = dalle_mini.load(folder), dalle_mini.load(folder, dtype="int8")
    encoded = whole.tokenizer.encode(["a red car"])
    text, mask = jnp.asarray(encoded.tokens), jnp.asarray(encoded.mask)
    tokens = jnp.zeros((1, whole.config.image_length), jnp.int32)

    def find_logits(model: dalle_mini.DalleMini) -> np.ndarray:
        states = transformer.encode(model.params, model.config, text, mask)
        return np.asarray(transformer.decode(model.params, model.config, tokens, states, mask))

    exact = find_logits(whole)
    assert 0 < np.std(find_logits(small) - exact) < 0.1 * np.std(exact)
    plans = [small.plan("a red car", small.settings(images=2), seed=seed) for seed in (1, 2)]
    alone = [small.generate("a red car", images=2, seed=seed) for seed in (1, 2)]
    *_, together = zip(*small.draw_together(plans), strict=True)
    for one, step in zip(alone, together, strict=True):
        assert step.result is not None
        np.testing.assert_array_equal(step.result.tokens, one.tokens)
