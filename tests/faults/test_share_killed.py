"""The writer of shared pages, killed at any moment: a page is whole or not there."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from shared import draw_page, publish

from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.shares import Shares

KILLS = 12
OPTIONS = "max_days=9, max_bytes=10**9, reports_to_hide=3"
WRITER = f"""
import json, sys
from pathlib import Path
from dalle_mini.serving.shares import Choices, Shares
folder = Path(sys.argv[1])
files = {{path.name: path.read_bytes() for path in (folder / "files").iterdir()}}
shares = Shares(folder / "shared", {OPTIONS})
while True:
    share, _ = shares.publish(files, json.loads((folder / "told.json").read_text()), Choices())
    print(share.id, flush=True)
"""


def test_nothing_is_shown_by_half(tmp_path: Path) -> None:
    files, told = draw_page("a red car")
    (tmp_path / "files").mkdir()
    (tmp_path / "told.json").write_text(json.dumps(told))
    for name, content in files.items():
        (tmp_path / "files" / name).write_bytes(content)
    chance, acknowledged = random.Random(0), set()
    for _ in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        assert writer.stdout
        first = writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.05))
        writer.kill()
        rest = [line for line in writer.stdout.read().splitlines(keepends=True) if line.endswith("\n")]
        acknowledged |= {line.strip() for line in (first, *rest)}
        writer.stdout.close()
        writer.wait()
    shares = Shares(tmp_path / "shared", max_days=9, max_bytes=10**9, reports_to_hide=3)
    seen = {path.name for path in (tmp_path / "shared" / "pictures").iterdir()}
    assert acknowledged <= seen and len(acknowledged) >= KILLS
    for id in seen:
        try:
            assert shares.find(id).prompt == "a red car"
        except NotFound:
            assert id not in acknowledged
            for name in files:
                with pytest.raises(NotFound):
                    shares.read(id, name)
        else:
            assert {name: shares.read(id, name)[1] for name in files} == files
    publish(shares)
    shares.close()
