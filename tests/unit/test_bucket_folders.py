"""The store with its pictures in a bucket: fsspec's own, which is in memory, in place of somebody's service."""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import fsspec
import pytest
from clocks import Clock
from shared import publish

from dalle_mini.errors import ConfigError, OutputError
from dalle_mini.serving.folders import BucketFolders
from dalle_mini.serving.settings import Settings
from dalle_mini.serving.shares import open_shares
from dalle_mini.serving.store import Label, Store

ADDRESS = "memory://bucket/drawings"
IDS = [letter * 22 for letter in "abc"]
FILES = {"grid.png": b"grid", "0.png": b"zero"}


@pytest.fixture
def files() -> Iterator[Any]:
    files = fsspec.filesystem("memory")
    yield files
    if files.exists("/bucket"):
        files.rm("/bucket", recursive=True)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock, files: Any) -> Iterator[Store]:
    store = Store(tmp_path, keep_seconds=60, max_bytes=1000, pictures=BucketFolders(ADDRESS), clock=clock)
    yield store
    store.close()


def test_pictures_are_in_the_bucket_and_rows_here(store: Store, files: Any, tmp_path: Path) -> None:
    store.put(Label(IDS[0], "secret"), FILES, {"prompt": "a cat"})
    assert store.read(IDS[0], "grid.png") == b"grid" and store.read(IDS[0], "1.png") is None
    assert sorted(files.find("/bucket")) == [f"/bucket/drawings/{IDS[0]}/{name}" for name in sorted(FILES)]
    assert store.locate(IDS[0], "grid.png") in files.find("/bucket")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".sqlite"] == ["drawings.sqlite"]
    assert not (tmp_path / "pictures").exists()


def test_what_is_deleted_or_expired_leaves_the_bucket(store: Store, files: Any, clock: Clock) -> None:
    for id in IDS:
        store.put(Label(id, "secret"), FILES, {})
    assert store.delete(IDS[0], "secret")
    assert not any(IDS[0] in name for name in files.find("/bucket"))
    clock.now += 61
    store.sweep()
    assert not files.find("/bucket")


def test_what_a_killed_process_left_is_swept_in_time(files: Any, tmp_path: Path) -> None:
    folders = BucketFolders(ADDRESS)
    for id in IDS:
        folders.write(id, FILES)
    for name in files.find(f"/bucket/drawings/{IDS[0]}") + files.find(f"/bucket/drawings/{IDS[1]}"):
        files.store[name].modified = datetime.now(UTC) - timedelta(hours=2)
    folders.sweep({IDS[1]}, 3600)
    left = {Path(name).parent.name for name in files.find("/bucket")}
    assert left == {IDS[1], IDS[2]}, "one is known, the other may be about to be"


def test_a_bucket_out_of_reach_is_told_of(
    store: Store, files: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store.put(Label(IDS[0], "secret"), FILES, {})

    def fail(*_: Any, **__: Any) -> None:
        raise ConnectionResetError("it hung up")

    for name in ("pipe_file", "cat_file", "rm"):
        monkeypatch.setattr(type(files), name, fail)
    with pytest.raises(OutputError, match="out of reach") as told:
        store.put(Label(IDS[1], "secret"), FILES, {})
    assert told.value.hint and not store.get(IDS[1])
    assert "can't reach /bucket/drawings: it hung up" in caplog.text and "bucket" not in str(told.value)
    with pytest.raises(OutputError):
        store.read(IDS[0], "grid.png")
    assert store.delete(IDS[0], "secret"), "its row goes at once, and its files are rubbish"


def test_an_address_that_nothing_reaches_is_told_before_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigError, match="nowhere") as told:
        BucketFolders("nowhere://bucket")
    assert "install" not in told.value.hint
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(ConfigError, match="s3://bucket") as told:
        BucketFolders("s3://bucket")
    assert "dalle-mini[s3]" in told.value.hint


def test_a_setting_names_it(files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DALLE_MINI_HOME", str(tmp_path))
    settings = Settings(store=f"{ADDRESS}/")
    assert settings.bucket == ADDRESS and settings.folder == tmp_path / "drawings"
    assert not Settings(store="~/drawings").bucket
    shares = open_shares(settings)
    share, _ = publish(shares)
    shares.close()
    assert any(f"drawings/shared/{share.id}/" in name for name in files.find("/bucket"))
