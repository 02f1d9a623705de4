"""Checks of what is installed: Python, the packages, what JAX draws on, the bundled model."""

import importlib.metadata
import importlib.util
import platform
import shutil
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import dalle_mini
from dalle_mini.cli.finding import Finding, fail, ok, warn
from dalle_mini.errors import DalleMiniError

_ROOT = Path(__file__).parents[2]
_BUNDLED = "nano"


def reinstall() -> str:
    """The command that installs everything anew."""
    if (_ROOT / "run").is_file():
        return f"rm -rf {_ROOT / '.venv'} && {_ROOT / 'run'} --setup"
    return f"{_install()} --force-reinstall dalle-mini"


def _install() -> str:
    """The command that installs a package beside this one: a folder that uv filled has no pip."""
    if importlib.util.find_spec("pip"):
        return f"{sys.executable} -m pip install"
    return f"{shutil.which('uv') or _ROOT / '.boot' / 'uv'} pip install --python {sys.executable}"


def check_python() -> Iterator[Finding]:
    from packaging.specifiers import SpecifierSet

    wanted, _ = _requirements()
    found = f"{platform.python_version()} ({sys.executable})"
    if SpecifierSet(wanted).contains(platform.python_version(), prereleases=True):
        yield ok("Python", found)
    else:
        yield fail("Python", f"{found}, but {wanted} is needed", "install Python 3.11 or later")


def check_packages() -> Iterator[Finding]:
    from packaging.requirements import Requirement

    _, texts = _requirements()
    wanted = [Requirement(text) for text in texts]
    wanted = [one for one in wanted if not one.marker or one.marker.evaluate({"extra": ""})]
    wrong = [finding for requirement in wanted if (finding := _check_package(requirement))]
    yield from wrong
    if not wrong:
        yield ok("packages", f"dalle-mini {dalle_mini.__version__} has the {len(wanted)} it needs")


def _check_package(requirement) -> Finding | None:
    try:
        found = importlib.metadata.version(requirement.name)
    except importlib.metadata.PackageNotFoundError:
        found = "missing"
    else:
        if requirement.specifier.contains(found, prereleases=True):
            return None
    name = f"package {requirement.name}"
    return fail(name, f"{found}, but {requirement.specifier} is needed", reinstall())


def _requirements() -> tuple[str, list[str]]:
    """The Python and the packages that are needed, as the checkout says, or the package."""
    checkout = _ROOT / "pyproject.toml"
    if checkout.is_file():
        project = tomllib.loads(checkout.read_text())["project"]
        return project["requires-python"], project["dependencies"]
    installed = importlib.metadata.metadata("dalle-mini")
    return installed["Requires-Python"], installed.get_all("Requires-Dist") or []


def check_jax() -> Iterator[Finding]:
    import jax

    devices = ", ".join(sorted({device.device_kind for device in jax.devices()}))
    found = f"{jax.__version__} draws on {jax.default_backend()}: {len(jax.devices())} × {devices}"
    if jax.default_backend() == "cpu" and Path("/dev/nvidia0").exists():
        fix = f"{_install()} 'jax[cuda]=={jax.__version__}'"
        yield warn("JAX", f"{found}, and leaves the NVIDIA device alone", fix)
    else:
        yield ok("JAX", found)


def check_bundled_model() -> Iterator[Finding]:
    from dalle_mini.checkpoints.digests import verify
    from dalle_mini.checkpoints.releases import resolve

    try:
        found = resolve(_BUNDLED, offline=True)
        problems = [*verify(found.transformer), *verify(found.vqgan)]
    except DalleMiniError as error:
        problems = [str(error)]
    if problems:
        fix = f"git -C {_ROOT} restore assets" if (_ROOT / ".git").exists() else reinstall()
        yield fail("bundled model", "; ".join(problems), fix)
    else:
        yield ok("bundled model", f"{_BUNDLED} is as it was saved")


CHECKS = [
    ("Python", check_python),
    ("packages", check_packages),
    ("JAX", check_jax),
    ("bundled model", check_bundled_model),
]
