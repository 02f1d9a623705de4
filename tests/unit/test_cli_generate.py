"""`dalle-mini generate`: what it refuses, what it draws, and where the files go."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from doubles import make_tiny_clip, make_tiny_model
from PIL import Image

from dalle_mini.cli import main
from dalle_mini.cli.destination import plan_grids, slug, tile_paths
from dalle_mini.cli.progress import Progress
from dalle_mini.grid import read_recipe

PROMPT = "a red car at the beach"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_model(tmp_path_factory.mktemp("model")))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and no models of the user's own."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DALLE_MINI_HOME", str(tmp_path / "home"))
    return folder


def read_pixels(path: str | Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ([], "no prompt", "dalle-mini generate"),
        ([""], "the prompt is empty", "for example"),
        (["a cat", " \n"], "the prompt is empty", "for example"),
        (["a \udcff cat"], "the prompt 'a \\udcff cat' is not UTF-8", "for example"),
        (["a cat", "--images", "0"], "images=0 must be from 1 to 64", "--help"),
        (["a cat", "--images", "65"], "images=65 must be from 1 to 64", "--help"),
        (["a cat", "--images", "2.5"], "argument --images: '2.5' is not a whole number", "--help"),
        (["a cat", "--seed", "-1"], "seed=-1 is not a seed", "from 0 to 4294967295"),
        (["a cat", "--seed", "4294967296"], "seed=4294967296 is not a seed", "from 0 to 4294967295"),
        (["a cat", "--seed", "9" * 5000], f"argument --seed: '{'9' * 59}…' is not a whole number", "--help"),
        (["a cat", "--guidance-scale", "nan"], "setting guidance_scale=nan is not a number", "--help"),
        (["a cat", "--guidance-scale", "101"], "guidance_scale=101.0 must be from 0 to 100", "--help"),
        (["a cat", "--temperature", "0"], "temperature=0.0 must be from 0.01 to 100", "--help"),
        (["a cat", "--temperature", "1e999"], "setting temperature=inf is not a number", "--help"),
        (["a cat", "--temperature", "hot"], "argument --temperature: 'hot' is not a number", "--help"),
        (["a cat", "--top-k", "-1"], "top_k=-1 must be 0 (off) or more", "--help"),
        (["a cat", "--top-p", "0"], "top_p=0.0 must be above 0", "--help"),
        (["a cat", "--candidates", "0"], "candidates=0 must be from 1", "--help"),
        (
            ["a cat", "--candidates", "4", "--images", "5"],
            "candidates=4 must be from 5",
            "--help",
        ),
        (["a cat", "--not-this", " "], "not_this=' ' must be words", "--help"),
        (["a cat", "--not-this", "a dog", "--guidance-scale", "1"], "not_this='a dog' leads nowhere", "--help"),
        (["a {cat", "--template"], "the brace at character 3 of the template is never closed", "brace"),
        (["a {cat|dog}", "--template", "--morph-to", "a car"], "a template has no morph_to", "one of the two"),
        (["a cat", "--morph-share", "0.5"], "morph_share=0.5 needs morph_to", "--help"),
        (["a cat", "--keep", "0.5"], "--keep is for a picture to draw on", "--like"),
        (["a cat", "--repaint", "mask.txt"], "--repaint is for a picture to draw on", "--like"),
        (["a cat", "--like", "none.png"], "can't read none.png: No such file", "check the path"),
        (["a cat", "--like", "/dev/null"], "/dev/null: the file is no picture", "use a PNG"),
        (["a cat", "--animation", "cat.mp4"], "cat.mp4 is not the name of an animation", ".webp or .gif"),
        (["a cat", "--animation", "c.gif", "--server", "http://x"], "c.gif is not the name of an animation", ".webp"),
        (["a cat", "a dog", "--animation", "c.gif"], "c.gif is one file, but there are 2 prompts", "one by one"),
        (["a cat", "--variety", "2"], "variety=2.0 must be from 0 (best) to 1 (varied)", "--help"),
        (["a cat", "--ranker", "./nowhere"], "nowhere does not exist", "give the directory"),
        (["a cat", "--ranker", "some/body", "--offline"], "some/body is not on this machine", ""),
        (["a cat", "--model", "nanno"], "unknown model 'nanno'", "did you mean 'nano'?"),
        (["a cat", "--model", "./nowhere"], "nowhere does not exist", "give the directory"),
        (["a cat", "--model", "some/body", "--offline"], "some/body is not on this machine", "--model nano"),
        (["a cat", "--out", ""], "--out is empty", "name a file"),
        (["a cat", "--out", "cat.jpg"], "cat.jpg is not the name of a PNG", "end the name in .png"),
        (["a cat", "a dog", "--out", "cat.png"], "cat.png is one file, but there are 2 prompts", "--out cat/"),
        (["a cat", "--out", "/dev/null/cat.png"], "can't write /dev/null/cat.png", "a file is in the way"),
        (["a cat", "--out", "/proc/cat.png"], "can't write /proc/cat.png", "choose"),
        (["a cat", "--out", f"{'c' * 249}.png"], f"can't write {'c' * 249}.png", "choose"),
        (["--prompts", "none.txt"], "can't read none.txt: No such file", "check the path"),
        (["--prompts", "/"], "can't read /: Is a directory", "check the path"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    arguments: list[str], message: str, hint: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", *arguments]) == 2
    shown = capsys.readouterr()
    assert not shown.out
    error, suggestion = shown.err.rstrip().splitlines()[-2:]
    assert error.startswith(f"error: {message}")
    assert suggestion.startswith("hint: ") and hint in suggestion
    assert not list(here.iterdir())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a cat\na d\xf6g\n", "prompts.txt, line 2: not UTF-8"),
        (b"\n# a cat\n  \n", "prompts.txt holds no prompt"),
    ],
)
def test_bad_prompt_files_are_refused(
    content: bytes, message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "prompts.txt").write_bytes(content)
    assert main(["generate", "--prompts", "prompts.txt"]) == 2
    assert capsys.readouterr().err.startswith(f"error: {message}\nhint: ")


def test_a_folder_where_a_file_is_meant_is_refused(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "cat.png").mkdir()
    assert main(["generate", "a cat", "--out", "cat.png"]) == 2
    assert capsys.readouterr().err == "error: cat.png is a folder\nhint: to put pictures into it: --out cat.png/\n"


def test_what_only_the_tokenizer_refuses_stops_before_the_first_drawing(
    model: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["generate", PROMPT, "__", "--model", model]) == 2
    assert capsys.readouterr().err.startswith("error: nothing in '__' can be read\nhint: describe a picture")
    assert not list(here.iterdir())


def test_the_same_command_draws_the_same_pixels(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["generate", PROMPT, "--seed", "7", "--model", model]
    assert main([*command, "--out", "one.png", "--tiles"]) == 0
    assert main([*command, "--out", "two.png"]) == 0
    assert main([*command, "--out", "alone.png", "--images", "1", "--tiles"]) == 0
    assert main([*command, "--out", "eight.png", "--seed", "8"]) == 0
    shown = capsys.readouterr()
    assert shown.out.split() == ["one.png", *(f"one_{n}.png" for n in range(1, 10)), "two.png"] + [
        "alone.png",
        "alone_1.png",
        "eight.png",
    ]
    assert not shown.err
    assert (read_pixels("one.png") == read_pixels("two.png")).all()
    assert (read_pixels("one_1.png") == read_pixels("alone_1.png")).all()
    assert (read_pixels("one_1.png") != read_pixels("one_2.png")).any()
    assert (read_pixels("one.png") != read_pixels("eight.png")).any()


def test_a_line_of_json_for_every_prompt(model: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    long = "a cat and " * 20
    assert (
        main(["generate", "A 🐱", long, "--images", "2", "--tiles", "--out", "some", "--json", "--model", model]) == 0
    )
    shown = capsys.readouterr()
    first, second = map(json.loads, shown.out.splitlines())
    assert set(first) == {
        "prompt", "prompts", "path", "tiles", "candidates_sheet", "animation", "seeds", "marks", "verdicts", "recipe",
        "reading", "candidates", "notes", "seconds",
    }  # fmt: skip
    assert first["marks"] == [None, None] and first["candidates_sheet"] is None
    assert [entry["seed"] for entry in first["candidates"]] == first["seeds"]
    assert first["prompt"] == "A 🐱"
    assert first["reading"] == {"text": " a, cat face", "notes": ["emoji were spelled out"], "cut": ""}
    assert second["reading"]["cut"] and long.strip().endswith(second["reading"]["cut"])
    for record in first, second:
        assert len(record["seeds"]) == len(record["tiles"]) == 2
        assert record["recipe"] == read_recipe(record["path"])
        assert record["recipe"]["seed"] == record["seeds"][0] == read_recipe(record["tiles"][0])["seed"]
        assert read_recipe(record["tiles"][1])["seed"] == record["seeds"][1]
        assert record["seconds"] > 0
    assert first["seeds"] != second["seeds"]
    assert {path.name for path in here.rglob("*.png")} == {
        Path(path).name for record in (first, second) for path in (record["path"], *record["tiles"])
    }
    notes = shown.err.splitlines()
    assert notes[0] == "note: read as 'a, cat face': emoji were spelled out"
    assert notes[1].startswith("note: too long for the model")


def test_more_candidates_need_a_ranker(model: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", PROMPT, "--model", model, "--candidates", "18"]) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: candidates=18 of which 9 are shown: ") and "name a CLIP" in hint
    assert not list(here.iterdir())


def test_the_best_of_more_candidates_are_written_with_their_marks(
    model: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ranker = str(make_tiny_clip(here.parent / "ranker"))
    command = ["generate", PROMPT, "--model", model, "--ranker", ranker, "--seed", "7", "--images", "2", "--tiles"]
    assert main([*command, "--candidates", "12", "--candidates-sheet", "--json", "--out", "best.png"]) == 0
    shown = capsys.readouterr()
    record = json.loads(shown.out)
    written = ["best.png", "best_1.png", "best_2.png", "best_candidates.png"]
    assert sorted(path.name for path in here.iterdir()) == written
    assert record["candidates_sheet"] == "best_candidates.png"
    marks = [entry["mark"] for entry in record["candidates"]]
    assert marks == sorted(marks, reverse=True) and len(marks) == 12 and record["marks"] == marks[:2]
    assert [entry["shown"] for entry in record["candidates"]] == [True] * 2 + [False] * 10
    assert [word for word, _ in record["candidates"][11]["words"]] == PROMPT.split()
    assert record["recipe"] == read_recipe("best_candidates.png") == read_recipe("best.png")
    assert shown.err.splitlines() == [
        "note: the best 2 of 12",
        f"note: ranked by ranker, which was not made for {Path(model).name}",
    ]
    alone = read_recipe("best_2.png")
    again = ["generate", PROMPT, "--model", model, "--seed", str(alone["seed"]), "--images", "1", "--tiles", "--quiet"]
    assert main([*again, "--out", "again.png"]) == 0
    assert (read_pixels("again_1.png") == read_pixels("best_2.png")).all()


def test_prompts_come_from_arguments_files_and_the_standard_input(
    model: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = "\ufeffa cat\r\n\n# no prompt\n  a dog  \n"
    (here / "prompts.txt").write_text(lines, newline="")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines.encode())))
    common = ["--images", "1", "--seed", "3", "--quiet", "--model", model]
    assert main(["generate", "an owl", "--prompts", "prompts.txt", *common]) == 0
    assert main(["generate", "--prompts", "-", *common]) == 0
    shown = capsys.readouterr()
    assert shown.out.split() == ["an-owl-3.png", "a-cat-3.png", "a-dog-3.png", "a-cat-3-2.png", "a-dog-3-2.png"]
    assert not shown.err


def test_words_without_quotes_are_pointed_out(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate", "red", "car", "--images", "1", "--model", model]) == 0
    assert "note: 2 prompts of one word each" in capsys.readouterr().err


def test_a_name_that_is_not_text_comes_out_as_it_went_in(model: str, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    folder = os.fsdecode(b"b\xff")
    assert main(["generate", "a cat", "--seed", "1", "--images", "1", "--out", f"{folder}/", "--model", model]) == 0
    assert capfdbinary.readouterr().out == b"b\xff/a-cat-1.png\n"


DRAW_TWICE_THE_SECOND_TIME_ON_A_FULL_DISK = """
import resource, sys
root, *command = sys.argv[1:]
sys.path.insert(0, root)
from dalle_mini.cli import main

