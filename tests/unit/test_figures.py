"""The documents tell what the runs measured."""

import io
import json
from pathlib import Path

import pytest

from recipes import figures


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(figures, "RUNS", tmp_path / "runs")
    monkeypatch.setattr(figures, "DOCUMENTS", ())
    return tmp_path / "runs"


@pytest.mark.parametrize("name", figures.DOCUMENTS)
def test_documents_and_runs_agree(name: str) -> None:
    document = (figures.ROOT / name).read_text("utf-8")
    assert figures.filled(document) == document, "run `python -m recipes.figures fill`"


def test_every_kept_run_is_told_somewhere() -> None:
    told = "".join((figures.ROOT / name).read_text("utf-8") for name in figures.DOCUMENTS)
    assert all(f"<!-- figures: {run.stem} -->" in told for run in figures.RUNS.iterdir())


def test_a_run_is_kept_and_filled_in(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = {"benchmark": "prompt safety", "recall": 0.5, "machine": "any"}
    monkeypatch.setattr("sys.stdin", io.StringIO(f"some progress\n{json.dumps(printed)}\n"))
    assert figures.main(["keep", "safety-prompts"]) == 0
    document = "Before.\n<!-- figures: safety-prompts -->\nold\n<!-- end of figures -->\nBehind.\n"
    filled = figures.filled(document)
    assert '"recall": 0.5' in filled and "old" not in filled and "any" not in filled
    assert filled.startswith("Before.\n") and filled.endswith("Behind.\n") and figures.filled(filled) == filled


def test_a_run_of_several_lines_is_kept_whole(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = {"at_once": 1, "clients": 2, "drawings_a_minute": 40, "p50_seconds": 1.5, "p95_seconds": 2, "cpu_seconds": 1}
    lines = [line | {"mean_batch": 1}, line | {"at_once": 8, "drawings_a_minute": 60, "mean_batch": 1.9}]
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{json.dumps(each)}\n" for each in lines)))
    assert figures.main(["keep", "serve"]) == 0
    row = figures.render("serve").splitlines()[2]
    assert row.startswith("| 2 | 40 | 1.5 s |") and row.endswith("| 1.50 × | 1.9 |")


def test_a_table_is_kept_as_it_is(runs: Path, tmp_path: Path) -> None:
    table = tmp_path / "table.md"
    table.write_text("| a |\n| --- |\n| 1 |\n")
    assert figures.main(["keep", "a-table", "--file", str(table)]) == 0
    assert figures.render("a-table") == table.read_text()


@pytest.mark.parametrize(
    ("name", "printed", "told"),
    [
        ("safety-prompts", "Traceback\n", "line of JSON"),
        ("safety-prompts", "", "line of JSON"),
        ("unheard-of", '{"a": 1}', "no table in Markdown"),
    ],
)
def test_what_is_no_run_is_not_kept(
    runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, printed: str, told: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(printed))
    assert figures.main(["keep", name]) == 2
    assert told in capsys.readouterr().err and not runs.exists()


def test_a_document_that_asks_for_an_unknown_run_is_told_of(runs: Path) -> None:
    with pytest.raises(figures.ConfigError, match="no run mars"):
        figures.filled("<!-- figures: mars -->\n<!-- end of figures -->\n")
