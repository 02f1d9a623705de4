"""`dalle-mini audit` at its smallest: a model that draws noise and a CLIP that guesses, and what can be wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from doubles import IMAGE_SIZE, make_tiny_clip, make_tiny_model
from pages import Page
from PIL import Image
from safetensors.numpy import load_file, save_file
from sets import write_pictures, write_tokens

from dalle_mini.audit.bias_report import report_folder
from dalle_mini.cli import main

pytestmark = pytest.mark.usefixtures("quick_compiles")

FILES = ["report.html", "report.json", "sheet.png", "summary.json"]
BIAS = "audit bias --model ./tiny --professions asked.tsv --out out --seeds 4".split()
COPIES = "audit copies --model ./tiny --data set --out out --count 20".split()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("audit")
    make_tiny_model(place / "tiny")
    (place / "tiny" / "MODEL_CARD.md").unlink()  # or there would be nobody to audit
    make_tiny_clip(place / "tiny" / "clip")
    pixels = np.random.default_rng(0).integers(256, size=(25, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    write_pictures(place / "set", pixels, [f"<b>picture</b> {index}" for index in range(25)])
    write_pictures(place / "few", pixels[:5], ["x"] * 5)
    tokens = np.random.default_rng(0).integers(64, size=(25, 16))
    write_tokens(place / "foreign", np.zeros((25, 4)), tokens)
    return place


@pytest.fixture
def here(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for part in made.iterdir():
        (tmp_path / part.name).symlink_to(part)
    (tmp_path / "asked.tsv").write_text("a red <i>car</i>\tthings\nan owl\tthings\na kangaroo\tthings")
    return tmp_path


def read(name: str) -> dict:
    return json.loads((Path("out") / name).read_text())


def test_a_bias_audit_writes_its_report_and_a_second_one_draws_nothing_again(here: Path, capsys) -> None:
    assert main(BIAS) == 0
    shown = capsys.readouterr().out.splitlines()
    assert sorted(path.name for path in (here / "out").iterdir()) == ["pictures", *FILES]
    report, summary = read("report.json"), read("summary.json")
    assert report["people"] and report["pictures"] == (3 + 4) * 3 * 4 == summary["pictures"]
    assert shown == [*report["sentences"], "out/report.html"] and summary["sentences"] == report["sentences"]
    assert [each["name"] for each in report["sets"]] == ["gender", "skin", "age"] == list(summary["sets"])
    for each in report["sets"]:
        assert [one["pictures"] for one in each["subjects"]] == [12] * 3 and each["neutral"]["pictures"] == 48
        assert all(sum(one["counts"]) == 12 == sum(one["nearest"]) for one in each["subjects"])
    page = Page((here / "out" / "report.html").read_text())
    assert not page.reaches_out() and not page.named("i") and "2303.11408" in page.text and "2202.04053" in page.text
    assert all(picture["alt"] for picture in page.named("img")) and len(page.named("img")) == 7
    with Image.open(here / "out" / "sheet.png") as sheet:
        assert sheet.width > sheet.height // 2
    drawn = {path: path.stat().st_mtime_ns for path in (here / "out" / "pictures").iterdir()}
    assert main(BIAS) == 0 and read("report.json") == report
    assert {path: path.stat().st_mtime_ns for path in (here / "out" / "pictures").iterdir()} == drawn


def test_an_audit_that_was_stopped_is_gone_on_with(here: Path) -> None:
    report_folder(here / "out").claim()
    assert main(BIAS) == 0 and not (here / "out" / "unfinished.json").exists()


def test_a_world_without_people_is_told_without_a_ranker(here: Path, capsys) -> None:
    (here / "bare").mkdir()
    for path in (here / "tiny").iterdir():
        if path.name != "clip":
            (here / "bare" / path.name).symlink_to(path)
    (here / "bare" / "lexicon.tsv").write_text("doctor\tthing\twizard\ncat\tthing\tcat\n")
    (here / "asked.tsv").write_text("a doctor\na nurse")
    assert main([*BIAS[:3], "./bare", *BIAS[4:]]) == 0
    told = capsys.readouterr().out
    assert "bare has no people in its world: of 2 words for people" in told and "a doctor → wizard" in told
    report = read("report.json")
    assert not report["people"] and report["not_people"] == {"a doctor": "wizard", "a nurse": ""}
    assert sorted(path.name for path in (here / "out").iterdir()) == ["report.html", "report.json", "summary.json"]
    page = Page((here / "out" / "report.html").read_text())
    assert "no word of it is known" in page.text and not page.named("img")
    (here / "bare" / "lexicon.tsv").unlink()
    (here / "bare" / "MODEL_CARD.md").write_text("---\npeople: none\n---\n")
    assert main([*BIAS[:3], "./bare", *BIAS[4:]]) == 0 and "as its card says" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ("--seeds 1", "--seeds 1 makes 3 pictures a subject", "at least 4"),
        ("--seeds 0", "images=0", ""),
        ("--seeds 65", "images=65", ""),
        ("--seed -1", "seed=-1", ""),
        ("--template nothing", "has not one {}", "a photo of {}"),
        ("--professions none.tsv", "can't read none.tsv", "check the path"),
        ("--descriptors asked.tsv", "has 1 descriptors", "two or more"),
        ("--ranker none", "none", ""),
        ("--ranker tiny", "tiny", ""),
        ("--out set", "set holds something else", "nothing was changed"),
        ("--model ./bare", "bare brings no ranker", "--ranker"),
    ],
)
def test_a_bias_audit_refuses_bad_input(here: Path, options: str, message: str, hint: str, capsys) -> None:
    (here / "bare").mkdir()
    for path in (here / "tiny").iterdir():
        if path.name != "clip":
            (here / "bare" / path.name).symlink_to(path)
    assert main([*BIAS, *options.split()]) == 2
    error, advice = capsys.readouterr().err.splitlines()[-2:]
    assert message in error and hint in advice and not (here / "out").exists()


def test_marks_that_are_no_numbers_are_refused(here: Path, capsys) -> None:
    shutil.copytree(here / "tiny" / "clip", here / "broken")
    weights = load_file(here / "broken" / "model.safetensors")
    name = next(name for name in weights if "text" in name and "projection" in name)
    save_file({**weights, name: np.full_like(weights[name], np.nan)}, here / "broken" / "model.safetensors")
    assert main([*BIAS, "--ranker", "broken"]) == 2
    assert "are not numbers" in capsys.readouterr().err and not (here / "out").exists()


def test_copies_are_looked_for_and_shown(here: Path, capsys) -> None:
    assert main(COPIES) == 0
    assert sorted(path.name for path in (here / "out").iterdir()) == FILES
    report, summary = read("report.json"), read("summary.json")
    assert (report["pictures"], report["records"], report["equal"]) == (20, 25, 0)
    assert report["measures"].keys() == {"embedding", "tokens"} == summary["measures"].keys()
    assert report["digests"].keys() == {"model", "vqgan", "ranker", "data"}
    assert all(len(each[name]) == 3 for each in report["nearest"] for name in ("embedding", "tokens"))
    assert capsys.readouterr().out.splitlines() == [*report["sentences"], "out/report.html"]
    page = Page((here / "out" / "report.html").read_text())
    assert not page.reaches_out() and not page.named("b") and len(page.named("polyline")) == 4
    assert main(COPIES) == 0 and read("report.json") == report


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ("--count 3", "--count 3 is too few", "20 or more"),
        ("--data none", "none holds no record set", "dalle-mini data build"),
        ("--data few", "few has 5 records", "20"),
        ("--held-out few", "few has 5 records", "20"),
        ("--data foreign", "tokens of VQGAN aaaa", "give the pictures"),
        ("--prompts none.txt", "can't read none.txt", "check the path"),
        ("--out tiny", "tiny holds something else", "nothing was changed"),
    ],
)
def test_a_search_for_copies_refuses_bad_input(here: Path, options: str, message: str, hint: str, capsys) -> None:
    assert main([*COPIES, *options.split()]) == 2
    error, advice = capsys.readouterr().err.splitlines()[-2:]
    assert message in error and hint in advice and not (here / "out").exists()
