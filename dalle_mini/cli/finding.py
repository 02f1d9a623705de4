"""What one check of an installation found."""

import dataclasses
from typing import Literal


@dataclasses.dataclass(frozen=True)
class Finding:
    """`fix` is a command or an instruction, where something is to be mended."""

    check: str
    status: Literal["ok", "warn", "fail"]
    found: str
    fix: str = ""


def ok(check: str, found: str) -> Finding:
    return Finding(check, "ok", found)


def warn(check: str, found: str, fix: str) -> Finding:
    return Finding(check, "warn", found, fix)


def fail(check: str, found: str, fix: str) -> Finding:
    return Finding(check, "fail", found, fix)
