"""`digests.json`: the SHA-256 of every file that was saved with it.

Loading does not hash, which would mean reading everything twice; `verify` does, when asked.
"""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from dalle_mini.checkpoints.config_file import CONFIG, check_folder, read_json
from dalle_mini.checkpoints.folder import weight_files
from dalle_mini.errors import CheckpointError

DIGESTS = "digests.json"


def verify(directory: str | Path) -> tuple[str, ...]:
    """What is wrong with the files of a saved model, a line each; nothing where they are intact.

    A folder without a readable `digests.json` is a CheckpointError.
    """
    folder = Path(directory)
    expected = read_json(
        folder / DIGESTS,
        "only models saved in our own format carry digests; save or convert it anew",
    )
    unlisted = [path.name for path in weight_files(folder) if path.name not in expected]
    return (
        *(problem for name, digest in expected.items() if (problem := _compare(folder, name, digest))),
        *(f"{name}: not in {DIGESTS}" for name in unlisted),
    )


def model_digest(directory: str | Path) -> str:
    """One SHA-256 of a model's config and weights, whatever else its folder holds; CheckpointError if it has none."""
    folder = check_folder(directory)
    weights = weight_files(folder)
    if not weights:
        raise CheckpointError(f"{folder} holds no weights", hint="give the directory of config.json and the weights")
    return digest_files([folder / CONFIG, *weights])


def digest_files(paths: Iterable[Path]) -> str:
    """One SHA-256 of files, their names and their order."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.name}\0{_hash(path)}\n".encode())
    return digest.hexdigest()


def _compare(folder: Path, name: str, expected: str) -> str:
    if name != Path(name).name:
        return f"{name}: not a file of this folder"
    path = folder / name
    if not path.exists():
        return f"{path.name}: missing"
    found = _hash(path)
    return "" if found == expected else f"{path.name}: expected sha256 {expected}, found {found}"


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"can't read {path}: {error.strerror}", hint="check its permissions") from error
