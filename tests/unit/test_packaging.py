"""pyproject.toml, requirements.txt, the locks and the Spacefile say the same things."""

import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SPACE = yaml.safe_load((ROOT / "Spacefile").read_text())
EXTRAS = PROJECT["optional-dependencies"]
NOT_TESTED = {"ray", "s3", "wandb"}
"""Extras that are in no lock: they talk to somebody else's service, or need a machine to themselves."""


def read_lock(name: str) -> dict[str, str]:
    """Package name to version, of every line that pins one."""
    pins = {}
    for line in (ROOT / "locks" / f"{name}.txt").read_text().splitlines():
        if not line.startswith(" "):
            requirement = Requirement(line.rstrip(" \\"))
            (pin,) = requirement.specifier
            pins[canonicalize_name(requirement.name)] = pin.version
    return pins


def test_requirements_file_holds_the_base_dependencies() -> None:
    assert (ROOT / "requirements.txt").read_text().splitlines() == PROJECT["dependencies"]


def resolve_extra(name: str) -> list[str]:
    """The requirements of an extra; those of the extras of ours that it names in place of their names."""
    return [
        text
        for requirement in EXTRAS[name]
        for text in (
            sum(map(resolve_extra, Requirement(requirement).extras), [])
            if Requirement(requirement).name == PROJECT["name"]
            else [requirement]
        )
    ]


@pytest.mark.parametrize("text", PROJECT["dependencies"] + sum(map(resolve_extra, EXTRAS), []))
def test_dependencies_are_bounded_on_both_sides(text: str) -> None:
    operators = {part.operator for part in Requirement(text).specifier}
    assert operators in ({">=", "<"}, {"=="})


@pytest.mark.parametrize("name", ["run", "test"])
def test_locks_satisfy_the_ranges(name: str) -> None:
    lock = read_lock(name)
    extras = {"run": {"train"}, "test": EXTRAS.keys() - NOT_TESTED}[name]
    for requirement in map(Requirement, PROJECT["dependencies"] + sum(map(resolve_extra, extras), [])):
        assert requirement.specifier.contains(lock[canonicalize_name(requirement.name)])


def test_the_test_lock_holds_the_run_lock() -> None:
    assert read_lock("run").items() <= read_lock("test").items()


@pytest.mark.parametrize("name", ["run", "test", "uv"])
def test_locks_are_hashed_and_hold_no_address(name: str) -> None:
    text = (ROOT / "locks" / f"{name}.txt").read_text()
    assert "://" not in text and "--index" not in text and "--find-links" not in text
    for entry in text.replace("\\\n", "").splitlines():
        assert "--hash=sha256:" in entry


@pytest.mark.parametrize("name", ["run", "test"])
def test_locks_hold_no_accelerator_stack(name: str) -> None:
    unwanted = ("cuda", "nvidia", "torch", "tensorflow", "triton")
    assert not [package for package in read_lock(name) if any(word in package for word in unwanted)]


def test_the_space_runs_what_is_locked() -> None:
    assert SPACE["sdk_version"] == read_lock("run")["gradio"]
    assert SPACE["python_version"] in PROJECT["requires-python"]
    assert SPACE["license"] == PROJECT["license"].lower()
    assert (ROOT / SPACE["app_file"]).is_file()
