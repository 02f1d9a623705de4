"""`dalle-mini data`: what it prints, and how it refuses."""

import json
from pathlib import Path

import numpy as np
import pytest
from doubles import make_tiny_clip
from PIL import Image
from sets import write_tokens

from dalle_mini.cli import main
from dalle_mini.data.shards import RecordSet
from dalle_mini.ranking import Clip

pytestmark = pytest.mark.usefixtures("quick_compiles")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with three captioned pictures, one of them broken."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        image = Image.fromarray(rng.integers(256, size=(4, 4, 3), dtype=np.uint8)).resize((24, 24))
        (tmp_path / "in").mkdir(exist_ok=True)
        image.save(tmp_path / "in" / f"{name}.png")
        (tmp_path / "in" / f"{name}.txt").write_text(f"picture {name}")
    (tmp_path / "in" / "b.png").write_bytes(b"broken")
    return tmp_path


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    status = main(command.split())
    shown = capsys.readouterr()
    return status, shown.out, shown.err


BUILD = "data build in --resolution 16 --out out"


def test_build_and_inspect_say_what_there_is(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    dropped = "dropped: 1 broken picture\n  b.png: none of JPEG, PNG, WEBP, BMP, GIF\n"
    assert run(f"{BUILD} --licence CC0-1.0", capsys) == (0, f"out: 2 pictures\n{dropped}", "")
    assert sorted(path.name for path in (here / "out").iterdir()) == ["manifest.json", "pictures-00000.array_record"]
    status, shown, _ = run("data inspect out --sheet sheet.png", capsys)
    first, *rest = shown.splitlines(keepends=True)
    assert status == 0 and first.startswith("out: 2 pictures in 1 shards, ") and "16 × 16 pixels" in first
    captions = "captions: 2 to 2 words (2 in the middle), 9 to 9 characters (9 in the middle)\n"
    assert "".join(rest) == f"licences: CC0-1.0 2\nsources: unknown 2\n{captions}{dropped}"
    with Image.open("sheet.png") as sheet:
        assert sheet.width > 1000


def test_names_are_shown_without_what_a_terminal_obeys(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "in" / "b.png").rename(here / "in" / "\x1b[31mred.png")
    (here / "in" / "b.txt").rename(here / "in" / "\x1b[31mred.txt")
    assert "\n  \\x1b[31mred.png: none of" in run(BUILD, capsys)[1]
    assert run("data inspect no\x1bwhere", capsys)[2].startswith("error: no\\x1bwhere holds")


def test_inspect_prints_json(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(BUILD, capsys)
    _, shown, _ = run("data inspect out --json", capsys)
    found = json.loads(shown)
    assert found["manifest"]["count"] == 2 and found["words"] == {"least": 2, "middle": 2, "most": 2}


def test_captions_from_names_are_told(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "in" / "a.txt").unlink()
    (here / "in" / "a.png").rename(here / "in" / "tabby_01.png")
    status, _, note = run(f"{BUILD} --caption-from-names", capsys)
    assert (status, note) == (0, "1 captions are names of files or folders\n")
    assert RecordSet.open("out")[1].caption == "tabby"
    assert "1 from names" in run("data inspect out", capsys)[1]


def test_tokens_are_inspected_too(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_tokens(here / "tokens", np.zeros((3, 4)), np.zeros((3, 9)))
    _, shown, _ = run("data inspect tokens", capsys)
    assert "3 tokens in 1 shards" in shown and "4 text and 9 image tokens, of a codebook of 64" in shown


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("data build nowhere --out out", "nowhere does not exist"),
        ("data build in --out in", "in holds something else"),
        ("data build in --out out", "nothing is left of in: 2 too small"),
        ("data build in --out out --resolution 1", "resolution=1"),
        ("data build in --out out --resolution many", "is not a whole number"),
        ("data build in --out out --opt-out none.txt", "can't read the opt-out list none.txt"),
        ("data build table.csv --out out", "no column picture"),
        ("data inspect nowhere", "nowhere holds no record set: no such folder"),
        ("data inspect in", "in holds no record set: no manifest.json"),
        ("data inspect tokens --sheet out.png", "tokens holds tokens, which can't be seen"),
        ("data tokenizer --pictures tokens --vocab-size 300 --out out", "tokens holds tokens, not pictures"),
    ],
)
def test_bad_input_is_refused_and_leaves_nothing(
    command: str, message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_tokens(here / "tokens", np.zeros((1, 4)), np.zeros((1, 9)))
    (here / "table.csv").write_text("name,caption\na.png,one\n")
    before = sorted(here.rglob("*"))
    status, shown, told = run(command, capsys)
    error, hint = told.splitlines()
    assert (status, shown) == (2, "") and message in error and hint.startswith("hint: ")
    assert sorted(here.rglob("*")) == before


def test_a_broken_shard_is_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(BUILD, capsys)
    shard = here / "out" / "pictures-00000.array_record"
    content = bytearray(shard.read_bytes())
    content[-5] ^= 1
    shard.write_bytes(content)
    status, _, told = run("data inspect out", capsys)
    assert status == 2 and "the digest of pictures-00000.array_record is not the manifest's" in told


def test_a_clip_drops_what_does_not_fit(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_tiny_clip(here / "clip")
    (here / "in" / "b.png").unlink()
    clip = Clip.load(folder)
    fits = {}
    for name in ("a", "c"):
        with Image.open(here / "in" / f"{name}.png") as image:
            fits[name] = float(clip.marks([image.resize((16, 16), Image.Resampling.LANCZOS)], f"picture {name}")[0])
    worse, better = sorted(fits, key=fits.__getitem__)
    between = (fits[worse] + fits[better]) / 2
    status, shown, _ = run(f"{BUILD} --clip clip --min-fit {between}", capsys)
    assert status == 0 and "out: 1 pictures" in shown and "dropped: 1 caption does not fit" in shown
    assert [record.id for record in RecordSet.open(here / "out", "pictures")] == [f"{better}.png"]
    status, _, told = run(f"{BUILD} --clip clip --min-fit 2", capsys)
    assert status == 2 and "from -1 to 1" in told
    status, _, told = run("data build in --out other --clip in", capsys)
    assert status == 2 and told.startswith("error: ") and not (here / "other").exists()
