"""The comparison with min-dalle: our turn runs through the product, and its floors are those of the published sizes."""

import dataclasses
import shutil

import costs
import pytest

from benchmarks import compare_min_dalle, memory
from benchmarks.floors import LANES, Rates, Work, count_pixels, count_prompt, count_token, find_floors, measure_rates
from benchmarks.random_weights import SIZES, VQGAN
from dalle_mini.config import TransformerConfig
from recipes import renderers

CONFIG = dataclasses.replace(costs.CONFIG, encoder_vocab_size=512)
WITH_INT8 = pytest.param(
    False, "int8", marks=pytest.mark.skipif(not shutil.which("c++"), reason="its product is compiled here")
)
FLOORS = {"token": 0.05, "pixels": 7.0, "grid": 20.0}


def make_turn(cpu: float, *, grid: bool) -> dict:
    def times(seconds: float) -> dict[str, float]:
        return {"seconds": seconds / 2, "cpu_seconds": seconds}

    turn = {"first_picture": times(42 * cpu), "pixels": times(10 * cpu), "peak_gib": 2 * cpu}
    return {**turn, "grid": times(266 * cpu)} if grid else turn


@pytest.mark.parametrize(("whole", "dtype"), [(True, "float32"), (False, "float32"), WITH_INT8])
def test_our_turn_draws_and_is_timed(whole: bool, dtype: str) -> None:
    turn = compare_min_dalle.take_turn(CONFIG, costs.VQGAN, whole=whole, dtype=dtype)
    assert ("grid" in turn) == whole
    turn = compare_min_dalle.complete(turn, CONFIG)
    assert all(turn[name]["seconds"] > 0 for name in ("first_picture", "pixels", "grid"))
    assert turn["grid"]["cpu_seconds"] > turn["token"]["cpu_seconds"]
    assert 0.05 < turn["peak_gib"] < 10


@pytest.mark.parametrize("grid", [True, False])
def test_ratios_are_those_of_medians(grid: bool) -> None:
    ours = [make_turn(cpu, grid=grid) for cpu in (1.0, 1.1, 9.0)]
    theirs = [make_turn(cpu, grid=grid) for cpu in (6.6, 1.0, 7.0)]
    found = compare_min_dalle.summarize(ours, theirs, FLOORS, TransformerConfig())
    assert found["ours"]["token"] == pytest.approx({"seconds": 0.55, "cpu_seconds": 1.1})
    assert found["decode_step_ratio"] == found["grid_ratio"] == found["pixels_ratio"] == pytest.approx(6)
    assert found["floor_ratio"] == pytest.approx(1.1 * 133 / 20, abs=0.01)
    assert found["peak_gib"] == 2.2 and found["grid_is_computed"] == (not grid)
    lines = [{"size": "mini", "dtype": dtype, **found} for dtype in compare_min_dalle.DTYPES]
    table = renderers.write_comparison(lines)
    assert "6.0 ×" in table and "0.05 s" in table and ("computed" in table) == (not grid)
    assert table.index("| mini, float32 |") < table.index("| mini, int8 |")


def test_without_a_peer_there_are_no_ratios() -> None:
    found = compare_min_dalle.summarize([make_turn(1, grid=True)], [], FLOORS, TransformerConfig())
    assert "grid_ratio" not in found and found["floor_ratio"] > 0


def count_weights(width: int, inner: int, layers: int, vocabulary: int) -> int:
    """Of a decoder, those that a token needs: four products for itself, two for the prompt, three to feed forward."""
    return layers * (6 * width**2 + 3 * width * inner) + width * vocabulary


@pytest.mark.parametrize(
    ("size", "weights", "operations"),
    [("mini", count_weights(1024, 2730, 12, 16385), 7.1e9), ("mega", count_weights(2048, 4096, 24, 16416), 45.4e9)],
)
def test_floors_are_those_of_the_published_sizes(size: str, weights: int, operations: float) -> None:
    config = SIZES[size]
    token = count_token(config)
    past = 2 * config.decoder_layers * config.d_model * 2 * LANES * 128.5
    assert weights + past < token.numbers < 1.05 * (weights + past)
    assert token.operations == pytest.approx(operations, rel=0.05)
    assert count_prompt(config).numbers > 5 * config.encoder_layers * config.d_model**2
    assert count_pixels(VQGAN).operations == pytest.approx(2.27e12 * 0.89, rel=0.03)


def test_a_floor_is_that_of_what_takes_longer() -> None:
    rates = Rates(bytes=8.0, operations=10.0)
    assert Work(numbers=20, operations=50).seconds(rates, itemsize=4) == 10
    assert Work(numbers=20, operations=50).seconds(rates, itemsize=2) == 5
    found = find_floors(CONFIG, costs.VQGAN, rates)
    assert found["grid"] > CONFIG.image_length * found["token"] + found["pixels"]
    rates = measure_rates(side=128, megabytes=8, repeats=1)
    assert 1e8 < rates.bytes < 1e13 and 1e8 < rates.operations < 1e15


def test_mega_fits_a_card_of_8_gb() -> None:
    rows = {(row["size"], row["dtype"]): row for row in memory.count()}
    assert rows["mega", "bfloat16"]["total"] * 2**30 < 7 * 2**30 < 8e9
    for row in rows.values():
        parts = row["encoder"] + row["decoder"] + row["vqgan"] + row["batch"]
        assert row["total"] == pytest.approx(parts, abs=0.03)
