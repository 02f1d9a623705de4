"""Where the reference cases are: `pytest tests/parity --golden DIR` runs every case of a folder."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def golden(pytestconfig: pytest.Config) -> Path:
    """The folder of reference cases, one folder inside it for each."""
    folder = pytestconfig.getoption("golden")
    if not folder.is_dir():
        pytest.fail(f"{folder}: no such folder; --golden names it")
    return folder
