"""`dalle-mini doctor`: what is wrong with this installation, and what mends it."""

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

from dalle_mini.cli import installation, places
from dalle_mini.cli.finding import Finding, fail
from dalle_mini.cli.parser import Options, add_command
from dalle_mini.cli.reporting import put_out

SOMETHING_FAILED = 1


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands,
        "doctor",
        run,
        help="check this installation, and say how to mend it",
        details="Exits with 1 where something fails; a warning is no failure.",
    )
    parser.add_argument("--online", action="store_true", help="also see whether the Hub answers")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for every check")


def run(options: Options) -> int:
    failed = False
    for finding in _examine(online=options.online):
        failed |= finding.status == "fail"
        put_out(_to_json(finding) if options.json else _to_text(finding))
    return SOMETHING_FAILED if failed else 0


def _examine(*, online: bool) -> Iterator[Finding]:
    checks = [*installation.CHECKS, *places.CHECKS]
    for name, check in checks + ([("Hub", places.check_hub)] if online else []):
        try:
            yield from check()
        # A broken installation may raise anything, and the other checks still have their say.
        except Exception as error:
            yield fail(name, f"{type(error).__name__}: {error}", installation.reinstall())


def _to_json(finding: Finding) -> str:
    return json.dumps(dataclasses.asdict(finding))


def _to_text(finding: Finding) -> str:
    line = f"{finding.status:<4}  {finding.check}: {finding.found}"
    return f"{line}\n{'':6}{finding.fix}" if finding.fix else line
