"""The weights that a run begins with, where its run file names a folder of them in place of random ones."""

from collections.abc import Callable
from typing import Any

from dalle_mini.arrays import Params
from dalle_mini.errors import ConfigError


def load_start(folder: str, config: Any, load: Callable[[str], tuple[Any, Params]]) -> Params | None:
    """The parameters that `load` reads from `folder`, None for ""; ConfigError if they are of other sizes."""
    if not folder:
        return None
    found, params = load(folder)
    if found != config:
        values, wanted = found.to_dict(), config.to_dict()
        apart = (f"{name} {values[name]!r}, the run file has {wanted[name]!r}" for name in values)
        different = ", ".join(text for name, text in zip(values, apart, strict=True) if values[name] != wanted[name])
        raise ConfigError(
            f"learning.start_from={folder!r} is of other sizes: {different}",
            hint="give [model] the sizes in its config.json",
        )
    return params
