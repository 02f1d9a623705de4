"""CLIP's tokenizer: lower-case byte-level BPE that marks where words end (Radford et al. 2021, section 2.4).

`tokenizer.json` is read, or else `vocab.json` with `merges.txt` by the rules that transformers keeps for them. A CLIP
of ours may have the text-to-image transformer's tokenizer instead: `tokenizer_config.json` names the class.
"""

import json
import os
import pathlib
from typing import Any

import tokenizers

from dalle_mini.errors import CheckpointError
from dalle_mini.text.bpe import BytePairs
from dalle_mini.text.tokenizer import Tokenizer

_HINT = "copy tokenizer.json, or vocab.json and merges.txt, next to CLIP's config.json"
_CLASS = "CLIPTokenizer"


def read_clip_tokenizer(directory: str | os.PathLike, *, max_length: int, normalize: bool) -> Tokenizer:
    """The tokenizer in a CLIP's folder, whose rows are `max_length` long; CheckpointError where it can't be read."""
    folder = pathlib.Path(directory)
    settings = _read_settings(folder / "tokenizer_config.json")
    if not str(settings.get("tokenizer_class", _CLASS)).startswith(_CLASS):
        return Tokenizer.from_directory(folder, max_length=max_length, normalize=normalize)
    backend = _read_backend(folder)
    backend.no_truncation()
    backend.no_padding()
    around = backend.encode("").ids
    if len(around) != 2:
        raise CheckpointError(f"{folder}: an empty text has the tokens {around}, not a start and an end", hint=_HINT)
    # The padding comes after the end token, where CLIP does not look: any token will do.
    padding = backend.token_to_id(str(_content(settings.get("pad_token"))))
    end = around[1]
    return Tokenizer(BytePairs(backend, end, end if padding is None else padding), max_length, normalize)


def _read_backend(folder: pathlib.Path) -> tokenizers.Tokenizer:
    whole, vocabulary, merges = (folder / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    try:
        if whole.exists():
            return tokenizers.Tokenizer.from_file(str(whole))
        if vocabulary.exists() and merges.exists():
            # Imported only here: it takes seconds, and would tell that PyTorch is missing.
            os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
            from transformers import CLIPTokenizer

            return CLIPTokenizer.from_pretrained(folder, local_files_only=True).backend_tokenizer
    except Exception as error:  # the tokenizers library raises nothing more special
        raise CheckpointError(f"{folder}: the tokenizer can't be read: {error}", hint=_HINT) from error
    raise CheckpointError(f"{folder} holds no tokenizer", hint=_HINT)


def _read_settings(path: pathlib.Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise CheckpointError(f"{path}: can't be read: {error}", hint=_HINT) from error


def _content(token: Any) -> Any:
    """A special token's text, which files give alone or among its settings."""
    return token.get("content") if isinstance(token, dict) else token
