"""The store, whose writer is killed at any moment, many times over."""

import os
import subprocess
import sys
from pathlib import Path

from store_killer import BYTES, MAX_BYTES

from dalle_mini.serving.store import Label, Store

KILLS = 50


def test_nothing_is_lost_or_half_there_after_fifty_kills(tmp_path: Path) -> None:
    killer = [sys.executable, Path(__file__).with_name("store_killer.py"), tmp_path, str(KILLS)]
    acknowledged = subprocess.run(killer, stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    assert len(set(acknowledged)) == len(acknowledged) > 10
    pictures = tmp_path / "pictures"
    store = Store(tmp_path, keep_seconds=1000, max_bytes=MAX_BYTES)
    kept = {path.name for path in pictures.iterdir() if store.get(path.name)}
    still = [id for id in acknowledged if id in kept]
    assert still == acknowledged[-len(still) :], "the quota takes the oldest, and nothing else is missing"
    assert still and len(kept) == MAX_BYTES // BYTES, "as many are kept as there is room for"
    for id in kept:
        files = {path.name: path.read_bytes() for path in (pictures / id).iterdir()}
        assert files["grid.png"] == files["0.png"] + files["1.png"]
        assert store.read(id, "grid.png") == files["grid.png"]
        assert (found := store.find_order(id.encode())) and found.id == id

    left = {path.name for path in pictures.iterdir()} - kept
    assert not any(store.read(name, "grid.png") for name in left)
    (pictures / ("o" * 22)).mkdir()
    for folder in pictures.iterdir():
        os.utime(folder, (0, 0))
    store.close()
    store = Store(tmp_path, keep_seconds=1000, max_bytes=MAX_BYTES)
    assert {path.name for path in pictures.iterdir()} == kept, "what killed writers left is swept when it is old"
    store.put(Label("n" * 22, "token"), {"0.png": b"x"}, {})
    assert store.read("n" * 22, "0.png") == b"x"
    store.close()
