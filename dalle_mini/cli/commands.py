"""All commands, in the order in which help shows them."""

import logging

import dalle_mini
from dalle_mini.cli import (
    audit,
    checkpoint,
    data,
    doctor,
    evaluate,
    finetune,
    generate,
    models,
    plan,
    serve,
    shares,
    space,
    train,
)
from dalle_mini.cli.parser import Parser, add_verbose, show_help


def build_parser() -> Parser:
    """The parser of the whole command line."""
    parser = Parser(
        prog="dalle-mini",
        description="Pictures from words.",
        epilog='for example: dalle-mini generate "a red car at the beach" --out grid.png',
    )
    version = f"dalle-mini {dalle_mini.__version__}"
    parser.add_argument("--version", action="version", version=version, help="show the version")
    add_verbose(parser, default=False)
    parser.set_defaults(run=show_help, parser=parser, log_level=logging.WARNING)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    drawing, making = (generate, serve, shares, space, plan, models, doctor), (checkpoint, finetune, train, data)
    for module in (*drawing, *making, evaluate, audit):
        module.add_parser(commands)
    return parser
