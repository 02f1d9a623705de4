"""`dalle-mini finetune`: a folder of captioned pictures to a model of one's own."""

import time
from pathlib import Path
from typing import Any

from dalle_mini.cli.extras import require_training
from dalle_mini.cli.parser import Options, add_command, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.reporting import put_out

_DETAILS = """\
DIR holds pictures with their captions in .txt files beside them; where there are none,
the words in the names of files and folders are taken. Tables and tar files do as well,
as for `data build`. Stopped, the same command goes on. The model can then be drawn with
by its name, and stands in the page's list."""


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands,
        "finetune",
        run,
        help="teach a model your own pictures",
        details=_DETAILS,
    )
    add = parser.add_argument
    add("--pictures", metavar="DIR", required=True, help="the pictures to learn; two hundred are plenty")
    add("--name", metavar="NAME", required=True, help="what the new model is called, such as my-cats")
    add("--from", dest="base", metavar="NAME", default="nano", help="the model to start from (default: nano)")
    add("--steps", type=whole_number, metavar="N", default=300, help="updates to make (default: %(default)s)")
    add("--seed", type=whole_number, metavar="N", default=0, help="of the order of learning (default: %(default)s)")


def run(options: Options) -> int:
    require_training()
    from dalle_mini.training.finetune import SHEET, Finetuning, finetune

    order = Finetuning(Path(options.pictures), options.name, options.base, options.steps, options.seed)
    began = time.monotonic()
    with Progress(logged=True) as bar:

        def show(label: str, share: float) -> None:
            bar.label = label
            bar.show(share)

        kept = finetune(order, show)
    minutes = (time.monotonic() - began) / 60
    captions = f", {kept.named} of them captioned by their names" if kept.named else ""
    put_out(
        f"{order.name}: learned {kept.pictures} pictures{captions} in {minutes:.1f} minutes",
        *(f"left out: {count} {reason}" for reason, count in kept.left_out.items()),
        f"before and after: {kept.folder / SHEET}",
        f'draw with it: dalle-mini generate "…" --model {order.name}, or ./run --model {order.name}',
    )
    return 0
