"""`digests.json`: the SHA-256 of every file that was saved with it.

Loading does not hash, which would mean reading everything twice; `verify` does, when asked.
"""

import hashlib
from pathlib import Path

from dalle_mini.checkpoints.config_file import read_json
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


def _compare(folder: Path, name: str, expected: str) -> str:
    if name != Path(name).name:
        return f"{name}: not a file of this folder"
    path = folder / name
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return f"{path.name}: missing"
    except OSError as error:
        raise CheckpointError(f"can't read {path}: {error.strerror}", hint="check its permissions") from error
    return "" if found == expected else f"{path.name}: expected sha256 {expected}, found {found}"
