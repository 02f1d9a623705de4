"""Fetching a model from the Hugging Face Hub, file by file: resumed where it stopped, and checked.

A repository becomes a folder of the user's data directory. Files gather in a hidden folder beside
it, each checked against the digest that the Hub states, and the folder gets its name when all are
there: a folder that exists is whole. Only configs, tokenizers and weights in formats that can't
run code are fetched.
"""

import contextlib
import dataclasses
import hashlib
import os
import re
import shutil
from collections.abc import Generator
from pathlib import Path

from huggingface_hub import HfApi, constants, hf_hub_url, snapshot_download
from huggingface_hub.errors import (
    HfHubHTTPError,
    HFValidationError,
    HTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import WeakFileLock, build_hf_headers

from dalle_mini.checkpoints.config_file import CONFIG
from dalle_mini.checkpoints.staging import output_error
from dalle_mini.errors import CheckpointError, OutputError

_WEIGHTS = r"(?:flax_model|model)(?:-\d{5}-of-\d{5})?\.(?:msgpack|safetensors)(?:\.index\.json)?"
_WANTED = re.compile(
    rf"(?:(?:vqgan|clip)/)?(?:(?:config|generation|digests|preprocessor_config)\.json|{_WEIGHTS}|tokenizer\.json|tokenizer_config\.json"
    r"|special_tokens_map\.json|added_tokens\.json|vocab\.json|merges\.txt"
    r"|enwiki-words-frequency\.txt)"
)
_ELSEWHERE = "connect once, or give a directory that holds the model, or use --model nano"
FIRST_ANSWER = 10.0
"""Seconds to wait for the Hub before it counts as out of reach."""


@dataclasses.dataclass(frozen=True)
class RemoteFile:
    """A file as the Hub describes it; its digest is a SHA-256, or Git's SHA-1 of a small file."""

    name: str
    size: int
    digest: str


def fetch(
    repository: str,
    folder: Path,
    *,
    revision: str = "main",
    offline: bool = False,
    endpoint: str | None = None,
) -> Path:
    """The folder with the files of `repository`: `folder`, or where the Hub's own tools put them.

    Downloads into `folder` what neither has. CheckpointError where that can't be, or is forbidden
    by `offline`; OutputError where the disk is too small.
    """
    if folder.is_dir():
        return folder
    with _hub_errors(repository, endpoint):
        if cached := _find_cached(repository, revision):
            return cached
        if offline:
            raise CheckpointError(f"{repository} is not on this machine, and offline mode is on", hint=_ELSEWHERE)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(folder.with_name(f".{folder.name}.lock")):
            return folder if folder.is_dir() else _download(repository, revision, folder, endpoint)


def _find_cached(repository: str, revision: str) -> Path | None:
    """The repository in the cache that other tools of the Hub share."""
    try:
        found = snapshot_download(
            repository,
            revision=revision,
            local_files_only=True,
            allow_patterns=["*.json", "*.txt", "flax_model*", "model*"],
        )
    except LocalEntryNotFoundError:
        return None
    names = [path.name for path in Path(found).iterdir()]
    whole = CONFIG in names and any(re.fullmatch(_WEIGHTS, name) for name in names)
    return Path(found) if whole else None


def _download(repository: str, revision: str, folder: Path, endpoint: str | None) -> Path:
    commit, files = _list_files(repository, revision, endpoint)
    partial = folder.with_name(f".{folder.name}.{commit}.partial")
    for outdated in set(folder.parent.glob(f".{folder.name}.*.partial")) - {partial}:
        shutil.rmtree(outdated)
    partial.mkdir(exist_ok=True)
    _check_space(partial, files)
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    for file in files:
        url = hf_hub_url(repository, file.name, revision=commit, endpoint=endpoint)
        _fetch_file(url, partial / file.name, file, headers)
    partial.rename(folder)
    return folder


def _list_files(repository: str, revision: str, endpoint: str | None) -> tuple[str, list[RemoteFile]]:
    """The commit that the revision means now, and its files that are worth fetching."""
    info = HfApi(endpoint=endpoint).model_info(
        repository,
        revision=revision,
        files_metadata=True,
        timeout=FIRST_ANSWER,
    )
    files = [
        RemoteFile(file.rfilename, file.size or 0, file.lfs.sha256 if file.lfs else file.blob_id or "")
        for file in info.siblings or []
        if _WANTED.fullmatch(file.rfilename)
    ]
    if not re.fullmatch("[0-9a-f]{40}", info.sha or ""):
        raise ValueError(f"commit {info.sha!r}")
    if not files:
        raise CheckpointError(
            f"{repository} on the Hub holds nothing of a model that can be read",
            hint="expected flax_model.msgpack or model.safetensors; pickles are never fetched",
        )
    return info.sha or "", files


def _check_space(folder: Path, files: list[RemoteFile]) -> None:
    missing = sum(file.size for file in files if not (folder / file.name).exists())
    missing -= sum(path.stat().st_size for path in folder.rglob(".*.partial"))
    free = shutil.disk_usage(folder).free
    if missing > free:
        room, size = f"{free / 1e9:.1f} GB", f"{missing / 1e9:.1f} GB"
        raise OutputError(
            f"{folder.parent} has room for {room}, the download takes {size}",
            hint="free some space, or set DALLE_MINI_HOME to a folder on a larger disk",
        )


def _fetch_file(url: str, path: Path, file: RemoteFile, headers: dict[str, str]) -> None:
    """Download a file, going on where an earlier attempt stopped; it gets its name once checked."""
    if path.exists():
        return
    path.parent.mkdir(exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("ab") as stream:
        if stream.tell() > file.size:
            stream.truncate(0)
        http_get(
            url,
            stream,
            resume_size=stream.seek(0, os.SEEK_END),
            headers=headers,
            expected_size=file.size,
            displayed_filename=file.name,
        )
    found = _digest(partial, file)
    if found != file.digest:
        partial.unlink()
        raise CheckpointError(
            f"{url}: expected digest {file.digest}, found {found}",
            hint="what came was damaged on the way and is thrown away; try again",
        )
    partial.rename(path)


def _digest(path: Path, file: RemoteFile) -> str:
    with path.open("rb") as stream:
        if len(file.digest) == 64:
            return hashlib.file_digest(stream, "sha256").hexdigest()
        return hashlib.sha1(b"blob %d\0" % file.size + stream.read()).hexdigest()


@contextlib.contextmanager
def _hub_errors(repository: str, endpoint: str | None) -> Generator[None]:
    """Turn what the Hub's library raises into our errors."""
    host = endpoint or constants.ENDPOINT
    again = "try again: what has come is kept, and the rest goes on from there"
    try:
        yield
    except RepositoryNotFoundError as error:
        raise CheckpointError(
            f"the Hub has no model {repository!r} that you may read",
            hint="check its spelling; for a private or gated one, log in with `hf auth login`",
        ) from error
    except HfHubHTTPError as error:
        status = error.response.status_code
        raise CheckpointError(f"the Hub at {host} answered {status} for {repository!r}", hint=again) from error
    except (HTTPError, OfflineModeIsEnabled) as error:
        raise CheckpointError(f"can't reach the Hub at {host} for {repository}: {error}", hint=_ELSEWHERE) from error
    except HFValidationError as error:
        raise CheckpointError(
            f"{repository!r} can't be a model on the Hub", hint="a name there is OWNER/NAME"
        ) from error
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"what answers at {host} is not the Hub: {error}",
            hint="check HF_ENDPOINT, and whether the network asks you to log in",
        ) from error
    except OSError as error:
        if error.errno:
            raise output_error(Path(error.filename or "the download"), error) from error
        raise CheckpointError(f"the download of {repository} broke off: {error}", hint=again) from error
