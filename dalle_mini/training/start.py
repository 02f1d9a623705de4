"""The weights that a run begins with, where its run file names a folder of them in place of random ones."""

import dataclasses
import reprlib
from collections.abc import Callable
from typing import Any

from dalle_mini.arrays import Params
from dalle_mini.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class LearningConfig:
    """`start_from` is the folder of a model of the same kind and sizes, whose weights the run begins with, not random
    ones."""

    start_from: str = ""


def load_start(folder: str, config: Any, load: Callable[[str], tuple[Any, Params]]) -> Params | None:
    """The parameters that `load` reads from `folder`, None for ""; ConfigError if they are of other sizes."""
    if not folder:
        return None
    found, params = load(folder)
    if found != config:
        values, wanted = found.to_dict(), config.to_dict()
        different = ", ".join(
            f"{name} {reprlib.repr(values[name])}, the run file has {reprlib.repr(wanted[name])}"
            for name in values
            if values[name] != wanted[name]
        )
        raise ConfigError(
            f"learning.start_from={folder!r} is of other sizes: {different}",
            hint="give [model] the sizes in its config.json",
        )
    return params
