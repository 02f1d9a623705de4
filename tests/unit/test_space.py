"""The folder of a Hugging Face Space: it has what it needs, runs by itself, and mistakes in it are found."""

import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from dalle_mini.cli import main
from dalle_mini.space import LARGEST_FILE, check_space

PATIENCE = 120


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out") / "space"
    assert main(["space", "build", str(folder)]) == 0
    return folder


def test_a_built_space_is_whole(space: Path) -> None:
    assert check_space(space) == []
    names = {path.name for path in space.iterdir()}
    assert names == {"README.md", "LICENSE", "app.py", "requirements.txt", "packages.txt", "dalle_mini", "assets"}
    assert not list(space.rglob("__pycache__"))
    assert (space / "README.md").read_text().startswith("---\n# The Space's manifest")
    assert (space / "packages.txt").read_text() == "libfribidi0\n"


def test_nothing_is_overwritten(space: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["space", "build", str(space)]) == 2
    assert "is there already" in capsys.readouterr().err
    assert not list(space.parent.glob(".*"))


def replace(name: str, old: str, new: str) -> Callable[[Path], object]:
    def change(folder: Path) -> None:
        text = (folder / name).read_text()
        assert old in text
        (folder / name).write_text(text.replace(old, new))

    return change


@pytest.mark.parametrize(
    ("spoil", "found"),
    [
        (replace("README.md", "colorFrom: yellow", "colorFrom: mauve"), "colorFrom='mauve'"),
        (replace("README.md", 'python_version: "3.11"', "python_version: 3.11"), "python_version=3.11 is not a text"),
        (replace("README.md", 'python_version: "3.11"', 'python_version: "3.10"'), "python_version='3.10'"),
        (replace("README.md", "sdk_version: 6", "sdk_version: 5"), "is not in the range of gradio"),
        (replace("README.md", "sdk: gradio", "sdk: docker"), "sdk='docker'"),
        (replace("README.md", "app_file: app.py", "app_file: main.py"), "app_file='main.py' is not there"),
        (replace("README.md", "Type a prompt, get", "x" * 61), "short_description is longer"),
        (replace("README.md", "---\n# The", "# The"), "no front matter"),
        (replace("requirements.txt", "numpy>=2,<3", "numpy>=2"), "'numpy>=2' is not bounded"),
        (lambda folder: (folder / "packages.txt").unlink(), "no libfribidi0"),
        (lambda folder: (folder / "assets" / "big").write_bytes(bytes(LARGEST_FILE + 1)), "assets/big: 10.0 MB"),
        (lambda folder: (folder / "dalle_mini" / "pipeline.py").write_text("import no_such"), "can't be imported"),
        (lambda folder: shutil.rmtree(folder / "dalle_mini" / "web"), "can't be imported"),
    ],
)
def test_what_is_wrong_is_found(
    space: Path, tmp_path: Path, spoil: Callable[[Path], object], found: str, capsys: pytest.CaptureFixture[str]
) -> None:
    spoiled = tmp_path / "space"
    shutil.copytree(space, spoiled)
    spoil(spoiled)
    assert main(["space", "check", str(spoiled)]) == 1
    assert found in capsys.readouterr().out


@pytest.fixture
def address(space: Path, tmp_path: Path) -> Iterator[str]:
    """Of the Space as it is started there: the port by the environment, and no other copy of the program in sight."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "DALLE_MINI_HOME")}
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=space,
        env={**kept, "GRADIO_SERVER_PORT": "0", "SPACE_ID": "me/mine", "HOME": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    watch = threading.Timer(PATIENCE, process.kill)
    watch.start()
    assert process.stdout
    with process.stdout as lines:
        said = []
        for line in lines:
            said.append(line)
            if found := re.search(r"http://\S+", line):
                yield found[0]
                break
        else:
            pytest.fail("".join(said))
        process.send_signal(signal.SIGTERM)
        lines.read()
    assert process.wait(PATIENCE) == 0
    watch.cancel()


def test_a_space_serves_the_page_and_draws(address: str) -> None:
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        assert "DALL·E mini" in client.get("/").text
        answer = client.post("/api/v1/generations?wait=100", json={"prompt": "a red car", "images": 1, "seed": 1})
        assert answer.status_code == 200, answer.text
        assert client.get(answer.json()["result"]["png"]).content.startswith(b"\x89PNG")
