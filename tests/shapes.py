"""The type checker of the tests: beartype, for functions whose annotations name shapes.

The others are left alone, because values of a wrong type are theirs to refuse: a configuration
answers a bad value with an error and a hint of its own.
"""

from collections.abc import Callable
from typing import Any

from beartype import beartype


def check(function: Callable[..., Any]) -> Callable[..., Any]:
    annotations = map(repr, function.__annotations__.values())
    return beartype(function) if any("jaxtyping." in text for text in annotations) else function
