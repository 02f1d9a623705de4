"""Every command and the Python of docs/data.md work, in a folder like the one that it tells of."""

import io
import json
import re
import shlex
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from doubles import IMAGE_SIZE, make_tiny_model
from PIL import Image

from dalle_mini.cli import main
from dalle_mini.data.items import Drop
from dalle_mini.data.judges import UNFIT
from dalle_mini.data.shards import RecordSet

pytestmark = pytest.mark.usefixtures("quick_compiles")

TEXT = (Path(__file__).parents[2] / "docs" / "data.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the page tells of."""
    here = tmp_path_factory.mktemp("docs")
    rng = np.random.default_rng(0)
    rows = []
    for name in ("a", "b", "c"):
        image = Image.fromarray(rng.integers(256, size=(5, 5, 3), dtype=np.uint8)).resize((IMAGE_SIZE + 8, IMAGE_SIZE))
        for folder in ("photos", "cats/red cats"):
            (here / folder).mkdir(parents=True, exist_ok=True)
            image.save(here / folder / f"{name}.png")
        (here / "photos" / f"{name}.txt").write_text(f"a photo called {name}")
        rows.append({"image": f"photos/{name}.png", "title": f"photo {name}", "source": f"https://example.org/{name}"})
    lines = [",".join((row["image"], row["title"], row["source"])) for row in rows]
    (here / "photos.csv").write_text("\n".join(["image,caption,source", *lines]))
    (here / "photos.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (here / "shards").mkdir()
    with tarfile.open(here / "shards" / "00000.tar", "w") as archive:
        for path in sorted((here / "photos").iterdir()):
            content = path.read_bytes()
            member = tarfile.TarInfo(path.name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    make_tiny_model(here / "tiny")
    return here


def test_the_page_works_from_top_to_bottom(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(here)
    for command in COMMANDS:
        words = shlex.split(command)
        if words[0] == "dalle-mini":
            assert main(words[1:]) == 0, command
        else:
            subprocess.run(command, shell=True, check=True)
    made = {path.name: RecordSet.open(path) for path in (here / "sets").iterdir()}
    assert {name: len(records) for name, records in made.items()} == dict.fromkeys(made, 3)
    assert len(made) == len({"photos", "table", "lines", "shards", "cats", "mine", "asked", "tokens"})
    assert made["mine"].manifest.licences == {"CC0-1.0": 3} and made["cats"].manifest.named == 3
    assert (here / "photos.png").exists()
    names: dict = {}
    for code in PYTHON:
        exec(code, names)
    assert names["batch"].arrays["text"].shape == (8, 16)


def test_every_reason_is_explained() -> None:
    package = Path(Drop.__module__.replace(".", "/")).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in (Path(__file__).parents[2] / package).glob("*.py"))
    raised = set(re.findall(r'Drop\(\s*"([a-z -]+)"', source)) | {"opted out", "unreadable caption", UNFIT}
    table = TEXT[TEXT.index("| reason | rule |") :].split("\n\n")[0]
    explained = {reason for row in table.splitlines()[2:] for reason in row.split("|")[1].strip().split(", ")}
    assert raised == explained
