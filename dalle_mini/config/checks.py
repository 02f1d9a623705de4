"""What every description is checked for: names, types and sizes, before anything of that size is laid out."""

import dataclasses
import difflib
import math
import typing
from collections.abc import Mapping
from typing import Any, cast

from dalle_mini.errors import ConfigError

_REPEATS = {"encoder_layers", "decoder_layers", "num_res_blocks", "num_blocks", "num_layers", "num_hidden_layers"}
_MOST_REPEATS, MOST_LEVELS, MOST = 100, 16, 2**24


def check_names(cls: Any, values: Mapping[str, Any], what: str) -> dict[str, Any]:
    """`values` as a dict if every name is a field of `cls`; else a ConfigError with the nearest name."""
    names = [field.name for field in dataclasses.fields(cls)]
    for name in values:
        if name not in names:
            raise ConfigError(f"unknown {what} {name!r}", hint=suggest(name, names))
    return dict(values)


def suggest(name: str, known: list[str]) -> str:
    """A hint that offers the nearest of `known`, or all of them where none is near."""
    near = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"


def known_fields(cls: Any, values: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a file's `values` that are fields of `cls`; the others matter to other programs."""
    names = {field.name for field in dataclasses.fields(cls)}
    return {name: value for name, value in values.items() if name in names}


def require(holds: bool, name: str, value: Any, rule: str) -> None:
    if not holds:
        raise ConfigError(f"{name}={value!r} {rule}")


def check_sizes(config: Any) -> None:
    """Refuse sizes that no model has, before anything of that size is laid out."""
    for field in dataclasses.fields(config):
        if field.type is int and not field.name.endswith("_token_id"):
            most = _MOST_REPEATS if field.name in _REPEATS else MOST
            size = getattr(config, field.name)
            require(1 <= size <= most, field.name, size, f"must be from 1 to {most}")


def check_types(config: Any, what: str) -> None:
    """Refuse a value of another type than its field; floats must be finite, and `| None` allows None too."""
    for field in dataclasses.fields(config):
        value, kind = getattr(config, field.name), cast(Any, field.type)
        if type(None) in typing.get_args(kind):
            if value is None:
                continue
            kind = typing.get_args(kind)[0]
        if kind in _WORDS:
            good = isinstance(value, kind) and isinstance(value, bool) == (kind is bool)
            good = good and (kind is not float or math.isfinite(value))
        elif table_kinds(kind):
            good = isinstance(value, kind)
        else:
            good = isinstance(value, tuple) and all(isinstance(item, int) and item >= 1 for item in value)
        if not good:
            raise ConfigError(f"{what} {field.name}={value!r} is not {_describe(kind)}")


def table_kinds(kind: Any) -> list[Any]:
    """What a table may become: the dataclass that a field's type is, or those that it is a choice among."""
    return [option for option in (kind, *typing.get_args(kind)) if dataclasses.is_dataclass(option)]


def _describe(kind: Any) -> str:
    return (
        f"a {kind.__name__}"
        if dataclasses.is_dataclass(kind)
        else _WORDS.get(kind, "a list of whole numbers from 1 up")
    )


_WORDS: dict[Any, str] = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
