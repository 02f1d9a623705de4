"""The folder of a run: held by one run at a time, and belonging to one run file."""

import contextlib
import dataclasses
import fcntl
import json
import os
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from dalle_mini.checkpoints.digests import digest_files
from dalle_mini.checkpoints.staging import output_errors, write_whole
from dalle_mini.data.manifest import MANIFEST
from dalle_mini.errors import CheckpointError, ConfigError

RUN_FILE = "run.json"
_FIXED_FIELDS = {"optimizer": ("name", "batch_size"), "loop": ("seed",)}
_FIXED_TABLES = ("model", "data", "sets")


@contextlib.contextmanager
def hold(workdir: Path) -> Generator[None]:
    """Keep other runs out of a folder; ConfigError with the process id of the run that has it.

    The lock is the system's: it ends with the process, however that ends.
    """
    path = workdir / "lock"
    with output_errors(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
        file = path.open("a+", encoding="ascii")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            raise ConfigError(
                f"{workdir} is in use by process {file.read().strip() or 'of another run'}",
                hint="wait for it, stop it, or choose another --workdir",
            ) from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def describe_run(sections: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The tables of a run file with every default filled in, as JSON has them; and `sets`, the digests of the manifests
    of the record sets that [data] names."""
    tables = {name: dataclasses.asdict(section) for name, section in sections.items()}
    folders = {name: value for name, value in tables.get("data", {}).items() if isinstance(value, str) and value}
    manifests = {name: Path(folder, MANIFEST) for name, folder in folders.items()}
    tables["sets"] = {name: digest_files([path]) for name, path in manifests.items() if path.is_file()}
    return json.loads(json.dumps(tables))


def check_run(workdir: Path, tables: Mapping[str, Any]) -> dict[str, Any]:
    """What changed, by `table.name`, since the folder's run began: (before, now).

    ConfigError if it is what the saved state or the order of its data hangs on: [model], [data] and what lies there, the
    kind of optimizer, the batch size and the seed. An empty dict for a new folder.
    """
    path = workdir / RUN_FILE
    try:
        before = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise CheckpointError(f"can't read {path}: {error}", hint="use another work directory") from error
    changed = {
        f"{table}.{name}": (before.get(table, {}).get(name), tables.get(table, {}).get(name))
        for table in {*before, *tables}
        for name in {*before.get(table, {}), *tables.get(table, {})}
        if before.get(table, {}).get(name) != tables.get(table, {}).get(name)
    }
    fixed = [name for name in sorted(changed) if _is_fixed(*name.split("."))]
    if fixed:
        listed = "".join(f"\n  {name}: {changed[name][0]!r}, now {changed[name][1]!r}" for name in fixed)
        raise ConfigError(
            f"{workdir} holds a run of another run file or of other data:{listed}",
            hint="use the run file and the data that started it, or another --workdir",
        )
    return dict(sorted(changed.items()))


def _is_fixed(table: str, name: str) -> bool:
    return table in _FIXED_TABLES or name in _FIXED_FIELDS.get(table, ())


def record_run(workdir: Path, tables: Mapping[str, Any]) -> None:
    """Keep the tables in the folder, for later runs and for a reader."""
    write_whole(workdir / RUN_FILE, json.dumps(tables, indent=2).encode() + b"\n")
