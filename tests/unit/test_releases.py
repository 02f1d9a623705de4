"""From a name, a directory or a Hub id to the folders of a model."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

from dalle_mini.checkpoints.releases import Repository, available_releases, resolve, spell_out
from dalle_mini.errors import CheckpointError, ConfigError

ROOT = Path(__file__).parents[2]
PUBLISHED_SIZES = {"image_vocab_size": 16384, "image_length": 256}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's data directory; nothing of the real one, and no way out."""
    monkeypatch.setenv("DALLE_MINI_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path / "home"


def make_model(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    return folder


def make_whole_model(folder: Path) -> Path:
    make_model(folder)
    (folder / "vqgan").mkdir()
    return folder


def keep_from_hub(home: Path, name: str, **config: object) -> Path:
    """What a download leaves behind."""
    return make_model(home / "hub" / name, **config)


def test_the_built_in_releases_come_first(home: Path) -> None:
    assert [release.name for release in available_releases()] == ["nano", "mini", "mega"]
    make_model(home / "models" / "birds")
    make_model(home / "models" / "ants")
    make_model(home / "models" / "mini")
    (home / "models" / "unfinished").mkdir()
    releases = available_releases()
    assert [release.name for release in releases] == ["nano", "mini", "mega", "ants", "birds"]
    assert releases[1].transformer == Repository("dalle-mini/dalle-mini")
    assert all(release.description for release in releases)


def test_a_kept_model_is_found_by_its_name(home: Path) -> None:
    model = make_whole_model(home / "models" / "birds")
    found = resolve("birds")
    assert (found.name, found.transformer, found.vqgan) == ("birds", model, model / "vqgan")
    assert found.tokenizer == model


@pytest.mark.parametrize("written", ["./mini", "models/../mini", "{tmp}/mini"])
def test_a_directory_is_written_as_a_path(tmp_path: Path, written: str) -> None:
    model = make_whole_model(tmp_path / "mini")
    (tmp_path / "models").mkdir()
    assert resolve(written.format(tmp=tmp_path)).transformer.samefile(model)
    assert resolve(Path("mini")).transformer.samefile(model)
    with pytest.raises(CheckpointError, match="dalle-mini/dalle-mini is not on this machine"):
        resolve("mini")


def test_a_directory_named_like_a_hub_id_wins(tmp_path: Path) -> None:
    model = make_whole_model(tmp_path / "owner" / "name")
    assert resolve("owner/name").transformer.samefile(model)


def test_only_directories_are_spelled_out(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_whole_model(tmp_path / "model")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert spell_out("./model") == spell_out("~/model") == spell_out("model") == str(tmp_path / "model")
    assert spell_out("some/body") == "some/body"
    release = available_releases()[0].name
    (tmp_path / release).mkdir()
    assert spell_out(release) == release


def test_unknown_names_suggest_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown model 'mnii'") as refusal:
        resolve("mnii")
    assert "'mini'" in refusal.value.hint
    make_whole_model(tmp_path / "mine")
    with pytest.raises(ConfigError) as refusal:
        resolve("mine")
    assert "./mine" in refusal.value.hint


@pytest.mark.parametrize("path", ["./nowhere", "~/no/where", "a/b/c", "/nowhere/at/all", "..x"])
def test_paths_that_lead_nowhere(path: str) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        resolve(path)


def test_a_downloaded_release_needs_no_network(home: Path) -> None:
    model = keep_from_hub(home, "dalle-mini--dalle-mini@main")
    name = "dalle-mini--vqgan_imagenet_f16_16384@e93a26e7707683d349bf5d5c41c5b0ef69b677a9"
    pixels = keep_from_hub(home, name)
    for written in ("mini", "dalle-mini/dalle-mini"):
        (model / "config.json").write_text(json.dumps(PUBLISHED_SIZES))
        found = resolve(written)
        assert (found.name, found.transformer, found.vqgan) == (written, model, pixels)


def test_the_vqgan_is_the_one_given_or_inside_or_published(tmp_path: Path, home: Path) -> None:
    published = keep_from_hub(home, "dalle-mini--vqgan_imagenet_f16_16384@e93a26e7707683d349bf5d5c41c5b0ef69b677a9")
    model = make_model(tmp_path / "model", image_vocab_size=16415, image_length=256)
    assert resolve(model).vqgan == published
    (model / "vqgan").mkdir()
    assert resolve(model).vqgan == model / "vqgan"
    other = make_model(tmp_path / "other")
    assert resolve(model, vqgan="./other").vqgan.samefile(other)
    with pytest.raises(CheckpointError, match="nowhere does not exist"):
        resolve(model, vqgan="./nowhere")


@pytest.mark.parametrize(
    "config",
    [{"image_vocab_size": 64, "image_length": 256}, {"image_vocab_size": 16384, "image_length": 16}, {}],
)
def test_the_published_vqgan_must_fit(tmp_path: Path, config: dict[str, int]) -> None:
    model = make_model(tmp_path / "model", **config)
    with pytest.raises(CheckpointError, match="holds no vqgan") as refusal:
        resolve(model)
    assert refusal.value.hint


def test_the_tokenizer_may_be_elsewhere(tmp_path: Path) -> None:
    model = make_whole_model(tmp_path / "model")
    (model / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="holds no tokenizer"):
        resolve(model)
    other = tmp_path / "words"
    other.mkdir()
    (other / "vocab.json").write_text("{}")
    assert resolve(model, tokenizer=other).tokenizer == other


@pytest.mark.parametrize("value", ["1", "on", "True", "YES"])
def test_the_environment_switches_offline_mode_on(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", value)
    with pytest.raises(CheckpointError, match="offline mode is on") as refusal:
        resolve("mega")
    assert "--model nano" in refusal.value.hint


def test_without_network_the_answer_comes_at_once() -> None:
    """In a process of its own, which reads the address of the Hub when it starts."""
    script = (
        "import sys, dalle_mini.checkpoints.releases as releases\n"
        "from dalle_mini.errors import CheckpointError\n"
        "assert not {'jax', 'numpy', 'huggingface_hub'} & sys.modules.keys()\n"
        "try: releases.resolve('mini')\n"
        "except CheckpointError as error: print(error, '|', error.hint)\n"
        "assert 'jax' not in sys.modules\n"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": "cache"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert "can't reach the Hub at http://127.0.0.1:9" in done.stdout
    assert "--model nano" in done.stdout
