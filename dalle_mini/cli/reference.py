"""The text of `docs/cli.md`, written from the parsers:

python -m dalle_mini.cli.reference > docs/cli.md
"""

import argparse
from collections.abc import Iterator

from dalle_mini.cli.commands import build_parser
from dalle_mini.cli.parser import Parser

_HEAD = """\
# Command line

<!-- Written by `python -m dalle_mini.cli.reference > docs/cli.md`. -->

`dalle-mini COMMAND --help` says the same; `python -m dalle_mini` is another way to start it.
Results go to the standard output; progress, notes and errors to the standard error output. Every
command takes `-v` (`--verbose`), which says more and shows where errors come from.

| exit status | meaning |
|---|---|
| 0 | done |
| 1 | `doctor` or `checkpoint inspect` found something; or a mistake in the program itself |
| 2 | refused, with `error:` and `hint:` on the standard error output; no unfinished file is left |
| 130, 143 | stopped by Ctrl-C, by SIGTERM |
| 141 | nobody reads the output any more |
"""


def write_reference() -> str:
    """The whole document."""
    return "\n".join([_HEAD, *(_describe(parser) for parser in _leaves(build_parser()))])


def _leaves(parser: Parser) -> Iterator[Parser]:
    """The commands that do something, in the order of help."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for group in groups:
        for command in group.choices.values():
            yield from _leaves(command)
    if not groups:
        yield parser


def _describe(parser: Parser) -> str:
    actions = [action for action in parser._actions if action.dest not in ("help", "verbose")]
    arguments = [_call(action) for action in actions if _is_needed(action)]
    usage = " ".join([parser.prog, *arguments])
    optional = any(not _is_needed(action) for action in actions)
    helps = [((action.help or "") % vars(action)).replace("|", r"\|") for action in actions]
    rows = [f"| `{_spell(action)}` | {text} |" for action, text in zip(actions, helps, strict=True)]
    table = ["| | |", "|---|---|", *rows, ""] if rows else []
    lines = [
        f"## {parser.prog}",
        "",
        f"    {usage}{' [OPTION …]' * optional}",
        "",
        parser.description or "",
        "",
        *table,
    ]
    return "\n".join(lines)


def _is_needed(action: argparse.Action) -> bool:
    return action.required or not action.option_strings


def _call(action: argparse.Action) -> str:
    return f"[{action.metavar} …]" if action.nargs == "*" else _spell(action)


def _spell(action: argparse.Action) -> str:
    """The option with the name of its value, as one types it."""
    name = ", ".join(action.option_strings)
    takes_value = action.nargs != 0
    value = str(action.metavar or action.dest.upper()) if takes_value else ""
    return " ".join(filter(None, (name, value)))


if __name__ == "__main__":
    print(write_reference(), end="")
