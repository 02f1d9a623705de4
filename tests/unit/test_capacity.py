"""How long a crowd waits, by the formula and by the engine itself, whose time is made."""

import itertools
import json
import math
import random
import statistics
import time
from typing import Any

import pytest
from clocks import Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from quick_models import CHUNKS, QuickModel, make_painter

from dalle_mini.cli import main
from dalle_mini.config import GenerationConfig
from dalle_mini.errors import ConfigError
from dalle_mini.serving.capacity import BUSIEST, DEVICES, find_waits, plan
from dalle_mini.serving.engine import Engine, EngineLimits
from dalle_mini.serving.order import Order
from recipes.figures import RUNS

SECONDS = 4.0


def make_arrivals(rate: float, devices: int, orders: int, seed: int) -> list[float]:
    """When one of `devices` gets its orders, where a crowd's are dealt to them in turn."""
    gaps = random.Random(seed)
    crowd = itertools.accumulate(gaps.expovariate(rate) for _ in range(orders * devices))
    return list(itertools.islice(crowd, 0, None, devices))


def wait_in_line(arrivals: list[float]) -> list[float]:
    """Waits where one drawing begins when the one before it has ended."""
    waits, free = [], 0.0
    for came in arrivals:
        waits.append(max(free - came, 0.0))
        free = max(free, came) + SECONDS
    return waits


def find_shares(waits: list[float]) -> tuple[float, float]:
    found = statistics.quantiles(waits, n=20, method="inclusive")
    return found[9], found[18]


class Server:
    """The real engine, whose model takes made-up time.

    Who comes while a drawing is under way is submitted by that drawing, chunk by chunk; where nobody waits, time jumps
    to whoever comes next.
    """

    def __init__(self, arrivals: list[float], clients: int) -> None:
        self.clock, self.waits = Clock(0.0), []
        self._arrivals, self._clients, self._came = arrivals, clients, 0
        self._model = QuickModel(on_chunk=self._on_chunk)
        limits = EngineLimits(waiting=10**6, per_client=10**6, patience=math.inf, step_seconds=1e9)
        self._engine = Engine(make_painter(self._model), limits=limits, clock=self.clock)

    def run(self) -> list[float]:
        """How long every order waited, in the order of drawing."""
        self._engine.start()
        while self._engine.trouble:
            time.sleep(0.01)
        while self._came < len(self._arrivals):
            self.clock.now = max(self.clock.now, self._arrivals[self._came])
            self._submit_who_came()
            while self._engine.count_open():
                time.sleep(0.001)
        self._engine.close()
        return self.waits

    def _submit_who_came(self) -> None:
        while self._came < len(self._arrivals) and self._arrivals[self._came] <= self.clock.now:
            number, self._came = self._came, self._came + 1
            client = str(number % self._clients)
            self._engine.submit(Order("quick", str(number), GenerationConfig(images=1), 1), client=client)

    def _on_chunk(self, chunk: int) -> None:
        prompt = self._model.drawn[-1]
        if prompt == "a picture":  # drawn to get ready
            return
        if chunk == 1:
            self.waits.append(self.clock.now - self._arrivals[int(prompt)])
        self.clock.now += SECONDS / CHUNKS
        self._submit_who_came()


def test_the_engine_draws_one_after_the_other() -> None:
    arrivals = make_arrivals(0.9 / SECONDS, 1, orders=250, seed=3)
    waits = Server(arrivals, clients=len(arrivals)).run()
    assert waits == pytest.approx(wait_in_line(arrivals)) and max(waits) > 3 * SECONDS
    # Where a few order all of it, turns change who waits, and not how long all of them do.
    assert statistics.mean(Server(arrivals, clients=3).run()) == pytest.approx(statistics.mean(waits))


