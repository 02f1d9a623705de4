"""One HTML page of a run: its curves, its sample sheets and its run file, with everything inside it."""

import html
import json
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import DataError
from dalle_mini.reports.page import Markup, compose_page, details, escape, figure, heading, panels, paragraph
from dalle_mini.training.metrics import read_metrics
from dalle_mini.training.workdir import RUN_FILE

_WIDTH, _HEIGHT, _LEFT, _BOTTOM = 560, 220, 64, 22
_MOST_POINTS, _MOST_SHEETS = 400, 24


def write_report(workdir: Path) -> Path:
    """Write `report.html` into the folder of a run; DataError if it holds none."""
    records = read_metrics(workdir)
    if not records:
        raise DataError(f"{workdir} has no metrics yet", hint="wait for the run's first loop.log_every steps")
    path = workdir / "report.html"
    write_whole(path, _page(workdir, records).encode())
    return path


def _page(workdir: Path, records: list[dict[str, float]]) -> str:
    names = [name for name in records[-1] if name != "step"]
    curves = [_curve(name, [(one["step"], one[name]) for one in records if name in one]) for name in names]
    last = ", ".join(f"{name} {records[-1][name]:.4g}" for name in names)
    head = paragraph(f"Step {records[-1]['step']:,}: {last}")
    title = f"Training of {workdir.absolute().name}"
    return compose_page(title, head, panels(curves), _sheets(workdir), _run_file(workdir))


def _curve(name: str, points: list[tuple[float, float]]) -> Markup:
    """A metric over the steps, as SVG; many points are averaged into fewer."""
    points = _thin(points)
    steps, values = zip(*points, strict=True)
    left, right, low, high = min(steps), max(steps), min(values), max(values)

    def place(step: float, value: float) -> str:
        x = _LEFT + (step - left) / ((right - left) or 1) * (_WIDTH - _LEFT - 8)
        y = 10 + (high - value) / ((high - low) or 1) * (_HEIGHT - _BOTTOM - 20)
        return f"{x:.1f},{y:.1f}"

    line = " ".join(place(*point) for point in points)
    words = html.escape(name.replace("_", " "))
    label = html.escape(f"{name} from {values[0]:.4g} at step {left:,.0f} to {values[-1]:.4g} at step {right:,.0f}")
    floor = _HEIGHT - _BOTTOM
    return Markup(f"""<figure><figcaption>{words}</figcaption>
<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{label}">
<path class="axis" d="M{_LEFT} 4V{floor}H{_WIDTH}" fill="none"/>
<text x="{_LEFT - 6}" y="15" text-anchor="end">{high:.4g}</text>
<text x="{_LEFT - 6}" y="{floor - 4}" text-anchor="end">{low:.4g}</text>
<text x="{_LEFT}" y="{_HEIGHT - 4}">{left:,.0f}</text>
<text x="{_WIDTH - 4}" y="{_HEIGHT - 4}" text-anchor="end">step {right:,.0f}</text>
<polyline class="curve" points="{line}"/></svg></figure>
""")


def _thin(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    size = -(-len(points) // _MOST_POINTS)
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [(group[-1][0], sum(value for _, value in group) / len(group)) for group in groups]


def _sheets(workdir: Path) -> Markup:
    """The sample sheets, the newest first; of many, some that lie evenly apart."""
    paths = sorted(workdir.glob("samples-*.png"), reverse=True)
    chosen = paths[:: -(-len(paths) // _MOST_SHEETS) or 1]
    return Markup("".join([heading("Samples"), *map(_sheet, chosen)]) if chosen else "")


def _sheet(path: Path) -> Markup:
    name = path.stem.removeprefix("samples-").lstrip("0") or "0"
    caption = "At the end" if name == "final" else f"Step {name}"
    try:
        with Image.open(path) as sheet:
            return figure(sheet, caption, caption)
    except OSError as error:
        raise DataError(f"can't read {path}: {error}", hint="delete it, and make the report again") from error


def _run_file(workdir: Path) -> Markup:
    try:
        tables = json.loads((workdir / RUN_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"can't read {workdir / RUN_FILE}: {error}", hint="give the work directory of a run") from error
    lines = [
        line
        for table, values in tables.items()
        for line in (f"[{table}]", *(f"{name} = {json.dumps(value)}" for name, value in values.items()), "")
    ]
    return details("Run file", Markup(f"<pre>{escape(chr(10).join(lines))}</pre>"))
