"""The `config.json` of a model's folder, read without an array library."""

import json
from pathlib import Path
from typing import Any

from dalle_mini.errors import CheckpointError

CONFIG = "config.json"


def read_config(directory: str | Path) -> dict[str, Any]:
    """The contents of the folder's `config.json`."""
    path = check_folder(directory) / CONFIG
    return read_json(path, "it says the model's sizes; copy it from where the weights came from")


def check_folder(directory: str | Path) -> Path:
    """`directory` as a Path; CheckpointError where it is none."""
    folder = Path(directory)
    if not folder.is_dir():
        what = "is not a directory" if folder.exists() else "does not exist"
        hint = "give the directory that holds config.json and the weights"
        raise CheckpointError(f"{folder} {what}", hint=hint)
    return folder


def read_json(path: Path, hint: str) -> dict[str, Any]:
    """The JSON object in `path`; CheckpointError with `hint` where there is none."""
    try:
        values = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise CheckpointError(f"{path} is missing", hint=hint) from error
    except OSError as error:
        raise CheckpointError(f"can't read {path}: {error.strerror}", hint=hint) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON: {error}", hint=hint) from error
    if not isinstance(values, dict):
        raise CheckpointError(f"{path} holds {type(values).__name__}, not an object", hint=hint)
    return values
