"""`dalle-mini data`, `train` and `serve`: from a folder of pictures to a model, by commands alone."""

import json
import socket
from pathlib import Path

import numpy as np
import pytest
from doubles import CAPTIONS, IMAGE_LENGTH, IMAGE_SIZE, make_tiny_model
from sets import write_pictures

from dalle_mini.cli import extras, main
from dalle_mini.data.shards import RecordSet

pytestmark = pytest.mark.usefixtures("quick_compiles")

RUN = """
[data]
tokens = "tokens"
tokenizer = "words"
vqgan = "tiny/vqgan"
[model]
encoder_vocab_size = 300
image_vocab_size = 64
max_text_length = 16
image_length = 16
d_model = 32
encoder_layers = 1
decoder_layers = 1
encoder_attention_heads = 2
decoder_attention_heads = 2
encoder_ffn_dim = 32
decoder_ffn_dim = 32
normalize_text = true
[optimizer]
steps = 900
batch_size = 4
learning_rate = 1e-3
[loop]
log_every = 1
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with two shards of pictures."""
    monkeypatch.chdir(tmp_path)
    captions = [caption.strip().upper() for caption in CAPTIONS * 2]
    size = (len(captions), IMAGE_SIZE, IMAGE_SIZE, 3)
    pixels = np.random.default_rng(0).integers(256, size=size, dtype=np.uint8)
    write_pictures(tmp_path / "scenes", pixels, captions, per_shard=len(CAPTIONS))
    return tmp_path


def test_from_pictures_to_a_trained_transformer(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_tiny_model(here / "tiny")
    (here / "run.toml").write_text(RUN)
    scenes = ["--pictures", "scenes"]
    assert main(["data", "tokenizer", *scenes, "--vocab-size", "300", "--out", "words"]) == 0
    assert capsys.readouterr().out == "words: 300 tokens\n"
    vocabulary = json.loads((here / "words" / "vocab.json").read_text())
    assert any(token.isascii() and token.isalpha() and len(token) > 1 for token in vocabulary)
    assert not any(token.isalpha() and token.isupper() and len(token) > 1 for token in vocabulary)

    encode = ["data", "encode", *scenes, "--vqgan", "tiny/vqgan", "--tokenizer", "words", "--normalize"]
    assert main([*encode, "--max-text-length", "16", "--out", "tokens"]) == 0
    tokens = RecordSet.open(here / "tokens", "tokens")
    assert (len(tokens), tokens.manifest.image_length) == (2 * len(CAPTIONS), IMAGE_LENGTH)

    assert main(["train", "transformer", "run.toml", "--workdir", "work", "--set", "optimizer.steps=2"]) == 0
    shown = capsys.readouterr().err
    assert "step 2/2" in shown and "exported to" in shown
    assert main(["checkpoint", "inspect", "work/model"]) == 0


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("data tokenizer --pictures empty --vocab-size 300 --out words", "empty holds no pictures"),
        ("data tokenizer --pictures scenes --vocab-size 3 --out words", "a vocabulary of 3 tokens is too small"),
        ("data encode --pictures scenes --vqgan no --tokenizer no --max-text-length 16 --out o", "no"),
        ("data encode --pictures scenes --vqgan no --tokenizer no --max-text-length 1 --out o", "a text length of 1"),
        ("train vqgan none.toml --workdir work", "can't read run file 'none.toml'"),
        ("train vqgan run.toml --workdir work --set loop", "--set 'loop' is not table.name=value"),
        ("train vqgan run.toml --workdir work --set loop.sead=1", "unknown name in [data] 'tokens'"),
        ("train transformer run.toml --workdir work --set loop.sead=1", "unknown name in [loop] 'sead'"),
    ],
)
def test_bad_input_is_refused(command: str, message: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "run.toml").write_text(RUN)
    assert main(command.split()) == 2
    error, hint = capsys.readouterr().err.splitlines()
    assert error.startswith("error: ") and message in error and hint.startswith("hint: ")
    assert sorted(path.name for path in here.iterdir()) == ["run.toml", "scenes"]


@pytest.mark.parametrize(
    "command",
    [
        "train vqgan run.toml --workdir work",
        "train plan run.toml",
        "train report work",
        "data build pictures --out out",
        "finetune --pictures pictures --name my-cats",
    ],
)
def test_missing_packages_are_named(
    command: str, here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "TRAINING", ("optax", "no_such_package"))
    assert main(command.split()) == 2
    told = capsys.readouterr().err
    assert told.startswith("error: this command needs no_such_package, not installed here\nhint: ")
    assert "dalle-mini[train]" in told


def test_serving_where_something_listens_already_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 2
    assert capsys.readouterr().err.startswith(f"error: port {port} is in use\nhint: ")
