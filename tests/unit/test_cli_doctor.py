"""`dalle-mini doctor` and `dalle-mini models`: what they say of an installation."""

import json
import socket
from pathlib import Path

import pytest
from doubles import make_tiny_model
from packaging.requirements import Requirement

from dalle_mini.cli import installation, main, places
from dalle_mini.cli.finding import Finding
from dalle_mini.cli.sizes import format_bytes


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that the user keeps under the name `mine`."""
    monkeypatch.setenv("DALLE_MINI_HOME", str(tmp_path))
    return make_tiny_model(tmp_path / "models" / "mine")


def run_json(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, list[dict]]:
    status = main([*arguments, "--json"])
    return status, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_doctor_checks_everything_and_its_status_says_whether_something_failed(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installation, "_BUNDLED", "mine")
    status, findings = run_json(["doctor"], capsys)
    by_check = {finding["check"]: finding for finding in findings}
    assert {"Python", "packages", "JAX", "bundled model", "models and drawings", "disk", "port"} <= set(by_check)
    assert by_check["bundled model"]["status"] == "ok"
    for finding in findings:
        assert finding["status"] in ("ok", "warn", "fail")
        assert bool(finding["fix"]) == (finding["status"] != "ok")
    assert status == any(finding["status"] == "fail" for finding in findings)


def test_doctor_says_how_to_mend_a_damaged_model(
    kept: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(installation, "_BUNDLED", "mine")
    (kept / "config.json").write_text("{}")
    assert main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    (number,) = (number for number, line in enumerate(lines) if line.startswith("fail  bundled model: config.json"))
    assert lines[number + 1].strip()


def test_doctor_reaches_for_the_hub_only_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    _, findings = run_json(["doctor"], capsys)
    assert not [finding for finding in findings if finding["check"] == "Hub"]
    status, findings = run_json(["doctor", "--online"], capsys)
    assert status == 1
    assert findings[-1]["check"] == "Hub" and findings[-1]["status"] == "fail"


@pytest.mark.parametrize("text", ["numpy>=99", "nothing-of-this-name>=1"])
def test_a_package_of_another_version_is_found(text: str) -> None:
    finding = installation._check_package(Requirement(text))
    assert isinstance(finding, Finding) and finding.status == "fail" and finding.fix
    assert text.rpartition(">")[2].strip("=") in finding.found


def test_a_port_in_use_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(places, "_PORT", server.getsockname()[1])
        (finding,) = places.check_port()
    assert finding.status == "warn" and "--port" in finding.fix


def test_a_folder_that_cannot_be_written_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALLE_MINI_HOME", "/dev/null/home")
    (finding,) = places.check_data_folder()
    assert finding.status == "fail" and "DALLE_MINI_HOME" in finding.fix


def test_models_tells_what_is_here(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, listings = run_json(["models"], capsys)
    assert status == 0
    models = {listing["name"]: listing for listing in listings}
    assert list(models) == ["nano", "mini", "mega", "mine"]
    mine, mini = models["mine"], models["mini"]
    assert mine["local"] and mine["where"] == [str(kept), str(kept / "vqgan")]
    assert mine["bytes"] == sum(path.stat().st_size for path in kept.rglob("*") if path.is_file())
    assert not mini["local"] and mini["bytes"] > 1e9 and "on the Hub" in mini["where"][0]


def test_models_tells_what_is_broken(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (kept / "tokenizer.json").unlink()
    (kept / "vocab.json").unlink()
    assert main(["models"]) == 0
    shown = capsys.readouterr().out
    assert "mine" in shown and "broken" in shown and "holds no tokenizer" in shown


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "2 kB"), (16.05e6, "16.1 MB"), (1e12, "1000.0 GB")]
)
def test_sizes_in_words(count: float, text: str) -> None:
    assert format_bytes(count) == text
