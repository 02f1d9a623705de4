"""The store: what is kept, how long, and that ids are only looked up."""

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from clocks import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dalle_mini.errors import OutputError
from dalle_mini.serving.store import Label, Store

IDS = [letter * 22 for letter in "abcdefgh"]
FILES = {"grid.png": b"grid", "0.png": b"zero"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(tmp_path, keep_seconds=60, max_bytes=30, clock=clock)
    yield store
    store.close()


def test_what_is_put_is_found_again_by_another_process(store: Store, tmp_path: Path, clock: Clock) -> None:
    record = store.put(Label(IDS[0], "secret", b"key", b"request"), FILES, {"prompt": "ä 🐱"})
    assert (record.created, record.expires) == (1000, 1060)
    other = Store(tmp_path, keep_seconds=60, max_bytes=30, clock=clock)
    for reader in (store, other):
        assert reader.get(IDS[0]) == reader.find_order(b"key") == record
        assert reader.read(IDS[0], "0.png") == b"zero"
        assert reader.read(IDS[0], "1.png") is reader.get(IDS[1]) is reader.find_order(b"other") is None
        assert reader.count_bytes() == 8
    other.close()


def test_only_the_delete_token_deletes(store: Store, tmp_path: Path) -> None:
    store.put(Label(IDS[0], "secret"), FILES, {})
    for token in ("", "Secret", "secre", "\ud800"):
        assert not store.delete(IDS[0], token)
    assert not store.delete(IDS[1], "secret")
    assert store.read(IDS[0], "grid.png") == b"grid"
    assert store.delete(IDS[0], "secret") and not store.delete(IDS[0], "secret")
    assert store.get(IDS[0]) is store.read(IDS[0], "grid.png") is None
    assert not list((tmp_path / "pictures").iterdir())
    assert b"secret" not in b"".join(path.read_bytes() for path in tmp_path.glob("drawings.sqlite*"))


def test_drawings_expire(store: Store, clock: Clock, tmp_path: Path) -> None:
    store.put(Label(IDS[0], "secret", b"key"), FILES, {})
    clock.now = 1059.9
    assert store.get(IDS[0])
    clock.now = 1060
    assert store.get(IDS[0]) is store.find_order(b"key") is store.read(IDS[0], "grid.png") is None
    store.sweep()
    assert not list((tmp_path / "pictures").iterdir())


def test_the_oldest_make_room(store: Store, clock: Clock) -> None:
    for id in IDS:
        clock.now += 1
        store.put(Label(id, "secret"), FILES, {})
    assert [bool(store.get(id)) for id in IDS] == [False] * 5 + [True] * 3
    store.put(Label("x" * 22, "secret"), {"grid.png": bytes(100)}, {})
    assert store.get("x" * 22), "one that is too large alone is kept until the next"
    clock.now += 1
    store.put(Label("y" * 22, "secret"), FILES, {})
    assert not store.get("x" * 22) and store.count_bytes() == 8


def test_a_drawing_may_be_kept_for_another_time(store: Store, clock: Clock) -> None:
    store.put(Label(IDS[0], "secret"), FILES, {}, keep_seconds=10)
    store.put(Label(IDS[1], "secret"), FILES, {})
    clock.now += 10
    assert store.get(IDS[0]) is None and store.get(IDS[1])


def test_what_became_of_a_drawing_is_remembered(store: Store, clock: Clock) -> None:
    for id in IDS[:3]:
        store.put(Label(id, "secret"), FILES, {}, keep_seconds=10 if id == IDS[1] else None)
    assert store.owns(IDS[0], "secret") and not store.owns(IDS[0], "other") and not store.owns(IDS[4], "secret")
    store.delete(IDS[0], "secret")
    clock.now += 10
    for _ in range(2):
        assert [store.find_fate(id) for id in IDS[:4]] == ["deleted", "expired", None, None]
        store.sweep()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    text=st.text()
    | st.sampled_from(["..", "../drawings.sqlite", "a" * 21, "a" * 22 + "\n", "a" * 22 + "/", "%2e%2e", "../grid.png"])
)
def test_any_other_id_or_file_is_no_drawing(store: Store, text: str) -> None:
    if not store.get(IDS[0]):
        store.put(Label(IDS[0], "secret"), FILES, {})
    assert store.get(text) is store.read(text, "grid.png") is store.read(IDS[0], text) is None
    assert not store.delete(text, "secret")


@pytest.mark.parametrize("id, name", [("../x", "grid.png"), (IDS[0], "../x.png"), (IDS[0], ".png"), ("", "a.png")])
def test_names_that_are_none_are_refused(store: Store, id: str, name: str) -> None:
    with pytest.raises(ValueError):
        store.put(Label(id, "secret"), {name: b""}, {})


def test_two_drawings_never_answer_one_order(store: Store) -> None:
    store.put(Label(IDS[0], "secret", b"key"), FILES, {})
    with pytest.raises(OutputError, match="can't keep drawings"):
        store.put(Label(IDS[1], "secret", b"key"), FILES, {})
    assert store.get(IDS[0]) and not store.get(IDS[1])


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        Store(tmp_path / "file", keep_seconds=60, max_bytes=30)
    (tmp_path / "drawings.sqlite").write_bytes(b"no database" * 100)
    with pytest.raises(OutputError, match="not a database"):
        Store(tmp_path, keep_seconds=60, max_bytes=30)


def test_many_threads_share_it(store: Store, tmp_path: Path) -> None:
    def fill(letter: str) -> None:
        for number in range(10):
            store.put(Label(f"{letter}{number:021}", "secret"), FILES, {})
            store.get(f"{letter}{number:021}")

    threads = [threading.Thread(target=fill, args=(letter,)) for letter in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert store.count_bytes() == 24
    with sqlite3.connect(tmp_path / "drawings.sqlite") as rows:
        (count,) = rows.execute("SELECT COUNT(*) FROM drawings").fetchone()
    rows.close()
    assert count == len(list((tmp_path / "pictures").iterdir())) == 3
