"""The command line: a thin client of what lies below it.

A file for every group of commands; `commands.py` lists them. Nothing here imports JAX before a
command runs, so help, mistyped options and unknown names are answered at once.
"""

import io
import sys
from collections.abc import Sequence

from dalle_mini.cli.commands import build_parser
from dalle_mini.cli.parser import parse
from dalle_mini.cli.reporting import log_to_stderr, report, unwind_on_sigterm


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is 0, or as in `docs/cli.md`."""
    argv = sys.argv[1:] if argv is None else list(argv)
    # So that a file's name leaves as it came in, whatever its bytes are.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="surrogateescape")
    parser = build_parser()
    command, verbose = parser.prog, False
    try:
        options = parse(parser, argv)
        command, verbose = options.parser.prog, options.verbose
        with unwind_on_sigterm(), log_to_stderr(options.log_level, verbose=verbose):
            return options.run(options)
    except BaseException as error:  # the one place where errors become words
        return report(error, command=command, verbose=verbose)
