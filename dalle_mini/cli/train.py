"""`dalle-mini train`: run a training described by a file, tell what it would take, and show how it went."""

import contextlib
import importlib
import logging
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from dalle_mini.cli.extras import require_training
from dalle_mini.cli.parser import Options, Parser, add_command, add_group, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.reporting import put_out
from dalle_mini.cli.sizes import format_bytes

_TASKS = {
    "features": ("dalle_mini.training.features", "FeaturesTask"),
    "vqgan": ("dalle_mini.training.vqgan", "VQGANTask"),
    "transformer": ("dalle_mini.training.transformer", "TransformerTask"),
    "clip": ("dalle_mini.training.clip", "CLIPTask"),
    "judge": ("dalle_mini.training.judge", "JudgeTask"),
}
_DETAILS = """\
Goes on from what DIR holds. Ctrl-C saves and stops; the same command goes on from there.
At the end the model is in DIR/model."""


def add_parser(commands: Any) -> None:
    group = add_group(commands, "train", help="train a model from a run file")
    for name in _TASKS:
        parser = add_command(group, name, run, help=f"train a {name}", details=_DETAILS, log_level=logging.INFO)
        parser.set_defaults(task=name)
        _add_run_file(parser)
        parser.add_argument(
            "--workdir",
            metavar="DIR",
            required=True,
            help="where the run is kept: saves, metrics, samples",
        )
        _add_machines(parser)
    _add_plan(group)
    _add_report(group)


def _add_run_file(parser: Parser) -> None:
    parser.add_argument("run_file", metavar="RUN.toml", help="what to train, on what, and how")
    parser.add_argument(
        "--set",
        metavar="TABLE.NAME=VALUE",
        dest="overrides",
        action="append",
        default=[],
        help="another value than the run file's; may be given several times",
    )


def _add_machines(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--distributed",
        action="store_true",
        help="one process of many; found out on Slurm, TPU pods, Kubernetes and Open MPI",
    )
    add("--coordinator", metavar="HOST:PORT", help="elsewhere: the machine of process 0, and a free port there")
    add("--processes", metavar="N", type=whole_number, help="elsewhere: how many there are")
    add("--process", metavar="K", type=whole_number, help="elsewhere: which of them this one is, from 0")


def _add_plan(group: Any) -> None:
    parser = add_command(
        group,
        "plan",
        run_plan,
        help="tell the memory that a transformer's run file takes per device",
        details="Compiles the step for simulated devices. Nothing is allocated, and no data is read.",
    )
    _add_run_file(parser)
    parser.add_argument(
        "--devices", metavar="N", type=whole_number, default=1, help="devices to plan for (default: %(default)s)"
    )


def _add_report(group: Any) -> None:
    parser = add_command(
        group,
        "report",
        run_report,
        help="write one HTML page of a run's curves and samples",
        details="The page is DIR/report.html; it opens without a network.",
    )
    parser.add_argument("workdir", metavar="DIR", help="the work directory of a run, finished or not")


def run(options: Options) -> int:
    require_training()
    from dalle_mini.training.runfile import read_run_file

    tables = read_run_file(Path(options.run_file), options.overrides)
    module, name = _TASKS[options.task]
    make_task = getattr(importlib.import_module(module), name)
    loop = importlib.import_module("dalle_mini.training.loop")
    _join_machines(options)
    task = make_task(tables)
    with _live_line() as show:
        loop.run(task, Path(options.workdir), show=show)
    return 0


def _join_machines(options: Options) -> None:
    """Join the others where that is asked for; of many processes, only the first speaks."""
    others = (options.coordinator, options.processes, options.process)
    if not options.distributed and others == (None, None, None):
        return
    import jax

    from dalle_mini.training.launch import join_machines

    join_machines(*others)
    if jax.process_index():
        logging.getLogger("dalle_mini").setLevel(logging.WARNING)


@contextlib.contextmanager
def _live_line() -> Generator[Any]:
    """Yields what shows how far a run is on a line of the terminal; None where there is none."""
    if not sys.stderr.isatty():
        yield None
        return
    handlers = logging.getLogger("dalle_mini").handlers
    with Progress() as bar:

        def show(standing: Any) -> None:
            minutes, seconds = divmod(round(standing.seconds_left), 60)
            bar.label = (
                f"step {standing.step}/{standing.steps}  loss {standing.metrics['loss']:.4g}  "
                f"{standing.rate:.2f} steps/s  {minutes // 60}:{minutes % 60:02}:{seconds:02} left"
            )
            bar.show(standing.step / standing.steps)

        def clear(record: logging.LogRecord) -> bool:
            bar.clear()
            return True

        for handler in handlers:
            handler.addFilter(clear)
        try:
            yield show
        finally:
            for handler in handlers:
                handler.removeFilter(clear)


def run_plan(options: Options) -> int:
    require_training()
    from dalle_mini.training.runfile import read_run_file

    tables = read_run_file(Path(options.run_file), options.overrides)
    from dalle_mini.training.launch import simulate_devices
    from dalle_mini.training.plan import plan_transformer

    simulate_devices(options.devices)
    with Progress("compiling the step") as bar:
        bar.show()
        plan = plan_transformer(tables)
    mesh = ", ".join(f"{axis}={size}" for axis, size in plan.mesh.items())
    put_out(
        f"{options.devices} devices: {mesh}",
        f"batch of {plan.batch_size}, {plan.parameters:,} parameters",
        f"state      {format_bytes(plan.state)} per device",
        f"batch      {format_bytes(plan.batch)} per device",
        f"temporary  {format_bytes(plan.temporary)} per device",
        f"peak       {format_bytes(plan.peak)} per device ({plan.peak} bytes)",
    )
    return 0


def run_report(options: Options) -> int:
    require_training()
    from dalle_mini.training.report import write_report

    put_out(write_report(Path(options.workdir)))
    return 0
