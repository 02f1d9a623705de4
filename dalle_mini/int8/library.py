"""The compiled product and attention: made when they are first wanted, and kept in the user's cache folder."""

import ctypes
import functools
import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

import jax

from dalle_mini.cache import cache_folder
from dalle_mini.errors import ConfigError

PRODUCT, ATTENTION = "dalle_mini_int8_product", "dalle_mini_attend_past"
"""What XLA knows them by."""

_SYMBOLS = {PRODUCT: "DalleMiniInt8Product", ATTENTION: "DalleMiniAttendPast"}
_HERE = Path(__file__).parent
_SOURCES = (_HERE / "product.cc", _HERE / "attention.cc")
_HEADER = _HERE / "parts.h"
_FLAGS = ("-O3", "-march=native", "-std=c++17", "-shared", "-fPIC", "-w")
_COMPILERS = ("c++", "g++", "clang++")


@functools.cache
def register() -> None:
    """Make XLA know them; ConfigError where they can't be had.

    A file of another processor, JAX, compiler or source has another name, so it is never the wrong one that is loaded.
    """
    if jax.default_backend() != "cpu":
        raise ConfigError(f"int8 is for CPUs, and this is a {jax.default_backend()}", hint="leave dtype out")
    compiler = find_compiler()
    library = cache_folder("native") / f"int8-{_digest(compiler)}.so"
    if not library.is_file():
        _compile(compiler, library)
    try:
        loaded = ctypes.CDLL(str(library))
        handlers = {target: getattr(loaded, symbol) for target, symbol in _SYMBOLS.items()}
    except (OSError, AttributeError) as error:
        raise ConfigError(f"can't load {library}: {error}", hint="delete it, and it is made anew") from None
    for target, handler in handlers.items():
        jax.ffi.register_ffi_target(target, jax.ffi.pycapsule(handler), platform="cpu")


def find_compiler() -> list[str]:
    """The command of a C++ compiler: $CXX, or the usual ones; ConfigError where there is none."""
    wanted = shlex.split(os.environ.get("CXX", ""))
    for command in [wanted] if wanted else [[name] for name in _COMPILERS]:
        if path := shutil.which(command[0]):
            return [path, *command[1:]]
    missing = wanted[0] if wanted else "C++ compiler"
    raise ConfigError(
        f"int8 needs a C++ compiler, and there is no {missing}",
        hint="install g++ or clang, or use float32",
    )


def _digest(compiler: list[str]) -> str:
    found = [
        *(path.read_text() for path in (*_SOURCES, _HEADER)),
        jax.__version__,
        shlex.join([*compiler, *_FLAGS]),
        platform.machine(),
        _read_processor(),
    ]
    return hashlib.sha256("\0".join(found).encode()).hexdigest()[:16]


def _read_processor() -> str:
    """What this processor can do, where the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def _compile(compiler: list[str], library: Path) -> None:
    """Made under another name and renamed, since several processes may do the same."""
    try:
        library.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            made = Path(folder) / library.name
            command = [*compiler, *_FLAGS, "-I", jax.ffi.include_dir(), *map(str, _SOURCES), "-o", str(made)]
            subprocess.run(command, check=True, capture_output=True, text=True)
            made.replace(library)
    except OSError as error:
        raise ConfigError(f"can't write to {library.parent}: {error.strerror}", hint="set $XDG_CACHE_HOME") from error
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines()
        raise ConfigError(
            f"{compiler[0]} can't compile the int8 product: {said[0] if said else f'status {error.returncode}'}",
            hint="set $CXX to a newer compiler, or use float32",
        ) from None
