"""The benchmarks: they run, and what they print is one line of JSON."""

import json
import runpy
import sys
from pathlib import Path

import pytest
from doubles import make_tiny_clip, make_tiny_model

from dalle_mini.checkpoints.releases import resolve

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def test_generate_prints_one_line_of_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(make_tiny_model(tmp_path / "model"))
    monkeypatch.setattr(sys, "argv", ["generate.py", "--model", model, "--repeats", "2", "--images", "1"])
    runpy.run_path(str(BENCHMARKS / "generate.py"), run_name="__main__")
    (line,) = capsys.readouterr().out.splitlines()
    record = json.loads(line)
    assert record["benchmark"] == "generate" and record["repeats"] == 2
    assert record["machine"]["backend"] == "cpu" and record["machine"]["cores"] >= 1
    assert record["seconds"] > record["decode_seconds"] > 0 and record["cpu_seconds"] > 0
    assert 50 < record["peak_megabytes"] < 10_000


def test_ranking_is_held_against_drawing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, ranker = str(make_tiny_model(tmp_path / "model")), str(make_tiny_clip(tmp_path / "clip"))
    words = ["ranking.py", "--model", model, "--ranker", ranker, "--candidates", "12", "--repeats", "1"]
    monkeypatch.setattr(sys, "argv", words)
    runpy.run_path(str(BENCHMARKS / "ranking.py"), run_name="__main__")
    record = json.loads(capsys.readouterr().out)
    assert (record["benchmark"], record["ranker"], record["candidates"]) == ("ranking", "clip", 12)
    assert record["drawing_seconds"] > 0 and record["ranking_seconds"] > 0
    assert record["share"] == pytest.approx(record["ranking_seconds"] / record["drawing_seconds"], rel=0.1)


def test_a_ranker_that_guesses_has_the_sizes_of_the_recipe() -> None:
    benchmark = runpy.run_path(str(BENCHMARKS / "ranking.py"))
    ranker = benchmark["make_ranker"](resolve("nano").tokenizer)
    assert ranker.config.vision_config.image_size == 96 and ranker.config.projection_dim == 128
    assert ranker.tokenizer.vocab_size <= ranker.config.text_config.vocab_size


def test_startup_measures_a_process_of_its_own(tmp_path: Path) -> None:
    startup = runpy.run_path(str(BENCHMARKS / "startup.py"))
    run = startup["measure_run"](str(make_tiny_model(tmp_path / "model")), tmp_path)
    assert (tmp_path / "grid.png").is_file()
    assert list((tmp_path / "dalle-mini" / "compiled").iterdir())
    assert run["seconds"] > 0 and run["cpu_seconds"] > 0
    assert 50 < run["peak_megabytes"] < 10_000


def test_serve_prints_a_line_for_every_number_of_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model = str(make_tiny_model(tmp_path / "model"))
    arguments = ["--model", model, "--images", "1", "--drawings", "2", "--clients", "1,2", "--at-once", "2"]
    monkeypatch.setattr(sys, "argv", ["serve.py", *arguments])
    runpy.run_path(str(BENCHMARKS / "serve.py"), run_name="__main__")
    alone, both = map(json.loads, capsys.readouterr().out.splitlines())
    assert (alone["clients"], both["clients"], both["drawings"]) == (1, 2, 4)
    assert 0 < both["p50_seconds"] <= both["p95_seconds"] and both["cpu_seconds"] > 0
    assert alone["at_once"] == 2 and alone["mean_batch"] == 1 <= both["mean_batch"] <= 2


def test_fuzz_counts_answers_and_faults(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["fuzz.py", "--requests", "50"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(BENCHMARKS / "fuzz.py"), run_name="__main__")
    record = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0 and record["sent"] >= 50 == record["requests"]
    assert sum(record["statuses"].values()) == record["sent"]
    assert not record["server_errors"] + record["tracebacks"] + record["misshapen"] + record["lost_tickets"]
