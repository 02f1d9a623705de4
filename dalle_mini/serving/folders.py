"""Where the pictures of kept drawings lie, a folder of files for each: on a disk, or in a bucket."""

import contextlib
import logging
import os
import secrets
import shutil
import time
from collections.abc import Collection, Generator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from dalle_mini.checkpoints.staging import output_errors
from dalle_mini.errors import ConfigError, OutputError

_logger = logging.getLogger(__name__)


class Folders(Protocol):
    """Folders of files, by names that are safe as parts of a path; for any number of threads."""

    def write(self, id: str, files: Mapping[str, bytes]) -> None:
        """Keep a folder; when this returns, it stays. OutputError where it can't be kept."""

    def read(self, id: str, name: str) -> bytes | None:
        """A file of a folder; None where there is none."""

    def remove(self, id: str) -> None:
        """Delete a folder as far as it is there."""

    def sweep(self, known: Collection[str], seconds: float) -> None:
        """Delete what is older than so many seconds and not `known`."""

    def locate(self, id: str, name: str) -> str:
        """What somebody who runs the server finds a file by."""
        ...


class LocalFolders:
    """Folders on a disk of this machine, or one that several share: written under another name, synced and renamed."""

    def __init__(self, place: Path) -> None:
        self._place = place
        with output_errors(place):
            place.mkdir(parents=True, exist_ok=True, mode=0o700)

    def write(self, id: str, files: Mapping[str, bytes]) -> None:
        folder, temporary = self._place / id, self._place / f".{id}.{secrets.token_hex(4)}.partial"
        try:
            with output_errors(folder):
                temporary.mkdir(mode=0o700)
                for name, content in files.items():
                    with (temporary / name).open("xb") as file:
                        file.write(content)
                        file.flush()
                        os.fsync(file.fileno())
                _sync_folder(temporary)
                temporary.rename(folder)
                _sync_folder(self._place)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    def read(self, id: str, name: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError):
            return (self._place / id / name).read_bytes()
        return None

    def remove(self, id: str) -> None:
        shutil.rmtree(self._place / id, ignore_errors=True)

    def sweep(self, known: Collection[str], seconds: float) -> None:
        for folder in self._place.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if folder.name not in known and folder.stat().st_mtime < time.time() - seconds:
                    shutil.rmtree(folder, ignore_errors=True)

    def locate(self, id: str, name: str) -> str:
        return str(self._place / id / name)


class BucketFolders:
    """Folders in a bucket, or whatever else fsspec reaches by an address such as s3://NAME/PATH.

    A folder that is there in part is known to nobody, and swept like any other rubbish.
    """

    def __init__(self, address: str) -> None:
        import fsspec

        try:
            self._files, self._place = fsspec.core.url_to_fs(address, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            is_s3 = address.partition("://")[0] in ("s3", "s3a")
            hint = "pip install 'dalle-mini[s3]'" if is_s3 else "s3://NAME/PATH is an address"
            raise ConfigError(f"drawings can't be kept at {address}: {error}", hint=hint) from error

    def write(self, id: str, files: Mapping[str, bytes]) -> None:
        with self._troubles():
            for name, content in files.items():
                self._files.pipe_file(self.locate(id, name), content)

    def read(self, id: str, name: str) -> bytes | None:
        with contextlib.suppress(FileNotFoundError), self._troubles():
            return self._files.cat_file(self.locate(id, name))
        return None

    def remove(self, id: str) -> None:
        """What can't be deleted now is rubbish from now on, and swept with the next start."""
        try:
            with contextlib.suppress(FileNotFoundError):
                self._files.rm(f"{self._place}/{id}", recursive=True)
        except Exception as error:
            _logger.warning("pictures can't be deleted from %s: %s", self._place, error)

    def sweep(self, known: Collection[str], seconds: float) -> None:
        before = datetime.now(UTC) - timedelta(seconds=seconds)
        with contextlib.suppress(FileNotFoundError), self._troubles():
            for folder in self._files.ls(self._place, detail=False):
                files = [] if folder.rpartition("/")[2] in known else self._files.find(folder)
                if files and all(self._files.modified(file) < before for file in files):
                    self._files.rm(files)

    def locate(self, id: str, name: str) -> str:
        return f"{self._place}/{id}/{name}"

    @contextlib.contextmanager
    def _troubles(self) -> Generator[None]:
        """Whatever a bucket's library raises, as OutputError. Where the bucket is stands in the log alone."""
        try:
            yield
        except FileNotFoundError:
            raise
        except Exception as error:
            _logger.error("can't reach %s: %s; check its address, the credentials and the network", self._place, error)
            hint = "whoever runs this server has to look after it"
            raise OutputError("the place where pictures are kept is out of reach", hint=hint) from error


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
