"""The version of this program, which recipes and reports name; `pyproject.toml` has the same."""

__version__ = "0.1.0"
