"""`dalle-mini evaluate` at its smallest: a model that draws noise and a judge that guesses."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from doubles import IMAGE_SIZE, make_tiny_clip, make_tiny_judge, make_tiny_model
from sets import write_pictures

from dalle_mini.cli import main
from dalle_mini.judging import Judge

FILES = ["report.json", "report.md", "sheet.png"]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("evaluate")
    make_tiny_model(place / "tiny")
    make_tiny_judge(place / "tiny" / "judge", scores={"thing": {"accuracy": 0.98, "pictures": 9, "trusted": True}})
    make_tiny_clip(place / "clip")
    pixels = np.random.default_rng(0).integers(256, size=(20, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    labels = [{"thing": ("cat", "dog")[index % 2], "count": "1"} for index in range(20)]
    write_pictures(place / "pictures", pixels, [f"a {each['thing']}" for each in labels], labels=labels)
    write_pictures(place / "bare", pixels, ["x"] * 20)
    return place


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with a model that brings a judge, pictures with labels and without, and prompts."""
    monkeypatch.chdir(tmp_path)
    for part in made.iterdir():
        (tmp_path / part.name).symlink_to(part)
    lines = ["two red cats\tthing=cat\tcount=2\tattribute=red", "a dog riding a horse\tthing=dog\tsecond=horse"]
    (tmp_path / "prompts.txt").write_text("\n".join(lines))
    return tmp_path


def read_report(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_a_model_is_judged_on_prompts(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = "evaluate --model ./tiny --prompts prompts.txt --out out --images 2 --clip clip --seed 3".split()
    assert main(command) == 0
    shown = capsys.readouterr().out
    assert sorted(path.name for path in (here / "out").iterdir()) == FILES
    assert shown == (here / "out" / "report.md").read_text() and "| thing_top1 |" in shown
    report = read_report(here / "out")
    assert (report["model"], report["images"], report["seed"]) == ("tiny", 2, 3)
    assert {name: entry["prompts"] for name, entry in report["fields"].items() if entry["prompts"]} == {
        "thing_top1": 2,
        "relation_both": 1,
        "attribute": 1,
        "count": 1,
    }
    assert report["best_by_clip"]["2"].keys() == report["fields"].keys()
    assert report["trusted"]["thing_top1"] and not report["trusted"]["count"]
    drawing = {"guidance_scale": 3.0, "temperature": 0.9, "top_k": 32, "top_p": 1.0}
    assert report["settings"] == drawing | {"images": 2, "candidates": None, "variety": 0.0, "not_this": ""}
    assert report["digests"].keys() == {"model", "vqgan", "judge", "clip", "prompts"}
    # The same command gives the same report, in the same folder.
    assert main(command) == 0 and read_report(here / "out") == report


def test_what_is_judged_is_what_generate_draws(here: Path) -> None:
    import dalle_mini

    assert main("evaluate --model ./tiny --prompts prompts.txt --out out --seed 3 --limit 1".split()) == 0
    (entry,) = read_report(here / "out")["prompts"]
    drawn = dalle_mini.load("./tiny").generate("two red cats", seed=3, images=1).images
    assert entry["first"]["named"] == Judge.load(here / "tiny" / "judge").name(drawn)[0] and "best" not in entry


@pytest.mark.parametrize(
    ("options", "name", "prompts"),
    [
        ("--baseline random --prompts prompts.txt", "random tokens", 2),
        ("--baseline nearest --prompts prompts.txt --pictures pictures", "nearest scene", 2),
        ("--baseline reconstruction --pictures pictures --limit 5", "reconstruction", 5),
    ],
)
def test_baselines_have_reports_of_the_same_form(here: Path, options: str, name: str, prompts: int) -> None:
    assert main(["evaluate", "--model", "./tiny", "--out", "out", *options.split()]) == 0
    report = read_report(here / "out")
    assert report["model"] == name and len(report["prompts"]) == prompts
    assert report["fields"]["thing_top1"]["prompts"] == prompts and report["best_by_clip"] == {}
    assert sorted(path.name for path in (here / "out").iterdir()) == FILES


def test_a_judge_is_measured_on_labelled_pictures(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main("evaluate --judge tiny/judge --pictures pictures --out out".split()) == 0
    shown, report = capsys.readouterr().out, read_report(here / "out")
    assert {name: entry["pictures"] for name, entry in report["judge"].items()} == {"thing": 20, "count": 20}
    assert shown == (here / "out" / "report.md").read_text()
    right = sum(
        named["count"] == "1"
        for named in Judge.load(here / "tiny" / "judge").name(
            np.random.default_rng(0).integers(256, size=(20, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
        )
    )
    assert report["judge"]["count"]["accuracy"] == right / 20
    assert main("evaluate --judge tiny/judge --pictures pictures --limit 3".split()) == 0
    assert "| thing |" in capsys.readouterr().out and len(list(here.glob("*/report.json"))) == 1


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ("", "nothing to draw", "--prompts FILE"),
        ("--prompts prompts.txt", "--out is missing", "folder"),
        ("--prompts none.txt --out out", "can't read none.txt", "check the path"),
        ("--prompts wrong.txt --out out", "the judge knows no thing 'kat'", "did you mean 'cat'?"),
        ("--prompts prompts.txt --out out --judge none", "none holds no judge", "dalle-mini train judge"),
        ("--prompts prompts.txt --out out --judge tiny", "holds a transformer, not a judge", "judge"),
        ("--prompts prompts.txt --out out --images 0", "images=0", ""),
        ("--prompts prompts.txt --out out --seed -1", "seed=-1", ""),
        ("--prompts prompts.txt --out out --limit 0", "--limit 0", ""),
        ("--prompts prompts.txt --out out --clip clip", "--clip chooses", "--images"),
        ("--prompts prompts.txt --out tiny", "tiny holds something else", "nothing was changed"),
        ("--prompts prompts.txt --out out --baseline nearest", "needs --pictures", ""),
        ("--prompts prompts.txt --out out --baseline nearst", "unknown baseline 'nearst'", "'nearest'"),
        ("--prompts prompts.txt --out out --baseline random --images 2", "one picture a prompt", ""),
        ("--prompts prompts.txt --out out --baseline reconstruction --pictures pictures", "own labels", ""),
        ("--pictures bare", "bare is not labelled", "labelled"),
    ],
)
def test_bad_input_is_refused(
    here: Path, options: str, message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "wrong.txt").write_text("a cat\tthing=kat")
    assert main(["evaluate", "--model", "./tiny", *options.split()]) == 2
    error, advice = capsys.readouterr().err.splitlines()[-2:]
    assert message in error and hint in advice and not (here / "out").exists()


def test_a_model_without_a_judge_says_how_one_is_made(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(here / "tiny", here / "alone", ignore=shutil.ignore_patterns("judge"))
    assert main("evaluate --model ./alone --prompts prompts.txt --out out".split()) == 2
    told = capsys.readouterr().err
    assert "./alone brings no judge" in told and "dalle-mini train judge recipes/nano/judge.toml" in told
