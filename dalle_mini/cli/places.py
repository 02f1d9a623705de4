"""Checks of what lies around an installation: its folders, the disk, the page's port, the Hub."""

import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dalle_mini.cli.finding import Finding, fail, ok, warn
from dalle_mini.cli.sizes import folder_bytes, format_bytes

_PORT = 7860
_LITTLE_SPACE = 500e6
_HUB_ADDRESS = "dalle-mini/dalle-mini"


def check_data_folder() -> Iterator[Finding]:
    from dalle_mini.checkpoints.releases import home

    yield _check_folder("models and drawings", home(), "set DALLE_MINI_HOME to a folder of yours")


def check_compile_cache() -> Iterator[Finding]:
    import jax

    from dalle_mini.compilation import enable_compilation_cache

    enable_compilation_cache()
    folder = Path(jax.config.values["jax_compilation_cache_dir"])
    fix = "set JAX_COMPILATION_CACHE_DIR to a folder of yours: without it every start is slow"
    yield _check_folder("compiled programs", folder, fix)


def _check_folder(check: str, folder: Path, fix: str) -> Finding:
    try:
        nearest = _nearest(folder)
        with tempfile.TemporaryFile(dir=nearest):
            pass
    except OSError as error:
        return fail(check, f"can't write to {folder}: {error.strerror}", fix)
    size = format_bytes(folder_bytes(folder)) if folder.exists() else "nothing yet"
    return ok(check, f"{size} in {folder}")


def check_disk() -> Iterator[Finding]:
    from dalle_mini.checkpoints.releases import home

    free = shutil.disk_usage(_nearest(home())).free
    found = f"{format_bytes(free)} free"
    if free < _LITTLE_SPACE:
        fix = "free some space, or set DALLE_MINI_HOME to a folder on a larger disk"
        yield warn("disk", found, fix)
    else:
        yield ok("disk", found)


def _nearest(folder: Path) -> Path:
    """The folder, or the first above it that exists."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def check_port() -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", _PORT))
        except OSError as error:
            fix = f"dalle-mini serve --port {_PORT + 1}, or stop what listens there"
            yield warn("port", f"{_PORT}: {error.strerror}", fix)
            return
    yield ok("port", f"{_PORT} is free for the page")


def check_hub() -> Iterator[Finding]:
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import HfHubHTTPError, HTTPError, OfflineModeIsEnabled

    try:
        HfApi().model_info(_HUB_ADDRESS, timeout=10)
    except (HfHubHTTPError, HTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        fix = "check the network, and HF_ENDPOINT and HF_HUB_OFFLINE; what is here works without"
        yield fail("Hub", f"{constants.ENDPOINT} does not answer: {first_line}", fix)
    else:
        yield ok("Hub", f"{constants.ENDPOINT} answers")


CHECKS = [
    ("models and drawings", check_data_folder),
    ("compiled programs", check_compile_cache),
    ("disk", check_disk),
    ("port", check_port),
]
