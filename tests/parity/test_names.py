"""The published VQGAN's parameters: every name, shape and layout, of the flax file and of the torch one."""

import json
from typing import Any

import cases
import numpy as np
import pytest
from cases import Case

from dalle_mini.checkpoints import layout
from dalle_mini.config import VQGANConfig


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


def key_map(case: Case) -> dict[str, Any]:
    return json.loads((case.directory / "key_map.json").read_text())


def test_ours_are_the_published_ones(key_map_case: Case) -> None:
    recorded = key_map(key_map_case)
    shapes = {row["flax_key"]: tuple(row["flax_shape"]) for row in recorded["rows"]}
    assert layout.vqgan_shapes(VQGANConfig.from_dict(recorded["config"])) == shapes


def test_torch_tensors_find_their_places(key_map_case: Case) -> None:
    rows = key_map(key_map_case)["rows"]
    tensors = {row["torch_key"]: count_up(row["torch_shape"]) for row in rows}
    tensors["loss.discriminator.main.0.weight"] = count_up([2, 3, 4, 4])
    ours = layout.flatten(layout.from_torch_vqgan(tensors))
    assert ours.keys() == {row["flax_key"] for row in rows}
    for row in rows:
        tensor = tensors[row["torch_key"]]
        expected = tensor.transpose(2, 3, 1, 0) if row["layout"].startswith("transpose") else tensor
        np.testing.assert_array_equal(ours[row["flax_key"]], expected)


def count_up(shape: list[int]) -> np.ndarray:
    """An array in which no two neighbors along an axis, and no two of its transposes, are alike."""
    return (np.arange(np.prod(shape)) % 251).astype(np.uint8).reshape(shape)