@pytest.mark.parametrize(("devices", "busy"), [(1, 0.6), (1, 0.85), (5, 0.9), (20, 0.95)])
def test_a_crowd_waits_as_long_as_the_formula_says(devices: int, busy: float) -> None:
    rate = busy * devices / SECONDS
    half, most = find_shares(wait_in_line(make_arrivals(rate, devices, orders=1_000_000 // devices, seed=3)))
    expected = find_waits(rate, SECONDS, devices)
    assert half == pytest.approx(expected.wait_p50, rel=0.1, abs=0.05)
    assert most == pytest.approx(expected.wait_p95, rel=0.1)


def test_one_device_is_the_queue_of_the_textbooks() -> None:
    # M/D/1: at 50 % half are begun at once; the chance of that is 1 - busy.
    assert find_waits(0.5, 1.0, 1).wait_p50 == pytest.approx(0, abs=1e-3)
    assert find_waits(0.49, 1.0, 1).wait_p50 == 0 < find_waits(0.51, 1.0, 1).wait_p50


@settings(deadline=None, max_examples=25)
@given(st.floats(0.01, 20), st.floats(0.1, 30), st.floats(0, 20))
def test_a_plan_is_the_smallest_that_keeps_its_word(rate: float, seconds: float, wait: float) -> None:
    found = plan(rate, seconds, wait=wait)
    assert found.wait_p50 <= found.wait_p95 <= wait and found.busy <= BUSIEST
    fewer = found.devices - 1
    assert not fewer or rate * seconds / fewer > BUSIEST or find_waits(rate, seconds, fewer).wait_p95 > wait


def test_a_crowd_that_is_too_large_is_told_so() -> None:
    with pytest.raises(ConfigError, match="2 devices draw 2 a second, and 2.5 are ordered") as refused:
        find_waits(2.5, 1.0, 2)
    assert "at least 3" in refused.value.hint
    with pytest.raises(ConfigError, match="more than 100,000 devices"):
        plan(1e6, 10.0, wait=1)


def capacity(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    status = main(["plan", *words])
    out, err = capsys.readouterr()
    return status, out, err


def test_the_command_plans_a_craze(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = capacity(capsys, "--device", "mega-a10g", "--price", "1.5", "--json")
    rows: list[dict[str, Any]] = [json.loads(line) for line in out.splitlines()]
    assert status == 0 and [row["per_day"] for row in rows] == [5e4, 2e5, 1e6, 5e6, 1e7]
    assert all(row["wait_p95"] <= 5 and row["source"] == DEVICES["mega-a10g"].source for row in rows)
    assert rows[-1]["devices"] > 100 * rows[0]["devices"] and rows[-1]["cost_a_thousand"] < rows[0]["cost_a_thousand"]
    first = rows[0]
    assert first["cost_a_day"] == pytest.approx(36 * first["devices"])
    status, out, _ = capacity(capsys, "--qps", "2", "--seconds", "1", "--wait", "1")
    assert status == 0 and "86,400" in out and "--seconds" in out and "cost" not in out


def test_the_documents_tell_what_the_command_does(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = capacity(capsys, "--device", "mega-a10g", "--price", "1", "--json")
    assert [json.loads(line) for line in out.splitlines()] == json.loads((RUNS / "plan.json").read_text("utf-8"))


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--device", "mega-a10"], "did you mean 'mega-a10g'"),
        (["--seconds", "0"], "--seconds=0.0 must be above 0"),
        (["--seconds", "nan"], "must be above 0"),
        (["--seconds", "1", "--per-day", "-5"], "--per-day=-5.0 must be above 0"),
        (["--seconds", "1", "--wait", "-1"], "--wait=-1.0"),
        (["--per-day", "5"], "required"),
        (["--seconds", "1", "--qps", "1", "--per-day", "5"], "not allowed"),
    ],
)
def test_what_makes_no_sense_is_refused(capsys: pytest.CaptureFixture[str], words: list[str], told: str) -> None:
    status, out, err = capacity(capsys, *words)
    assert status == 2 and not out and told in err


@pytest.mark.parametrize(("device", "run"), [("nano-2-cores", "nano-generate"), ("mini-2-cores", "min-dalle-mini")])
def test_devices_of_ours_are_as_fast_as_the_runs_say(device: str, run: str) -> None:
    kept = json.loads((RUNS / f"{run}.json").read_text("utf-8"))
    seconds = kept["seconds"] if run == "nano-generate" else kept[0]["ours"]["grid"]["seconds"]
    assert DEVICES[device].seconds == pytest.approx(seconds, rel=0.02)
