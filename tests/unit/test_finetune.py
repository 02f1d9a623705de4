"""Teaching a model a folder of pictures: what is kept, what is refused, and that it goes on where it was stopped."""

import json
import os
import shutil
import signal
from pathlib import Path

import jax
import numpy as np
import pytest
from doubles import make_tiny_model
from PIL import Image
from safetensors.numpy import load_file

import dalle_mini
from dalle_mini.checkpoints.releases import available_releases
from dalle_mini.cli import main
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import Cancelled, ConfigError, DataError
from dalle_mini.training.finetune import Finetuning, finetune
from dalle_mini.training.tokens import TokenData
from dalle_mini.training.transformer import TransformerTask

pytestmark = pytest.mark.usefixtures("quick_compiles")

PROMPTS = ["a red car at the beach", "two dogs in the snow"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DALLE_MINI_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = make_tiny_model(tmp_path / "base")
    (folder / "prompts.txt").write_text("".join(f"{prompt}\n" for prompt in PROMPTS))
    (folder / "NOTICE").write_text("drawings by somebody")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for index, color in enumerate(("red", "green", "blue", "white")):
        Image.new("RGB", (40 + index, 40), color).save(folder / f"{color}_wug_{index}.png")
    for color in ("red", "green"):
        (folder / f"{color}_wug_{('red', 'green').index(color)}.txt").write_text(f"a {color} wug")
    return folder


def show_nothing(label: str, share: float) -> None:
    assert label and 0 <= share <= 1


def test_a_tuned_model_is_kept_and_draws(pictures: Path, base: Path, home: Path) -> None:
    (pictures / "odd.png").write_bytes(b"broken")
    kept = finetune(Finetuning(pictures, "my-wugs", str(base), steps=3), show_nothing)
    assert (kept.pictures, kept.named, kept.rehearsed) == (4, 2, 9 * len(PROMPTS))
    assert kept.left_out == {"broken picture": 1}
    assert kept.folder == home / "models" / "my-wugs"
    assert "my-wugs" in {release.name for release in available_releases()}
    assert not (home / "finetuning" / "my-wugs").exists()
    known = (kept.folder / "prompts.txt").read_text().splitlines()
    assert {"a red wug", "blue wug", *PROMPTS} <= set(known)
    assert (kept.folder / "NOTICE").read_text() == "drawings by somebody"
    assert "my-wugs" in (kept.folder / "MODEL_CARD.md").read_text()
    before, after = (load_file(folder / "model.safetensors") for folder in (base, kept.folder))
    assert any(np.abs(before[name] - after[name].astype(np.float32)).max() > 1e-3 for name in before)
    model = dalle_mini.load("my-wugs")
    assert model.defaults == dalle_mini.load(str(base)).defaults
    assert len(model.generate("a red wug", images=1, seed=0).images) == 1


def test_stopped_it_goes_on(pictures: Path, base: Path, home: Path) -> None:
    order = Finetuning(pictures, "my-wugs", str(base), steps=3)

    def stop_while_rehearsing(label: str, share: float) -> None:
        if label.startswith("rehearsing") and share > 0:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        finetune(order, stop_while_rehearsing)
    assert not (home / "models").exists()
    first = (home / "finetuning" / "my-wugs" / "tokens" / "manifest.json").stat().st_mtime_ns
    seen: list[str] = []

    def note(label: str, share: float) -> None:
        seen.append(label)
        if label == "learning":
            made = home / "finetuning" / "my-wugs" / "tokens" / "manifest.json"
            assert made.stat().st_mtime_ns == first

    def interrupt(label: str, share: float) -> None:
        if label == "learning":
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(Cancelled, match="stopped while learning"):
        finetune(order, interrupt)
    assert not (home / "models").exists()
    assert finetune(order, note).folder.is_dir()
    assert "learning" in seen and "encoding pictures" not in seen


def test_what_was_begun_otherwise_is_not_gone_on_with(pictures: Path, base: Path, home: Path, tmp_path: Path) -> None:
    def stop(label: str, share: float) -> None:
        if label.startswith("encoding"):
            raise Cancelled("enough")

    (pictures / "odd.png").write_bytes(b"broken")
    with pytest.raises(Cancelled):
        finetune(Finetuning(pictures, "my-wugs", str(base), steps=3), stop)
    others = shutil.copytree(pictures, tmp_path / "elsewhere" / pictures.name)
    with pytest.raises(ConfigError, match="begun with other pictures than now") as refusal:
        finetune(Finetuning(others, "my-wugs", str(base), steps=3), stop)
    assert str(home / "finetuning" / "my-wugs") in (refusal.value.hint or "")
    Image.new("RGB", (40, 40), "teal").save(pictures / "teal wug.png")
    with pytest.raises(ConfigError, match="begun with other files than now"):
        finetune(Finetuning(pictures, "my-wugs", str(base), steps=3), stop)


@pytest.mark.parametrize(
    ("name", "message"),
    [("nano", "already"), ("../x", "can't be the name"), ("My Cats", "can't be the name"), ("", "can't be the name")],
)
def test_names_that_can_not_be(name: str, message: str, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["finetune", "--pictures", str(pictures), "--name", name]) == 2
    error = capsys.readouterr().err
    assert message in error and "hint: " in error


def test_a_model_of_the_name_is_never_overwritten(pictures: Path, base: Path, home: Path) -> None:
    folder = make_tiny_model(home / "models" / "my-wugs", seed=1)
    before = (folder / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match="already") as refusal:
        Finetuning(pictures, "my-wugs", str(base))
    assert str(folder) in (refusal.value.hint or "")
    assert (folder / "model.safetensors").read_bytes() == before


def test_a_folder_without_pictures_is_told(tmp_path: Path, base: Path, home: Path) -> None:
    for folder in (tmp_path / "nowhere", tmp_path / "empty"):
        with pytest.raises(DataError) as refusal:
            finetune(Finetuning(folder, "my-wugs", str(base)), show_nothing)
        assert refusal.value.hint
        (tmp_path / "empty").mkdir(exist_ok=True)
    assert not (home / "models").exists() and not (home / "finetuning" / "my-wugs").exists()


def make_task(base: Path, tokens: Path, **learning: object) -> TransformerTask:
    config = json.loads((base / "config.json").read_text())
    return TransformerTask(
        {
            "data": {
                "tokens": str(tokens),
                "tokenizer": str(base),
                "vqgan": str(base / "vqgan"),
                "rehearsal": str(tokens),
            },
            "model": {name: value for name, value in config.items() if name != "model_type"},
            "learning": learning,
            "optimizer": {"steps": 1, "batch_size": 6, "learning_rate": 1e-3},
        }
    )


def test_runs_may_begin_from_given_weights_and_mix_two_sets(pictures: Path, base: Path, tmp_path: Path) -> None:
    words = [
        "data",
        "build",
        str(pictures),
        "--out",
        str(tmp_path / "set"),
        "--resolution",
        "32",
        "--caption-from-names",
    ]
    assert main(words) == 0
    encode = ["data", "encode", "--pictures", str(tmp_path / "set"), "--vqgan", str(base / "vqgan"), "--normalize"]
    assert main([*encode, "--tokenizer", str(base), "--max-text-length", "16", "--out", str(tmp_path / "tokens")]) == 0
    for scan_layers in (True, False):
        task = make_task(base, tmp_path / "tokens", start_from=str(base), scan_layers=scan_layers)
        fresh = jax.eval_shape(task.init).params
        assert jax.tree.map(np.shape, task.start_weights) == jax.tree.map(lambda leaf: leaf.shape, fresh)
    assert make_task(base, tmp_path / "tokens").start_weights is None
    batch = next(task.batches(0))
    assert len(batch.ids) == 6 and batch.arrays["image"].shape == (6, 16)
    assert {len(RecordSet.open(tmp_path / "tokens"))} == {4}
    other = make_tiny_model(tmp_path / "other", side=8)
    with pytest.raises(ConfigError, match="image_length 64, the run file has 16"):
        _ = make_task(base, tmp_path / "tokens", start_from=str(other)).start_weights


@pytest.mark.parametrize(("share", "rows"), [(0.5, (16, 16)), (0.25, (24, 8))])
def test_a_batch_is_divided_between_two_sets(share: float, rows: tuple[int, int]) -> None:
    data = TokenData("tokens", "tokenizer", "vqgan", rehearsal="other", rehearsal_share=share)
    assert data.divide(32) == rows
    assert TokenData("tokens", "tokenizer", "vqgan").divide(32) == (32,)
    with pytest.raises(ConfigError, match="without any"):
        data.divide(1)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        TokenData("tokens", "tokenizer", "vqgan", rehearsal_share=1.0)
