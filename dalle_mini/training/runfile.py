"""Run files: TOML tables that become frozen dataclasses, with the nearest name offered for a mistyped one."""

import dataclasses
import math
import tomllib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dalle_mini.config import check_names, suggest
from dalle_mini.errors import ConfigError

Section = TypeVar("Section")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def read_run_file(path: Path, overrides: Sequence[str] = ()) -> dict[str, dict[str, Any]]:
    """The tables of a run file, after `table.name=value` overrides (values as TOML writes them)."""
    try:
        tables = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read run file {str(path)!r}: {error.strerror}", hint="check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"run file {str(path)!r} is not TOML: {error}") from error
    for name, table in tables.items():
        if not isinstance(table, dict):
            raise ConfigError(f"run file {str(path)!r}: {name!r} stands outside a table", hint="put it below a [table]")
    for override in overrides:
        _apply(tables, override)
    return tables


def _apply(tables: dict[str, dict[str, Any]], override: str) -> None:
    target, equals, text = override.partition("=")
    table, dot, name = target.partition(".")
    if not equals or not dot:
        raise ConfigError(f"--set {override!r} is not table.name=value", hint="for example: --set optimizer.steps=2000")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    tables.setdefault(table, {})[name] = value


def build_sections(tables: Mapping[str, dict[str, Any]], **classes: type) -> dict[str, Any]:
    """A dataclass for every table of a run file, by its name; a table that is not among `classes` is refused."""
    check_tables(tables, list(classes))
    return {name: build_section(cls, tables, name) for name, cls in classes.items()}


def build_section(cls: type[Section], tables: Mapping[str, dict[str, Any]], name: str) -> Section:
    """The dataclass of one table; missing and unknown names and values of another type are a ConfigError."""
    values = check_names(cls, tables.get(name, {}), f"name in [{name}]")
    hints = typing.get_type_hints(cls)
    values = {field: _read_value(hints[field], value, f"{name}.{field}") for field, value in values.items()}
    required = [
        field.name
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.name not in values
    ]
    if required:
        raise ConfigError(f"[{name}] lacks {', '.join(required)}", hint="see the run files in recipes/")
    # A model's config knows defaults of its own that hang on other fields.
    build: Callable[..., Section] | None = getattr(cls, "from_dict", None)
    return build(values) if build else cls(**values)


def _read_value(kind: Any, value: Any, name: str) -> Any:
    """`value` as a field of type `kind` holds it: lists as tuples, and whole numbers as floats where those are due."""
    if isinstance(kind, types.UnionType):
        kind = next(option for option in typing.get_args(kind) if option is not type(None))
    if typing.get_origin(kind) is tuple and isinstance(value, list):
        item, _ = typing.get_args(kind)
        return tuple(_read_value(item, element, name) for element in value)
    if kind is float and type(value) is int:
        return float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        wanted = _WORDS.get(kind, "a list")
        raise ConfigError(f"{name}={value!r} is not {wanted}", hint="see the run files in recipes/")
    return value


def check_tables(tables: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse a table that the run does not know."""
    for name in tables:
        if name not in known:
            raise ConfigError(f"unknown table [{name}] in the run file", hint=suggest(name, list(known)))


def require_positive(section: Any, table: str, *names: str) -> None:
    """Refuse fields of a section that are not above 0."""
    for name in names:
        value = getattr(section, name)
        if not value > 0:
            raise ConfigError(f"{table}.{name}={value!r} must be above 0", hint="mend the run file")


def require_not_negative(section: Any, table: str, *names: str) -> None:
    """Refuse fields of a section that are below 0."""
    for name in names:
        value = getattr(section, name)
        if value < 0:
            raise ConfigError(f"{table}.{name}={value!r} must not be negative", hint="mend the run file")


def require_choice(section: Any, table: str, name: str, choices: Sequence[str]) -> None:
    """Refuse a field that is none of `choices`."""
    value = getattr(section, name)
    if value not in choices:
        raise ConfigError(f"{table}.{name}={value!r} is not known", hint=suggest(value, list(choices)))
