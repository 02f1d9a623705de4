"""`dalle-mini checkpoint`: look at weights, rewrite them in another format, check them.

A model's VQGAN goes along where it lies in the subfolder `vqgan`.
"""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dalle_mini.cli.parser import Options, add_command, add_group
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.reporting import put_out
from dalle_mini.cli.sizes import format_bytes
from dalle_mini.errors import CheckpointError

if TYPE_CHECKING:
    from dalle_mini.checkpoints.store import Inspection

FOUND_PROBLEMS = 1

_ALONG = "A VQGAN in the subfolder vqgan goes along."


def add_parser(commands: Any) -> None:
    group = add_group(commands, "checkpoint", help="inspect, convert and verify weights")
    _add_inspect(group)
    _add_convert(group)
    verify = add_command(
        group,
        "verify",
        run_verify,
        help="compare a model's files with the digests they were saved with",
        details=_ALONG,
    )
    verify.add_argument("directory", metavar="DIR", help="a model saved in our own format")


def _add_inspect(group: Any) -> None:
    parser = add_command(
        group,
        "inspect",
        run_inspect,
        help="describe the model in a directory",
        details=f"{_ALONG} Exits with 1 where something keeps the model from being loaded.",
    )
    parser.add_argument("directory", metavar="DIR", help="the directory of config.json and weights")
    parser.add_argument("--json", action="store_true", help="print one line of JSON")


def _add_convert(group: Any) -> None:
    parser = add_command(
        group,
        "convert",
        run_convert,
        help="save a model in another format or dtype",
        details=f"Reads every published layout. {_ALONG} So does the tokenizer.",
    )
    parser.add_argument("source", metavar="SRC", help="the directory to read")
    parser.add_argument("target", metavar="DST", help="the directory to write")
    parser.add_argument(
        "--format",
        default="safetensors",
        help="safetensors, which is ours; or msgpack or msgpack-scanned, which the original's code "
        "reads, or a CLIP's safetensors-torch (default: safetensors)",
    )
    parser.add_argument("--dtype", help="float32, bfloat16 or float16 (default: every number as it is)")
    parser.add_argument("--overwrite", action="store_true", help="replace the model that DST holds")


def run_inspect(options: Options) -> int:
    from dalle_mini.checkpoints.store import inspect

    found = [inspect(folder) for folder in _folders(options.directory)]
    if options.json:
        record, *parts = map(dataclasses.asdict, found)
        if parts:
            record["vqgan"] = parts[0]
        put_out(json.dumps(record))
    else:
        put_out("\n\n".join(map(_describe, found)))
    return FOUND_PROBLEMS if any(inspection.problems for inspection in found) else 0


def run_convert(options: Options) -> int:
    from dalle_mini.checkpoints.store import convert

    model, *parts = _folders(options.source)
    # The VQGAN has one msgpack layout only, and goes first: a target with weights is then whole.
    form = options.format.removesuffix("-scanned")
    choices = {"dtype": options.dtype, "overwrite": options.overwrite}
    with Progress("converting") as bar:
        bar.show()
        for part in parts:
            convert(part, Path(options.target) / part.name, format=form, **choices)
        convert(model, options.target, format=options.format, **choices)
    put_out(options.target)
    return 0


def run_verify(options: Options) -> int:
    from dalle_mini.checkpoints.store import verify

    folders = _folders(options.directory)
    with Progress("reading") as bar:
        bar.show()
        problems = [f"{folder}: {problem}" for folder in folders for problem in verify(folder)]
    if problems:
        raise CheckpointError("\n  ".join(problems), hint="copy or download it once more")
    put_out(f"{options.directory}: as it was saved")
    return 0


def _folders(directory: str) -> list[Path]:
    """The directory, and its VQGAN's where it has one."""
    folder = Path(directory)
    return [folder, folder / "vqgan"] if (folder / "vqgan").is_dir() else [folder]


def _describe(found: "Inspection") -> str:
    dtypes = ", ".join(f"{name}: {count:,}" for name, count in found.dtypes.items())
    rows = {
        "model": found.kind,
        "format": found.format + ", layers stacked" * found.stacked,
        "names": found.names,
        "parameters": f"{found.parameters:,} ({dtypes})",
        "size": format_bytes(found.bytes),
        **found.sizes,
        "problems": "\n  ".join(found.problems) or "none",
    }
    width = max(map(len, rows))
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows.items())
