"""Run files: TOML tables that become frozen dataclasses, with the nearest name offered for a mistyped one."""

import dataclasses
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from dalle_mini.config import check_names, suggest
from dalle_mini.errors import ConfigError

Section = TypeVar("Section")


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


def build_section(cls: type[Section], tables: Mapping[str, dict[str, Any]], name: str) -> Section:
    """The dataclass of one table; missing and unknown names are a ConfigError."""
    values = check_names(cls, tables.get(name, {}), f"name in [{name}]")
    values = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    required = [
        field.name
        for field in dataclasses.fields(cls)  # type: ignore[arg-type]
        if field.default is dataclasses.MISSING and field.name not in values
    ]
    if required:
        raise ConfigError(f"[{name}] lacks {', '.join(required)}", hint="see the run files in recipes/")
    return cls(**values)


def check_tables(tables: Mapping[str, Any], known: Sequence[str]) -> None:
    """Refuse a table that the run does not know."""
    for name in tables:
        if name not in known:
            raise ConfigError(f"unknown table [{name}] in the run file", hint=suggest(name, list(known)))
