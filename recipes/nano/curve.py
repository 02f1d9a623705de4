"""Draws how a loss fell, for RESULTS.md.

python -m recipes.nano.curve out/nano/transformer out/nano/more-*/transformer --out recipes/nano/curve.svg

Of several trainings, each began with what the one before had learned.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DataError
from dalle_mini.training.metrics import read_metrics
from dalle_mini.training.report import draw_curve
from recipes import refusal

SKIPPED = 500
"""The first steps, whose fall would leave no room for the rest."""

_STYLE = """<style>
svg { background: white; } text { font: 12px sans-serif; }
.axis { stroke: #888; } .curve { fill: none; stroke: #0b84c6; stroke-width: 1.8; }
</style>"""


def write_curve(workdirs: Sequence[Path], metric: str, path: Path) -> None:
    """Write a metric of trainings that followed one another as an SVG file; DataError where there is none yet."""
    points, done = [], 0
    for workdir in workdirs:
        rows = [row for row in read_metrics(workdir) if metric in row]
        points += [(done + row["step"], row[metric]) for row in rows if done + row["step"] > SKIPPED]
        done += rows[-1]["step"] if rows else 0
    if not points:
        named = ", ".join(map(str, workdirs))
        raise DataError(f"{named}: no {metric} after step {SKIPPED}", hint="train for longer, or name another one")
    head, rest = draw_curve(metric, points).removeprefix("<svg").split(">", 1)
    write_whole(path, f'<svg xmlns="http://www.w3.org/2000/svg"{head}>{_STYLE}{rest}\n'.encode())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.nano.curve", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workdirs", type=Path, nargs="+", help="folders of the trainings, the first one first")
    parser.add_argument("--metric", default="loss")
    parser.add_argument("--out", type=Path, required=True, help="the SVG file")
    options = parser.parse_args()
    with refusal.told():
        write_curve(options.workdirs, options.metric, options.out)


if __name__ == "__main__":
    main()
