"""`dalle-mini checkpoint`: what it shows of a model, what it writes, and what it finds wrong."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from doubles import make_tiny_model

from dalle_mini.checkpoints.layout import flatten
from dalle_mini.checkpoints.store import load_transformer, load_vqgan
from dalle_mini.cli import main


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture
def model(pristine: Path, tmp_path: Path) -> Path:
    """A copy that may be damaged."""
    return shutil.copytree(pristine, tmp_path / "model")


def test_inspect_tells_the_transformer_and_its_vqgan(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "inspect", str(model), "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["kind"], record["vqgan"]["kind"]) == ("transformer", "VQGAN")
    assert record["bytes"] == 4 * record["parameters"] == 4 * record["dtypes"]["float32"]
    assert record["sizes"].items() <= json.loads((model / "config.json").read_text()).items()
    assert record["problems"] == record["vqgan"]["problems"] == []
    assert main(["checkpoint", "inspect", str(model)]) == 0
    shown = capsys.readouterr().out
    assert f"{record['parameters']:,} (float32" in shown and "safetensors" in shown


def test_inspect_exits_with_1_where_the_model_cannot_be_loaded(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"encoder_ffn_dim": 3}))
    assert main(["checkpoint", "inspect", str(model), "--json"]) == 1
    record = json.loads(capsys.readouterr().out)
    assert "encoder" in record["problems"][0] and not record["vqgan"]["problems"]


@pytest.mark.parametrize("form", ["msgpack", "msgpack-scanned"])
def test_convert_there_and_back_changes_nothing(
    form: str, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there, back = str(tmp_path / "there"), str(tmp_path / "back")
    assert main(["checkpoint", "convert", str(model), there, "--format", form]) == 0
    assert main(["checkpoint", "convert", there, back]) == 0
    assert capsys.readouterr().out.split() == [there, back]
    assert (tmp_path / "back" / "tokenizer.json").is_file()
    for load, part in ((load_transformer, "."), (load_vqgan, "vqgan")):
        config, params = load(model / part)
        other, arrived = load(tmp_path / "back" / part)
        assert config == other
        for path, leaf in flatten(params).items():
            np.testing.assert_array_equal(leaf, flatten(arrived)[path])
    assert main(["checkpoint", "verify", back]) == 0


def test_verify_names_every_file_that_changed(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "verify", str(model)]) == 0
    weights = model / "vqgan" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    (model / "config.json").write_text("{}")
    assert main(["checkpoint", "verify", str(model)]) == 2
    shown = capsys.readouterr()
    assert shown.out == f"{model}: as it was saved\n"
    assert "config.json" in shown.err and "model.safetensors" in shown.err and "\nhint: " in shown.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "nowhere"], "nowhere does not exist"),
        (["verify", "nowhere"], "nowhere"),
        (["convert", "nowhere", "there"], "nowhere does not exist"),
        (["convert", "MODEL", "there", "--format", "pickle"], "unknown format 'pickle'"),
        (["convert", "MODEL", "there", "--dtype", "int3"], "'int3'"),
        (["convert", "MODEL", "MODEL"], "is the folder to convert"),
        (["convert", "MODEL", "/dev/null/there"], "can't write /dev/null/there"),
    ],
)
def test_bad_input_is_refused(
    arguments: list[str],
    message: str,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(model.parent)
    assert main(["checkpoint", *(word.replace("MODEL", str(model)) for word in arguments)]) == 2
    shown = capsys.readouterr()
    assert not shown.out
    lines = shown.err.splitlines()
    assert lines[0].startswith("error: ") and message in shown.err and lines[-1].startswith("hint: ")
    assert [path.name for path in model.parent.iterdir()] == ["model"]
