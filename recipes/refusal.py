"""What the commands of the recipes say when they refuse something."""

import contextlib
import sys
from collections.abc import Generator

from dalle_mini.errors import DalleMiniError


@contextlib.contextmanager
def told() -> Generator[None]:
    """Leave with status 2 and the error's sentence on stderr, its hint below where it has one."""
    try:
        yield
    except DalleMiniError as error:
        print(f"error: {error}", *([f"hint: {error.hint}"] if error.hint else []), sep="\n", file=sys.stderr)
        raise SystemExit(2) from error
