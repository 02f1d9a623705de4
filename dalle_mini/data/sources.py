"""Finds out what kind of source a path is."""

from collections.abc import Sequence
from pathlib import Path

from dalle_mini.data.archive import TAR_SUFFIXES, read_archives
from dalle_mini.data.folder import read_folder
from dalle_mini.data.items import PICTURE_SUFFIXES, Source
from dalle_mini.data.table import READERS, Columns, read_table
from dalle_mini.errors import DataError

_KINDS = f"a folder of pictures, a table ({', '.join(READERS)}) or tar files ({', '.join(TAR_SUFFIXES)})"
_USUAL = Columns()


def open_source(path: str | Path, columns: Columns = _USUAL) -> Source:
    """The source at `path`: a folder of pictures or of tar files, a tar file, or a table; DataError if it is none."""
    path = Path(path)
    try:
        name, is_folder = path.resolve().name, path.is_dir()
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}", hint=f"give {_KINDS}") from error
    if is_folder:
        archives = _archives_in(path)
        return Source(name, (lambda: read_archives(archives)) if archives else (lambda: read_folder(path)))
    if not path.is_file():
        what = "is not a file" if path.exists() else "does not exist"
        raise DataError(f"{path} {what}", hint=f"give {_KINDS}")
    if path.name.lower().endswith(TAR_SUFFIXES):
        return Source(name, lambda: read_archives([path]))
    if path.suffix.lower() in READERS:
        return Source(name, lambda: read_table(path, columns), columns.named)
    raise DataError(f"{path} is no source of pictures", hint=f"give {_KINDS}")


def _archives_in(folder: Path) -> Sequence[Path]:
    """The tar files of a folder, in their order; DataError if it has pictures beside them."""
    try:
        found = [path.name for path in folder.iterdir() if path.name.lower().endswith(TAR_SUFFIXES)]
        names = sorted(name for name in found if not (folder / name).is_dir())
        pictures = names and [path.name for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES]
    except OSError as error:
        raise DataError(f"can't read {folder}: {error.strerror}", hint="check its permissions") from error
    if pictures:
        message = f"{folder} holds tar files ({names[0]}) and pictures ({pictures[0]})"
        raise DataError(message, hint="put them into folders of their own")
    return [folder / name for name in names]
