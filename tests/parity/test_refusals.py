"""A checkpoint that needs what is not built is refused, with every switch that does named."""

import cases
import pytest
from cases import Case

from dalle_mini.checkpoints.store import load_transformer, load_vqgan
from dalle_mini.errors import ConfigError


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


def test_refused_by_name(refused_case: Case) -> None:
    load = load_transformer if "d_model" in refused_case.config else load_vqgan
    with pytest.raises(ConfigError) as refusal:
        load(refused_case.model, dtype="float32")
    for switch in refused_case.refused_switches:
        assert switch in str(refusal.value)
    assert refusal.value.hint


def test_every_case_is_of_a_known_kind(any_case: Case) -> None:
    assert any_case.kind != "unknown", any_case.directory
