"""`--help`, errors and the first line of output must not wait for heavy libraries."""

import subprocess
import sys

import pytest

HEAVY = {"flax", "gradio", "jax", "numpy", "pandas", "scipy", "transformers"}
SHOW_HELP = """
import sys
from dalle_mini.cli import main
sys.argv = ["dalle-mini", "--help"]
try:
    code = main()
except SystemExit as exit:
    code = exit.code
assert not code, code
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(f"import {module}", id=module)
        for module in ("dalle_mini", "dalle_mini.config", "dalle_mini.errors", "dalle_mini.cli")
    ]
    + [pytest.param(SHOW_HELP, id="dalle-mini --help")],
)
def test_light_modules_import_nothing_heavy(program: str) -> None:
    program += "\nimport sys; print('LOADED', *sys.modules)"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    loaded = run.stdout.rpartition("LOADED")[2].split()
    assert not HEAVY.intersection(loaded)
