"""Where models come from: the bundled one, the published ones on the Hub, and those a user keeps.

A model is a folder with a transformer and its tokenizer; its VQGAN is the subfolder `vqgan`, or a
folder of its own. Nothing here reads weights or needs jax.
"""

import dataclasses
import os
import re
from pathlib import Path

from dalle_mini.checkpoints.config_file import CONFIG, check_folder, read_config
from dalle_mini.config import VQGANConfig, suggest
from dalle_mini.errors import CheckpointError, ConfigError


@dataclasses.dataclass(frozen=True)
class Repository:
    """A repository on the Hub at a branch, tag or commit."""

    name: str
    revision: str = "main"


@dataclasses.dataclass(frozen=True)
class Release:
    """A named model; without a `vqgan` it has one inside, or goes with the published one."""

    name: str
    transformer: Path | Repository
    vqgan: Path | Repository | None
    description: str
    download_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class ResolvedRelease:
    """The folders of a model, all on this machine."""

    name: str
    transformer: Path
    vqgan: Path
    tokenizer: Path


RANKER = "clip"
"""The folder inside a transformer's that holds the CLIP which was made to mark its pictures."""

_BUNDLED = Path(__file__).parents[2] / "assets" / "nano"
_PUBLISHED_VQGAN = Repository("dalle-mini/vqgan_imagenet_f16_16384", "e93a26e7707683d349bf5d5c41c5b0ef69b677a9")
_VQGAN_BYTES = 304_295_436
_BUILT_IN = (
    Release("nano", _BUNDLED, _BUNDLED / "vqgan", "comes with this project; quick on a CPU"),
    Release(
        "mini",
        Repository("dalle-mini/dalle-mini"),
        _PUBLISHED_VQGAN,
        "the published DALL·E mini, 0.4 billion parameters",
        1_751_334_848 + _VQGAN_BYTES,
    ),
    Release(
        "mega",
        Repository("dalle-mini/dalle-mega"),
        _PUBLISHED_VQGAN,
        "the published DALL·E mega, 2.6 billion parameters; wants an accelerator",
        10_350_084_096 + _VQGAN_BYTES,
    ),
)
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_TOKENIZER_FILES = ("tokenizer.json", "vocab.json")


def home() -> Path:
    """The user's data directory: `DALLE_MINI_HOME`, or `~/.local/share/dalle-mini`."""
    named = os.environ.get("DALLE_MINI_HOME")
    return Path(named or "~/.local/share/dalle-mini").expanduser()


def available_releases() -> tuple[Release, ...]:
    """The built-in releases, then every model kept under `models` in the user's data directory."""
    built_in = {release.name for release in _BUILT_IN}
    kept = sorted(path.parent for path in (home() / "models").glob(f"*/{CONFIG}"))
    return _BUILT_IN + tuple(
        Release(path.name, path, None, f"kept in {path.parent}") for path in kept if path.name not in built_in
    )


def resolve(
    name_or_path: str | Path,
    *,
    vqgan: str | Path | None = None,
    tokenizer: str | Path | None = None,
    offline: bool | None = None,
) -> ResolvedRelease:
    """Find a model's folders, downloading what is missing unless `offline` (or `HF_HUB_OFFLINE`).

    A bare word is a release's name. What has a separator or starts with "." is a directory where
    there is one, else a Hub id `owner/name`. `vqgan` and `tokenizer` are directories or Hub ids.
    Unknown names are a ConfigError, folders that lack something a CheckpointError.
    """
    offline = _is_offline() if offline is None else offline
    release = _find(name_or_path)
    transformer = _place(release.transformer, offline)
    vqgan_source = _locate(vqgan) if vqgan else release.vqgan or _own_vqgan(transformer)
    tokens = _place(_locate(tokenizer), offline) if tokenizer else transformer
    if not any((tokens / name).is_file() for name in _TOKENIZER_FILES):
        raise CheckpointError(
            f"{tokens} holds no tokenizer",
            hint=f"it needs {' or '.join(_TOKENIZER_FILES)}; name another folder as the tokenizer",
        )
    return ResolvedRelease(release.name, transformer, _place(vqgan_source, offline), tokens)


def resolve_clip(source: str | Path, *, offline: bool | None = None) -> Path:
    """The folder of a CLIP, `source` a directory or a Hub id; downloads it unless `offline` (or `HF_HUB_OFFLINE`).

    CheckpointError where it is neither, or can't be fetched.
    """
    return _place(_locate(source), _is_offline() if offline is None else offline)


def find_name(source: str | Path) -> str:
    """What a directory or a Hub id is called: recipes in shared pictures must not tell where a directory lies."""
    found = _locate(source)
    return found.resolve().name if isinstance(found, Path) else found.name


def spell_out(source: str) -> str:
    """A directory by its whole path, for processes that work elsewhere; a release or a Hub id as it is."""
    path = Path(source).expanduser()
    is_release = source in {release.name for release in available_releases()}
    return source if is_release or not path.is_dir() else str(path.resolve())


def _find(name_or_path: str | Path) -> Release:
    if isinstance(name_or_path, Path) or _is_path(name_or_path):
        return Release(find_name(name_or_path), _locate(name_or_path), None, "")
    releases = {release.name: release for release in available_releases()}
    if name_or_path not in releases:
        hint = suggest(name_or_path, list(releases))
        if Path(name_or_path).is_dir():
            hint = f"for the directory, write ./{name_or_path}"
        raise ConfigError(f"unknown model {name_or_path!r}", hint=hint)
    return releases[name_or_path]


def _is_path(text: str) -> bool:
    return text.startswith((".", "~")) or any(mark in text for mark in ("/", os.sep))


def _locate(text: str | Path) -> Path | Repository:
    """A directory if there is one, else a repository if it is named like one."""
    path = Path(text).expanduser()
    if not path.exists() and _HUB_ID.fullmatch(str(text)):
        return Repository(str(text))
    return path


def _place(source: Path | Repository, offline: bool) -> Path:
    """The folder of `source` on this machine."""
    if isinstance(source, Path):
        return check_folder(source)
    # Only here, for the Hub's library takes as long to import as a picture's first token to draw.
    from dalle_mini.checkpoints import hub

    folder = home() / "hub" / f"{source.name.replace('/', '--')}@{source.revision}"
    return hub.fetch(source.name, folder, revision=source.revision, offline=offline)


def _own_vqgan(transformer: Path) -> Path | Repository:
    """The VQGAN inside a transformer's folder, else the published one if the sizes fit."""
    if (transformer / "vqgan").is_dir():
        return transformer / "vqgan"
    config, published = read_config(transformer), VQGANConfig()
    sizes = config.get("image_vocab_size"), config.get("image_length")
    match sizes:
        case int(vocab), published.image_length if vocab >= published.n_embed:
            return _PUBLISHED_VQGAN
    found = f"image_vocab_size={sizes[0]!r} and image_length={sizes[1]!r}"
    raise CheckpointError(
        f"{transformer} holds no vqgan, and the published one does not fit {found}",
        hint="name the VQGAN that made its image tokens",
    )


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}
