"""An argument parser whose mistakes are errors with a hint, and the kinds of value it reads."""

import argparse
import logging
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from dalle_mini.cli.reporting import put_out
from dalle_mini.config import DTYPES, FLOATS, INT8, suggest
from dalle_mini.errors import ConfigError

Options = argparse.Namespace

USUAL_MODEL = "nano"


class Parser(argparse.ArgumentParser):
    """Raises ConfigError where argparse would print its usage and leave."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message, hint=f"see {self.prog} --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        put_out(message.rstrip("\n"))

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            raise ConfigError(f"unknown {action.dest} {value!r}", hint=suggest(value, list(action.choices)))


def parse(parser: Parser, argv: Sequence[str]) -> Options:
    """The options of one command line; ConfigError offers the nearest option for an unknown one."""
    options, unknown = parser.parse_known_args(argv)
    if unknown:
        raise _refusal(unknown[0].partition("=")[0], options.parser)
    return options


def _refusal(word: str, parser: Parser) -> ConfigError:
    if not word.startswith("-"):
        return ConfigError(f"unexpected argument {word!r}", hint=f"see {parser.prog} --help")
    known = [text for action in parser._actions for text in action.option_strings]
    hint = "put it behind the command" if word in known else suggest(word, known)
    return ConfigError(f"unknown option {word!r}", hint=hint)


def add_group(commands: Any, name: str, *, help: str) -> Any:
    """A command that only holds further commands; the object to add those to."""
    parser = add_command(commands, name, show_help, help=help)
    return parser.add_subparsers(dest=f"{name} command", metavar="COMMAND", title="commands")


def add_command(
    commands: Any,
    name: str,
    run: Callable[[Options], int],
    *,
    help: str,
    details: str = "",
    log_level: int = logging.WARNING,
) -> Parser:
    """A command's parser; `help` is one line, `details` what else there is to say."""
    description = f"{help[0].upper()}{help[1:]}." + (f"\n\n{details}" if details else "")
    parser = commands.add_parser(name, help=help, description=description)
    add_verbose(parser, default=argparse.SUPPRESS)
    parser.set_defaults(run=run, parser=parser, log_level=log_level)
    return parser


def add_verbose(parser: Parser, default: Any) -> None:
    """The option that every command has, before its name and after."""
    parser.add_argument(
        "-v",
        "--verbose",
        action="store_true",
        default=default,
        help="say more about what is done, and show where errors come from",
    )


def add_model(parser: Any, *, default: str | None = USUAL_MODEL) -> None:
    """The option that names a model; a `default` of None tells who left it out."""
    text = f"a name that `dalle-mini models` lists, a Hub id, or a directory (default: {USUAL_MODEL})"
    parser.add_argument("--model", default=default, metavar="NAME", help=text)


def add_dtype(parser: Any) -> None:
    """The option that says what numbers are computed in."""
    parser.add_argument(
        "--dtype",
        choices=DTYPES,
        metavar="DTYPE",
        help=f"what numbers are computed in: {', '.join(FLOATS)}, or {INT8}, which gives weights eight bits on a CPU "
        "and needs a C++ compiler (default: float32 on a CPU, else bfloat16)",
    )


def show_help(options: Options) -> int:
    options.parser.print_help()
    return 0


def whole_number(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shorten(text)} is not a whole number") from None


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{shorten(text)} is not a number") from None


def shorten(text: str) -> str:
    """The text in quotes, or as much of it as fits into a message."""
    text = text.strip()
    return repr(text if len(text) <= 60 else text[:59] + "…")
