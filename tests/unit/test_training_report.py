"""The report is one page that needs nothing else; a plan tells memory without taking any."""

import re
from pathlib import Path

import pytest
from pages import Page
from trainings import RUN, LineTask, finish, start_python

from dalle_mini.cli import main
from dalle_mini.errors import DataError
from dalle_mini.training import loop
from dalle_mini.training.report import write_report


def test_a_report_holds_its_curves_and_pictures_and_reaches_for_nothing(tmp_path: Path, capsys) -> None:
    loop.run(LineTask(optimizer={"steps": 9}, loop={"sample_every": 4}), tmp_path)
    assert main(["train", "report", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'report.html'}\n"
    text = (tmp_path / "report.html").read_text()
    page = Page(text)
    assert [len((one["points"] or "").split()) for one in page.named("polyline")] == [9, 9]  # loss, steps a second
    assert all(one["role"] == "img" and one["aria-label"] for one in page.named("svg"))
    assert [one["alt"] for one in page.named("img")] == ["At the end", "Step 8", "Step 4"]
    assert all((one["src"] or "").startswith("data:image/webp;base64,") for one in page.named("img"))
    assert not page.reaches_out()
    assert "learning_rate = 0.1" in text


def test_long_runs_and_odd_names_are_drawn_too(tmp_path: Path) -> None:
    loop.run(LineTask(optimizer={"steps": 2}), tmp_path)
    lines = "".join(f'{{"step": {step}, "<b>&": 1.0}}\n' for step in range(5000))
    (tmp_path / "metrics.jsonl").write_text(lines)
    page = Page(write_report(tmp_path).read_text())
    (curve,) = page.named("polyline")
    assert 300 <= len((curve["points"] or "").split()) <= 400 and not page.named("b")


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't read .*metrics.jsonl"):
        write_report(tmp_path)
    (tmp_path / "metrics.jsonl").touch()
    with pytest.raises(DataError, match="no metrics yet"):
        write_report(tmp_path)


def plan(run_file: Path, *options: str) -> dict[str, int]:
    """What `train plan` says of the peak, and the number of parameters."""
    command = ["-m", "dalle_mini", "train", "plan", run_file, "--set", "optimizer.batch_size=64", *options]
    with start_python(*command) as process:
        out, _ = finish(process)
    peak, parameters = re.search(r"\((\d+) bytes\)", out), re.search(r"([\d,]+) parameters", out)
    assert peak and parameters
    return {"peak": int(peak[1]), "parameters": int(parameters[1].replace(",", ""))}


def test_a_plan_divides_what_a_mesh_divides(tmp_path: Path) -> None:
    run_file = tmp_path / "run.toml"
    run_file.write_text(RUN)  # its data does not exist
    alone, divided = plan(run_file), plan(run_file, "--devices", "8", "--set", "mesh.fsdp=8")
    assert alone["parameters"] == divided["parameters"]
    assert alone["peak"] / 16 < divided["peak"] < alone["peak"] / 2
