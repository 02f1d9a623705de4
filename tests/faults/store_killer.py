"""Starts writers of a store and kills them at any moment: `store_killer.py FOLDER KILLS`; prints what was acknowledged.

In a process of its own: it forks, and imports no array library.
"""

import os
import random
import secrets
import signal
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from dalle_mini.serving.store import Label, Store

PICTURE = 32_000
BYTES, MAX_BYTES = 4 * PICTURE, 1_000_000
"""Of a drawing, and of all together."""


def main(folder: Path, kills: int) -> None:
    assert not {"jax", "numpy"} & sys.modules.keys()
    chance = random.Random(0)
    started = time.monotonic()
    write(folder, sys.stdout.fileno(), 3)
    usual = (time.monotonic() - started) / 3
    for _ in range(kills):
        print(*kill_a_writer(folder, chance.uniform(0, 3 * usual)), sep="\n")


def kill_a_writer(folder: Path, seconds: float) -> list[str]:
    """What a writer was told is kept, before it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        write(folder, writing, 100)
        os._exit(0)
    os.close(writing)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reading) as lines:
        return [line.strip() for line in lines if line.endswith("\n")]


def write(folder: Path, writing: int, count: int) -> None:
    store = Store(folder, keep_seconds=1000, max_bytes=MAX_BYTES)
    for _ in range(count):
        id = secrets.token_urlsafe(16)
        files = {name: os.urandom(8) * (PICTURE // 8) for name in ("0.png", "1.png")}
        files["grid.png"] = files["0.png"] + files["1.png"]
        store.put(Label(id, "token", idempotency=id.encode()), files, {"prompt": "a cat"})
        os.write(writing, f"{id}\n".encode())
    store.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
