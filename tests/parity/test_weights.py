"""Files of the original: written back byte for byte, and named by the recorded rules."""

import json
from pathlib import Path

import cases
import numpy as np
import pytest
from cases import Case

from dalle_mini.checkpoints import layout
from dalle_mini.checkpoints.store import convert, inspect, load_transformer
from dalle_mini.config import VQGANConfig


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


def published_format(model: Path) -> str:
    return "msgpack-scanned" if inspect(model).stacked else "msgpack"


def assert_written_back(model: Path, target: Path) -> None:
    """Our own format in between, as somebody would convert there and back."""
    convert(model, target / "ours")
    convert(target / "ours", target / "theirs", format=published_format(model))
    names = [path.name for path in model.glob("*.msgpack")]
    if names != ["flax_model.msgpack"]:
        pytest.skip("in shards, whose borders are a matter of taste")
    assert (target / "theirs" / names[0]).read_bytes() == (model / names[0]).read_bytes()


def test_transformer_is_written_back_byte_for_byte(transformer_case: Case, tmp_path: Path) -> None:
    assert_written_back(transformer_case.model, tmp_path)


def test_vqgan_is_written_back_byte_for_byte(vqgan_case: Case, tmp_path: Path) -> None:
    assert_written_back(vqgan_case.model, tmp_path)


def test_shards_hold_the_same_as_one_file(transformer_case: Case, tmp_path: Path) -> None:
    form = published_format(transformer_case.model)
    convert(transformer_case.model, tmp_path / "shards", format=form, max_shard_bytes=50_000)
    convert(transformer_case.model, tmp_path / "whole", format=form)
    recorded, whole, shards = (
        layout.flatten(load_transformer(folder)[1])
        for folder in (transformer_case.model, tmp_path / "whole", tmp_path / "shards")
    )
    assert recorded.keys() == whole.keys() == shards.keys()
    for path, leaf in recorded.items():
        np.testing.assert_array_equal(leaf, whole[path], strict=True)
        np.testing.assert_array_equal(leaf, shards[path], strict=True)


def test_torch_names_follow_the_recorded_map(key_map_case: Case) -> None:
    recorded = json.loads((key_map_case.directory / "key_map.json").read_text())
    rows = recorded["rows"]
    numbered = {  # a view of one number, so that 300 MB of weights take no room
        row["torch_key"]: np.broadcast_to(np.float32(number), row["torch_shape"]) for number, row in enumerate(rows)
    }
    numbered["loss.discriminator.main.0.weight"] = np.zeros((4, 3, 2, 2), np.float32)
    found = layout.flatten(layout.from_torch_vqgan(numbered))
    assert {path: list(leaf.shape) for path, leaf in found.items()} == {
        row["flax_key"]: row["flax_shape"] for row in rows
    }
    assert {path: leaf.flat[0] for path, leaf in found.items()} == {
        row["flax_key"]: number for number, row in enumerate(rows)
    }
    expected = layout.vqgan_shapes(VQGANConfig.from_dict(recorded["config"]))
    assert {path: leaf.shape for path, leaf in found.items()} == expected


@pytest.mark.parametrize("shape", [(2, 3, 5, 4), (7, 3, 1, 1)])
def test_torch_kernels_are_turned_as_the_map_says(key_map_case: Case, shape: tuple[int, ...]) -> None:
    recorded = json.loads((key_map_case.directory / "key_map.json").read_text())
    layouts = {row["layout"] for row in recorded["rows"] if len(row["torch_shape"]) == 4}
    assert layouts == {"transpose(2,3,1,0)"}
    weight = np.random.default_rng(0).standard_normal(shape)
    (found,) = layout.flatten(layout.from_torch_vqgan({"decoder.conv_in.weight": weight})).values()
    np.testing.assert_array_equal(found, weight.transpose(2, 3, 1, 0))
