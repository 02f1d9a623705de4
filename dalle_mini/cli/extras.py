"""Packages that only some commands need, missed in words rather than by a traceback."""

import importlib.util

from dalle_mini.errors import ConfigError

TRAINING = ("array_record", "grain", "msgpack", "optax", "orbax", "tensorboardX")


def require_training() -> None:
    """ConfigError if the packages of the extra `train` are not installed."""
    missing = [name for name in TRAINING if importlib.util.find_spec(name) is None]
    if missing:
        hint = "./run --setup installs them; elsewhere: pip install 'dalle-mini[train]'"
        raise ConfigError(f"this command needs {', '.join(missing)}, not installed here", hint=hint)
