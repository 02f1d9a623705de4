"""Loading takes the memory of the weights once: neither a second copy of them nor the pages of their file stay."""

import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.loading import measure, read_memory
from benchmarks.random_weights import make_transformer
from dalle_mini.checkpoints.mapped import map_file, release, view
from dalle_mini.checkpoints.store import load_transformer, save_transformer
from dalle_mini.config import TransformerConfig

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc")

MEGABYTE = 2**20
CONFIG = TransformerConfig(d_model=512, encoder_layers=2, decoder_layers=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_transformer(folder, CONFIG, make_transformer(CONFIG))
    return folder


def test_pages_of_a_file_are_let_go_and_read_again(tmp_path: Path) -> None:
    numbers = np.arange(16 * MEGABYTE, dtype=np.float32)
    path = tmp_path / "numbers"
    path.write_bytes(b"header.." + numbers.tobytes())
    leaf = view(map_file(path)[8:], "float32", (4096, 4096)).T
    before = read_memory()["VmRSS"]
    total = leaf.sum(dtype=np.float64)
    assert read_memory()["VmRSS"] - before > 50 * MEGABYTE
    release(leaf)
    assert read_memory()["VmRSS"] - before < 10 * MEGABYTE
    assert leaf.sum(dtype=np.float64) == total == numbers.sum(dtype=np.float64)


def test_what_is_no_view_of_a_file_is_left_alone() -> None:
    array = np.arange(8)
    release(array[2:])
    release(np.frombuffer(memoryview(b"12345678"), np.uint8))
    assert array.sum() == 28


def test_a_loaded_model_leaves_nothing_of_its_file_in_the_process(folder: Path) -> None:
    file = (folder / "model.safetensors").stat().st_size
    before = read_memory()
    _, params = load_transformer(folder)
    after = read_memory()
    assert after["RssFile"] - before["RssFile"] < 0.2 * file and params


def test_the_benchmark_tells_how_often_weights_are_in_memory(folder: Path) -> None:
    found = measure(folder, "bfloat16")
    assert found["weights_gib"] == pytest.approx(0.2, abs=0.02)
    assert 0 < found["copies"] <= found["file_copies"] < 5
