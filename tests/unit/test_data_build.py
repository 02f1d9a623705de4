"""Building a picture set: what is kept and why the rest is not, the same bytes always, and nothing lost by a kill."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dalle_mini.data import build, rules
from dalle_mini.data.build import build_pictures
from dalle_mini.data.manifest import Dropped, Manifest
from dalle_mini.data.optout import OptOut
from dalle_mini.data.records import Picture
from dalle_mini.data.rules import BuildConfig, Check
from dalle_mini.data.shards import RecordSet
from dalle_mini.data.sources import open_source
from dalle_mini.errors import ConfigError, DataError, OutputError

CONFIG = BuildConfig(resolution=16, min_side=8, shard_size=8)


def draw(seed: int, side: int = 24) -> Image.Image:
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(256, size=(4, 4, 3), dtype=np.uint8))
    return coarse.resize((side, side), Image.Resampling.BICUBIC)


def save(path: Path, image: Image.Image, caption: str | None = None, **options) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)
    if caption is not None:
        path.with_suffix(".txt").write_text(caption)


def fill(folder: Path, count: int) -> Path:
    """`count` pictures, some of them broken, without a caption, or there twice."""
    for number in range(count):
        save(folder / f"{number:03}.png", draw(number), None if number % 7 == 3 else f"caption {number}")
        if number % 10 == 9:
            shutil.copy(folder / f"{number - 9:03}.png", folder / f"{number:03}.png")
        if number % 13 == 12:
            (folder / f"{number:03}.png").write_bytes(b"broken")
    return folder


def build_set(folder: Path, out: Path, config: BuildConfig = CONFIG, **options) -> Manifest:
    return build_pictures(open_source(folder), out, config, **options)


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir()}


def ids(out: Path) -> list[str]:
    return [picture.id for picture in RecordSet.open(out, "pictures")]


def test_what_is_dropped_is_counted_and_shown(tmp_path: Path) -> None:
    pictures = tmp_path / "in"
    save(pictures / "a.png", draw(0), "a thing")
    save(pictures / "b/a-again.png", draw(0), "another caption")
    save(pictures / "b/like-a.jpg", draw(0, 64), "packed again", quality=80)
    save(pictures / "c.png", draw(1), " ")
    save(pictures / "d.png", draw(2))
    save(pictures / "e.png", draw(3, 6), "tiny")
    save(pictures / "f.png", draw(4).resize((200, 20)), "long")
    save(pictures / "g.png", draw(5), "by zoë")
    save(pictures / "h.png", draw(6), "kept")
    made = build_set(pictures, tmp_path / "out", opt_out=OptOut(words=("zoë",)))
    assert ids(tmp_path / "out") == ["a.png", "h.png"]
    assert made.dropped == {
        "duplicate": Dropped(1, ("b/a-again.png: same file as a.png",)),
        "near duplicate": Dropped(1, ("b/like-a.jpg: looks like a.png",)),
        "empty caption": Dropped(1, ("c.png",)),
        "no caption": Dropped(1, ("d.png",)),
        "too small": Dropped(1, ("e.png: 6 × 6 pixels",)),
        "extreme shape": Dropped(1, ("f.png: 200 × 20 pixels",)),
        "opted out": Dropped(1, ("g.png: word 'zoë'",)),
    }
    assert made.licences == {"unknown": 2} and RecordSet.open(tmp_path / "out").manifest == made


def test_drawings_that_differ_in_color_alone_are_both_kept(tmp_path: Path) -> None:
    for name in ("red", "blue", "green"):
        image = Image.new("RGB", (24, 24), "white")
        image.paste(name, (6, 6, 18, 18))
        save(tmp_path / "in" / f"{name}.png", image, f"a {name} square")
    assert build_set(tmp_path / "in", tmp_path / "out").count == 3


def test_duplicates_may_be_kept(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("image,caption\na.png,one\na.png,two\n")
    save(tmp_path / "a.png", draw(0))
    config = BuildConfig(resolution=16, keep_duplicates=True)
    build_set(tmp_path / "t.csv", tmp_path / "out", config)
    assert ids(tmp_path / "out") == ["t.csv:2", "t.csv:3"]


def test_names_become_captions_where_asked(tmp_path: Path) -> None:
    save(tmp_path / "in/my cats/tabby_01.png", draw(0))
    save(tmp_path / "in/my cats/IMG_2.png", draw(1))
    save(tmp_path / "in/my cats/02.png", draw(2), "given")
    save(tmp_path / "in/3.png", draw(3))
    made = build_set(tmp_path / "in", tmp_path / "out", BuildConfig(resolution=16, caption_from_names=True))
    captions = [picture.caption for picture in RecordSet.open(tmp_path / "out")]
    assert captions == ["given", "my cats", "tabby"] and made.named == 2
    assert made.dropped == {"no caption": Dropped(1, ("3.png",))}


def test_licences_and_sources_go_along(tmp_path: Path) -> None:
    rows = ["a.png,CC0-1.0,https://a.test/1", "b.png,,https://a.test/2", "c.png,CC-BY-4.0,anna"]
    (tmp_path / "t.csv").write_text("\n".join(["image,license,url,text", *(f"{row},a caption" for row in rows)]))
    for seed, name in enumerate("abc"):
        save(tmp_path / f"{name}.png", draw(seed))
    made = build_set(tmp_path / "t.csv", tmp_path / "out", BuildConfig(resolution=16, licence="mine"))
    assert made.licences == {"CC-BY-4.0": 1, "CC0-1.0": 1, "mine": 1}
    assert made.sources == {"a.test": 2, "anna": 1}
    first = RecordSet.open(tmp_path / "out")[0]
    assert isinstance(first, Picture) and (first.licence, first.source) == ("CC0-1.0", "https://a.test/1")


def test_a_check_drops_what_it_scores_low_and_sees_only_what_passed_the_rules(tmp_path: Path) -> None:
    fill(tmp_path / "in", 30)
    seen = []

    def score(images, captions):
        seen.extend(captions)
        assert {image.size for image in images} == {(16, 16)}
        return [float(caption.endswith("4")) for caption in captions]

    check = Check("unlike its caption", score, minimum=0.5, model="sha256 of a model")
    made = build_set(tmp_path / "in", tmp_path / "out", checks=[check])
    assert ids(tmp_path / "out") == ["004.png", "014.png"]
    assert made.dropped["unlike its caption"].count == len(seen) - 2
    assert "caption 3" not in seen and "caption 12" not in seen
    with pytest.raises(OutputError, match="unlike its caption"):
        build_set(tmp_path / "in", tmp_path / "out")


def test_the_same_input_makes_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "in", 40)
    build_set(tmp_path / "in", tmp_path / "one")
    monkeypatch.setattr(rules, "_CHUNK", 3)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    build_set(tmp_path / "in", tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 5


def test_progress_is_told_and_a_finished_set_is_left_alone(tmp_path: Path) -> None:
    fill(tmp_path / "in", 30)
    told: list[tuple[float, int]] = []
    made = build_set(tmp_path / "in", tmp_path / "out", on_progress=lambda *news: told.append(news))
    assert told == [(pytest.approx(number / 30), number) for number in range(1, 31)]
    times = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()}
    assert build_set(tmp_path / "in", tmp_path / "out") == made
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "out").iterdir()} == times


KILLED = """
import sys
from pathlib import Path
from dalle_mini.data.build import build_pictures
from dalle_mini.data.rules import BuildConfig
from dalle_mini.data.sources import open_source
config = BuildConfig(resolution=16, min_side=8, shard_size=8)
step = lambda *_: sys.stdin.readline() and print(flush=True)
build_pictures(open_source(sys.argv[1]), Path(sys.argv[2]), config, on_progress=step)
"""


def test_a_build_killed_at_any_time_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    """A child reads no more items than it is allowed, and is killed at about the last of them."""
    pictures = fill(tmp_path / "in", 600)
    build_set(pictures, tmp_path / "whole")
    chance, stages = random.Random(0), [0]
    for _ in range(4):
        command = [sys.executable, "-c", KILLED, str(pictures), str(tmp_path / "out")]
        steps = chance.randint(140, 200)  # at most 128 of them are read ahead
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
            assert child.stdin is not None and child.stdout is not None
            child.stdin.write(b"\n" * steps)
            child.stdin.flush()
            for _ in range(steps):
                child.stdout.readline()
            time.sleep(chance.uniform(0, 0.02))
            child.kill()
        assert child.returncode == -signal.SIGKILL
        stages.append(len(list((tmp_path / "out").glob("pictures-*"))))
    assert stages == sorted(stages) and len(set(stages)) >= 3
    build_set(pictures, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


@pytest.mark.parametrize("stage", range(4))
def test_a_build_stopped_between_its_last_steps_goes_on(
    tmp_path: Path, stage: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a shard's rename, a commit, the manifest, and before the ledger is removed."""
    fill(tmp_path / "in", 40)
    build_set(tmp_path / "in", tmp_path / "whole")
    owner, name = (
        (build.Ledger, "commit"),
        (build.Ledger, "shards"),
        (build.RecordWriter, "_forget_plan"),
        (build, "remove_ledger"),
    )[stage]
    real, calls = getattr(owner, name), []

    def stop(*arguments):
        calls.append(arguments)
        if len(calls) == 2 or stage >= 2:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(owner, name, stop)
        build_set(tmp_path / "in", tmp_path / "out")
    build_set(tmp_path / "in", tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def stopped_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which a build was stopped after its second shard."""

    def stop(share: float, number: int) -> None:
        if number == 25:
            raise KeyboardInterrupt

    monkeypatch.setattr(rules, "_CHUNK", 1)
    fill(tmp_path / "in", 40)
    with pytest.raises(KeyboardInterrupt):
        build_set(tmp_path / "in", tmp_path / "out", on_progress=stop)
    assert len(list((tmp_path / "out").glob("pictures-*.array_record"))) == 2
    return tmp_path / "out"


def test_a_source_that_changed_meanwhile_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = stopped_build(tmp_path, monkeypatch)
    save(tmp_path / "in" / "000-new.png", draw(99), "new")
    with pytest.raises(DataError, match="in has changed since the build was begun"):
        build_set(tmp_path / "in", out)
    (tmp_path / "in" / "000-new.png").unlink()
    assert build_set(tmp_path / "in", out).count > 16


def test_other_settings_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = stopped_build(tmp_path, monkeypatch)
    before = contents(out)
    with pytest.raises(OutputError, match="resolution 16 there and 32 here"):
        build_set(tmp_path / "in", out, BuildConfig(resolution=32, min_side=8, shard_size=8))
    with pytest.raises(OutputError, match="opt_out"):
        build_set(tmp_path / "in", out, opt_out=OptOut(words=("zoë",)))
    assert contents(out) == before


def test_two_builds_do_not_share_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = stopped_build(tmp_path, monkeypatch)
    with build.Ledger(out / build.LEDGER), pytest.raises(OutputError, match="being written by another process"):
        build_set(tmp_path / "in", out)


def test_a_damaged_ledger_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = stopped_build(tmp_path, monkeypatch)
    (out / build.LEDGER).write_bytes(b"no database " * 1000)
    with pytest.raises(OutputError, match=r"build\.sqlite"):
        build_set(tmp_path / "in", out)


def test_where_nothing_is_left_nothing_is_written(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", draw(0))
    with pytest.raises(DataError, match=r"nothing is left of in: 1 no caption \(a.png\)") as caught:
        build_set(tmp_path / "in", tmp_path / "out")
    assert "--caption-from-names" in caught.value.hint and not (tmp_path / "out").exists()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "in", 3)
    before = contents(tmp_path / "in")
    with pytest.raises(OutputError, match="holds something else: 000.png"):
        build_set(tmp_path / "in", tmp_path / "in")
    assert contents(tmp_path / "in") == before


@pytest.mark.parametrize("wrong", [{"resolution": 0}, {"resolution": 10**6}, {"max_aspect": 0.5}, {"shard_size": 0}])
def test_impossible_settings_are_refused(wrong: dict) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        BuildConfig(**wrong)
