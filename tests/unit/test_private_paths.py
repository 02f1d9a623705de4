"""Whatever is wrong with a server's files: neither callers nor visitors are told where they lie."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from doubles import make_tiny_model
from fastapi.testclient import TestClient

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import DalleMiniError
from dalle_mini.serving.app import build_api, guard
from dalle_mini.serving.order import Order
from dalle_mini.serving.service import build_service
from dalle_mini.serving.settings import Settings
from dalle_mini.web.studio import Studio

TOKENIZER = "tokenizer.json", "vocab.json"
GENERATIONS = "/api/v1/generations"


def empty(path: Path) -> None:
    path.write_bytes(b"")


MISHAPS: dict[str, Callable[[Path], object]] = {
    "no config": lambda folder: (folder / "config.json").unlink(),
    "a config that is no JSON": lambda folder: empty(folder / "config.json"),
    "no weights": lambda folder: [path.unlink() for path in folder.glob("*.safetensors")],
    "weights cut short": lambda folder: [empty(path) for path in folder.glob("*.safetensors")],
    "weights of another model": lambda folder: next(folder.glob("*.safetensors")).write_bytes(
        next((folder / "vqgan").glob("*.safetensors")).read_bytes()
    ),
    "no tokenizer": lambda folder: [
        path.unlink() for path in folder.glob("*.json") if path.stem in ("tokenizer", "vocab")
    ],
    "a broken tokenizer": lambda folder: empty(folder / "tokenizer.json"),
    "broken defaults": lambda folder: (folder / "generation.json").write_text('{"temperature": "hot"}'),
    "a vqgan that is none": lambda folder: empty(folder / "vqgan" / "config.json"),
    "nothing at all": lambda folder: folder.rename(folder.with_name("elsewhere")),
}


@pytest.mark.parametrize("mishap", MISHAPS.values(), ids=MISHAPS)
def test_nobody_is_told_where_a_model_lies(
    mishap: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = make_tiny_model(tmp_path / "secret" / "tiny")
    mishap(folder)
    service = build_service(str(folder), Settings(store=str(tmp_path / "store")))
    service.engine.start()
    client = TestClient(guard(build_api(service), service), raise_server_exceptions=False)
    with caplog.at_level(logging.ERROR):
        told = [
            client.post(GENERATIONS, params={"wait": 60}, json={"prompt": "a red car"}),
            client.post("/generate", json={"prompt": "a red car"}),
            client.get("/api/v1/models"),
            client.get("/readyz"),
            client.get("/metrics"),
        ]
        with pytest.raises(DalleMiniError) as refused:
            list(Studio(service.engine, str(folder)).draw(Order(str(folder), "a cat", GenerationConfig(), 1)))
    service.close()
    texts = [answer.text + str(answer.headers) for answer in told] + [f"{refused.value} {refused.value.hint}"]
    assert not [text for text in texts if "secret" in text or str(tmp_path) in text]
    assert str(folder) in caplog.text, "the operator is told"


def test_models_that_are_kept_are_offered_without_their_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALLE_MINI_HOME", str(tmp_path / "secret"))
    make_tiny_model(tmp_path / "secret" / "models" / "mine")
    service = build_service("nano", Settings(store=str(tmp_path / "store")))
    offered = {model.name: model for model in service.list_models()}
    service.close()
    assert offered["mine"].here and "secret" not in offered["mine"].description