# Once before, so that nothing has to be compiled and kept when there is no room.
assert main([*command, "--out", "before.png"]) == 0
resource.setrlimit(resource.RLIMIT_FSIZE, (500, resource.RLIM_INFINITY))
sys.exit(main([*command, "--tiles"]))
"""


def test_a_full_disk_is_told_and_leaves_nothing(model: str, here: Path) -> None:
    """In a process of its own: the limit would also hold for what pytest writes."""
    drawing = ["generate", "a cat", "--images", "1", "--seed", "1", "--model", model]
    command = [sys.executable, "-c", DRAW_TWICE_THE_SECOND_TIME_ON_A_FULL_DISK, Path(__file__).parents[2], *drawing]
    run = subprocess.run(command, capture_output=True, text=True)
    assert (run.returncode, run.stdout) == (2, "before.png\n")
    error, hint = run.stderr.splitlines()
    assert error == "error: can't write a-cat-1.png: File too large" and hint.startswith("hint: ")
    assert [path.name for path in here.iterdir()] == ["before.png"]


def test_files_that_are_there_stay_unless_they_are_named(here: Path) -> None:
    (here / "a-cat-1.png").touch()
    (here / "a-dog-1_1.png").touch()

    def plan(*prompts: str, out: str | None = None, tiles: bool = False) -> list[str]:
        return [str(path) for path in plan_grids(prompts, [1] * len(prompts), out=out, tiles=tiles)]

    assert plan("a cat", "a cat", "a dog") == ["a-cat-1-2.png", "a-cat-1-3.png", "a-dog-1.png"]
    assert plan("a dog", tiles=True) == ["a-dog-1-2.png"]
    assert plan("a cat", out="a-cat-1.png") == ["a-cat-1.png"]
    assert plan("a cat", out="new/folder") == ["new/folder/a-cat-1.png"]
    assert plan("a cat", out="new/grid.PNG") == ["new/grid.PNG"]
    assert plan("a cat", out="v1.2/") == ["v1.2/a-cat-1.png"]
    assert sorted(path.name for path in here.iterdir()) == ["a-cat-1.png", "a-dog-1_1.png"]


@pytest.mark.parametrize(
    ("prompt", "name"),
    [
        ("A red car, at the beach!", "a-red-car-at-the-beach"),
        ("../../etc/passwd", "etc-passwd"),
        ("Köln 北京", "koln-bei-jing"),
        ("🐱", "picture"),
        ("word " * 50, "word-word-word-word-word-word-word-word-word-wor"),
    ],
)
def test_slugs_are_short_and_plain(prompt: str, name: str) -> None:
    assert slug(prompt) == name


def test_tiles_sort_as_they_stand_in_the_grid() -> None:
    names = [path.name for path in tile_paths(Path("some/grid.png"), 12)]
    assert names == sorted(names) and names[0] == "grid_01.png" and names[-1] == "grid_12.png"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    monkeypatch.setenv("COLUMNS", "60")
    with Progress("drawing " * 20) as bar:
        bar.show(0.5)
        assert terminal.getvalue().endswith("[############------------]  50%")
        assert len(terminal.getvalue().rpartition("\x1b[K")[2]) == 59
    assert terminal.getvalue().endswith("\r\x1b[K") and "\n" not in terminal.getvalue()


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    for stream, quiet in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        with Progress("drawing", quiet=quiet) as bar:
            bar.show(0.5)
        assert not stream.getvalue()


def test_a_template_a_picture_to_draw_on_and_an_animation(
    model: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    template = ["generate", "{a red|a blue} car", "--template", "--images", "2", "--seed", "7", "--model", model]
    assert main([*template, "--out", "two.png", "--tiles", "--animation", "two.gif", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["prompts"] == ["a red car", "a blue car"] and told["animation"] == "two.gif"
    with Image.open("two.gif") as animation:
        assert getattr(animation, "n_frames", 1) > 10
    (here / "mask.txt").write_text("0000\n0000\n1111\n1111\n")
    on = ["generate", PROMPT, "--like", "two_2.png", "--images", "1", "--seed", "3", "--model", model, "--json"]
    assert main([*on, "--repaint", "mask.txt", "--out", "masked.png"]) == 0
    assert main([*on, "--keep", "0.5", "--out", "half.png"]) == 0
    masked, half = map(json.loads, capsys.readouterr().out.splitlines())
    assert masked["recipe"]["kept"] == half["recipe"]["kept"]
    assert read_recipe("two_2.png")["tokens"][:20] == half["recipe"]["kept"][:20]
    assert (read_pixels("masked.png") == read_pixels("half.png")).all()


def test_a_mask_of_another_size_is_refused_before_drawing(
    model: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.new("RGB", (50, 30), "red").save("red.jpg")
    (here / "mask.txt").write_text("0101")
    command = ["generate", PROMPT, "--like", "red.jpg", "--repaint", "mask.txt", "--out", "cat.png", "--model", model]
    assert main(command) == 2
    assert "the mask has 4 cells, the picture 16" in capsys.readouterr().err
    assert not (here / "cat.png").exists()
