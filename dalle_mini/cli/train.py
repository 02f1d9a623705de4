"""`dalle-mini train`: run a training described by a file."""

import importlib
import logging
from pathlib import Path
from typing import Any

from dalle_mini.cli.parser import Options, add_command, add_group
from dalle_mini.errors import ConfigError

_TASKS = {
    "vqgan": ("dalle_mini.training.vqgan", "VQGANTask"),
    "transformer": ("dalle_mini.training.transformer", "TransformerTask"),
    "clip": ("dalle_mini.training.clip", "CLIPTask"),
}
_DETAILS = """\
Goes on from what DIR holds. Ctrl-C saves and stops; the same command goes on from there.
At the end the model is in DIR/model."""


def add_parser(commands: Any) -> None:
    group = add_group(commands, "train", help="train a model from a run file")
    for name in _TASKS:
        parser = add_command(group, name, run, help=f"train a {name}", details=_DETAILS, log_level=logging.INFO)
        parser.set_defaults(task=name)
        parser.add_argument("run_file", metavar="RUN.toml", help="what to train, on what, and how")
        parser.add_argument(
            "--workdir",
            metavar="DIR",
            required=True,
            help="where the run is kept: state, log, samples",
        )
        parser.add_argument(
            "--set",
            metavar="TABLE.NAME=VALUE",
            dest="overrides",
            action="append",
            default=[],
            help="another value than the run file's; may be given several times",
        )


def run(options: Options) -> int:
    from dalle_mini.training.runfile import read_run_file

    tables = read_run_file(Path(options.run_file), options.overrides)
    module, name = _TASKS[options.task]
    try:
        task = getattr(importlib.import_module(module), name)
    except ModuleNotFoundError as error:
        if error.name != "optax":
            raise
        hint = "./test --setup installs it; elsewhere: pip install 'dalle-mini[train]'"
        raise ConfigError("training needs optax, which is not installed", hint=hint) from error
    from dalle_mini.training import loop

    loop.run(task(tables), Path(options.workdir))
    return 0
