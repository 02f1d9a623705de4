"""`dalle-mini plan`: how many devices a crowd needs."""

import dataclasses
import json
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dalle_mini.cli.parser import Options, add_command, number
from dalle_mini.cli.reporting import put_out
from dalle_mini.config import suggest
from dalle_mini.config.checks import require
from dalle_mini.errors import ConfigError

if TYPE_CHECKING:
    from dalle_mini.serving.capacity import Plan

CRAZE = (50_000.0, 200_000.0, 1_000_000.0, 5_000_000.0, 10_000_000.0)
"""Drawings a day of a day's fame, from a small site to what DALL·E mini had in June 2022."""

_DAY = 86_400
_DETAILS = """\
Devices are counted for the busiest time of the day. `wait` is the time until a drawing is begun: half of all
wait no longer than p50, nineteen of twenty no longer than p95. Previews are counted in. Strangers are taken to
order independently, one drawing each, and orders to be dealt to servers of one device in turn.

How long a drawing takes on a device of yours, `python benchmarks/generate.py` says."""


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands,
        "plan",
        run,
        help="tell how many devices a crowd needs, how long it waits, and what that costs",
        details=_DETAILS,
    )
    crowd = parser.add_mutually_exclusive_group()
    crowd.add_argument(
        "--per-day",
        metavar="N",
        type=number,
        action="append",
        help="drawings of a day; may be given several times (default: from 50,000 to 10,000,000)",
    )
    crowd.add_argument("--qps", metavar="N", type=number, help="drawings a second at the busiest time")
    device = parser.add_mutually_exclusive_group(required=True)
    device.add_argument(
        "--device", metavar="NAME", help="a model on a device that was measured; an unknown name lists them"
    )
    device.add_argument("--seconds", metavar="S", type=number, help="how long a drawing takes, without previews")
    add = parser.add_argument
    add(
        "--peak",
        metavar="X",
        type=number,
        default=2.0,
        help="the busiest time of a day, times its average (default: %(default)s)",
    )
    add("--wait", metavar="S", type=number, default=5.0, help="seconds that p95 may be (default: %(default)s)")
    add("--price", metavar="P", type=number, help="of a device and an hour, in whatever currency")
    add("--json", action="store_true", help="print a line of JSON for every crowd")


@dataclasses.dataclass(frozen=True)
class Crowd:
    """Drawings of a day, and a second of its busiest time."""

    per_day: float
    qps: float


def run(options: Options) -> int:
    for name in ("qps", "seconds", "peak", "price"):
        value = getattr(options, name)
        require(value is None or 0 < value < math.inf, f"--{name}", value, "must be above 0")
    require(0 <= options.wait < math.inf, "--wait", options.wait, "must be 0 or more")
    crowds = list(_list_crowds(options))
    from dalle_mini.serving.capacity import plan, with_previews

    seconds, source = _find_seconds(options)
    plans = [plan(crowd.qps, with_previews(seconds), wait=options.wait) for crowd in crowds]
    if options.json:
        put_out(*(json.dumps(_to_dict(*row, source, options.price)) for row in zip(crowds, plans, strict=True)))
        return 0
    put_out(f"a drawing takes {seconds:g} s ({source}), with previews {plans[0].seconds:.3g} s", "")
    put_out(*_write_table(crowds, plans, options.price))
    return 0


def _list_crowds(options: Options) -> Iterator[Crowd]:
    if options.qps is not None:
        yield Crowd(options.qps * _DAY / options.peak, options.qps)
        return
    for per_day in options.per_day or CRAZE:
        require(0 < per_day < math.inf, "--per-day", per_day, "must be above 0")
        yield Crowd(per_day, per_day / _DAY * options.peak)


def _find_seconds(options: Options) -> tuple[float, str]:
    """How long a drawing takes, and who says so."""
    from dalle_mini.serving.capacity import DEVICES

    if options.device is None:
        return options.seconds, "--seconds"
    if options.device not in DEVICES:
        raise ConfigError(f"unknown device {options.device!r}", hint=suggest(options.device, list(DEVICES)))
    device = DEVICES[options.device]
    return device.seconds, device.source


def _cost_a_day(plan: "Plan", price: float) -> float:
    return 24 * plan.devices * price


def _to_dict(crowd: Crowd, plan: "Plan", source: str, price: float | None) -> dict[str, Any]:
    row = {"per_day": crowd.per_day, **dataclasses.asdict(plan), "source": source}
    if price is not None:
        row["cost_a_day"] = _cost_a_day(plan, price)
        row["cost_a_thousand"] = 1000 * row["cost_a_day"] / crowd.per_day
    return row


def _write_table(crowds: list[Crowd], plans: list["Plan"], price: float | None) -> Iterator[str]:
    titles = ["a day", "a second", "devices", "busy", "wait p50", "wait p95", "until seen p95"]
    yield _write_row(titles + (["cost a day", "cost of 1,000"] if price is not None else []))
    for crowd, plan in zip(crowds, plans, strict=True):
        cells = [f"{crowd.per_day:,.0f}", f"{crowd.qps:.4g}", f"{plan.devices:,}", f"{100 * plan.busy:.0f} %"]
        cells += [f"{seconds:.1f} s" for seconds in (plan.wait_p50, plan.wait_p95, plan.wait_p95 + plan.seconds)]
        if price is not None:
            cost = _cost_a_day(plan, price)
            cells += [f"{cost:,.2f}", f"{1000 * cost / crowd.per_day:,.4f}"]
        yield _write_row(cells)


def _write_row(cells: list[str]) -> str:
    return "".join(f"{cell:>15}" for cell in cells)
