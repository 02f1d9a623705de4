"""The line of progress: a share, a rate and the time that is left, on a terminal alone."""

import io
import sys

import pytest

from dalle_mini.cli import progress
from dalle_mini.cli.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def watch(monkeypatch: pytest.MonkeyPatch, columns: int, times: list[float]) -> Terminal:
    """A terminal in front of a clock that shows `times`."""
    terminal, clock = Terminal(), iter(times)
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    return terminal


def test_rate_and_time_left_follow_what_was_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watch(monkeypatch, 100, [10.0, 10.01, 12.0, 20.0])
    with Progress("building") as bar:
        bar.count(0.5, 5000)  # a build that goes on
        bar.count(0.5, 5001)  # too soon to be shown
        bar.count(0.502, 5020)
        bar.count(0.51, 5100)
    shown = terminal.getvalue().split("\r\x1b[K")
    assert shown[1:] == [
        "building [############------------]  50%",
        "building [############------------]  50% 10/s, 8:18 left",
        "building [############------------]  51% 10/s, 8:10 left",
        "",
    ]


def test_hours_are_told_and_narrow_terminals_lose_the_label(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = watch(monkeypatch, 60, [0.0, 10.0])
    bar = Progress("a long label")
    bar.count(0.0, 0)
    bar.count(0.001, 12_000)
    last = terminal.getvalue().split("\r\x1b[K")[-1]
    assert last.endswith("0% 1,200/s, 2:46:30 left") and len(last) < 60


def test_nothing_is_shown_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("building") as bar:
        bar.show(0.5)
        bar.count(0.5, 10)
    assert capsys.readouterr().err == ""


def test_what_takes_minutes_leaves_lines_in_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress(logged=True) as bar:
        for bar.label in ("reading", "learning"):
            for done in range(101):
                bar.show(done / 100)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"{label} {share}%" for label in ("reading", "learning") for share in range(0, 101, 10)]
