"""The Containerfile, read line by line: what it copies is there, what it installs is locked, and nobody is root."""

import json
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTRUCTIONS = {
    *("FROM", "ARG", "WORKDIR", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE", "HEALTHCHECK", "STOPSIGNAL"),
    "ENTRYPOINT",
}


def read_stages() -> list[list[tuple[str, str]]]:
    """The instructions of every stage, with their arguments."""
    lines = [line for line in (ROOT / "Containerfile").read_text().splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    parsed = [tuple(line.split(maxsplit=1)) for line in joined.splitlines() if line.strip()]
    stages: list[list[tuple[str, str]]] = []
    for word, rest in parsed:
        if word == "FROM":
            stages.append([])
        stages[-1].append((word, rest))
    return stages


STAGES = read_stages()
ALL = [instruction for stage in STAGES for instruction in stage]
LAST = STAGES[-1]


def find(name: str) -> list[str]:
    return [rest for word, rest in LAST if word == name]


def test_it_has_known_instructions_only() -> None:
    assert {word for word, _ in ALL} <= INSTRUCTIONS
    assert len(STAGES) == 2


def test_images_go_by_their_short_names_with_a_version() -> None:
    for stage in STAGES:
        assert re.fullmatch(r"[a-z]+:[\w.-]+( AS \w+)?", stage[0][1]) and ":latest" not in stage[0][1]
    assert "://" not in "".join(rest for _, rest in ALL).replace("http://127.0.0.1", "")


def test_what_is_copied_is_there_and_not_ignored() -> None:
    allowed = {line[1:] for line in (ROOT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    for word, rest in ALL:
        if word == "COPY" and not rest.startswith("--from"):
            *sources, _ = rest.split()
            for source in sources:
                assert (ROOT / source).exists() and source.split("/")[0] in allowed


def test_packages_are_locked() -> None:
    installs = [part for word, rest in ALL if word == "RUN" for part in rest.split("&&") if "pip install" in part]
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes -r" in install or '"jax[$ACCELERATOR]==$jax"' in install
    jax = subprocess.run(
        ["sed", "-n", r"s/^jax==\([0-9.]*\).*/\1/p", "run.txt"], cwd=ROOT / "locks", capture_output=True, text=True
    )
    assert re.fullmatch(r"[\d.]+\n", jax.stdout)


def test_it_does_not_run_as_root() -> None:
    words = [word for word, _ in LAST]
    assert find("USER") == ["painter"] and "USER painter" not in ALL[0]
    assert not [word for word in words[words.index("USER") :] if word in ("RUN", "COPY")]


def test_its_health_is_that_of_the_service() -> None:
    (check,) = find("HEALTHCHECK")
    command = json.loads(check[check.index("CMD") + 3 :])
    assert "/livez" in command[-1] and "7860" in command[-1] and find("EXPOSE") == ["7860"]
    compile(command[-1], "health check", "exec")


def test_it_is_stopped_as_the_service_wants() -> None:
    assert find("STOPSIGNAL") == ["SIGTERM"]
    (entry,) = find("ENTRYPOINT")
    assert json.loads(entry) == ["python", "app.py"], "no shell stands between the signal and the program"


@pytest.mark.parametrize("script", [rest for word, rest in ALL if word == "RUN"])
def test_its_scripts_are_shell(script: str) -> None:
    subprocess.run(["sh", "-n", "-c", script], check=True)
