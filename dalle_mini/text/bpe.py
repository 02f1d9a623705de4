"""Byte-level BPE in BART's layout, read from the files of a checkpoint.

Radford et al. 2019, section 2.2. `tokenizer.json` is read, or else `vocab.json` with `merges.txt`;
`tokenizer_config.json` and `special_tokens_map.json` name the special tokens where they are there.
A WordPiece vocabulary, `vocab.txt`, is left to transformers. Whatever was read must put a start and an end token around
a text.
"""

import contextlib
import json
import os
import pathlib
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors

from dalle_mini.errors import CheckpointError

SPECIAL_TOKENS = {  # in the order of the published ids, 0 to 4
    "bos_token": "<s>",
    "pad_token": "<pad>",
    "eos_token": "</s>",
    "unk_token": "<unk>",
    "mask_token": "<mask>",
}
_AROUND_A_TEXT = {"cls_token": "<s>", "sep_token": "</s>"}
_HINT = "fetch the checkpoint again, or copy its tokenizer files next to config.json"


@dataclass(frozen=True)
class BytePairs:
    """A tokenizer that writes its start and end token around a text; `pad_id` fills up a row."""

    backend: Tokenizer
    end_id: int
    pad_id: int


def read_byte_pairs(directory: pathlib.Path) -> BytePairs:
    """The tokenizer of a checkpoint directory; raises CheckpointError."""
    settings = _read_json(directory / "tokenizer_config.json")
    named = settings | _read_json(directory / "special_tokens_map.json")
    with _told_as_checkpoint_error(directory / "special_tokens_map.json"):
        special = special_tokens(named)
    backend = _read_backend(directory, special)
    backend.no_truncation()
    backend.no_padding()
    known = {token.content for token in backend.get_added_tokens_decoder().values()}
    backend.add_special_tokens([token for token in special.values() if token.content not in known])
    if isinstance(backend.pre_tokenizer, pre_tokenizers.ByteLevel):
        backend.pre_tokenizer.add_prefix_space = bool(settings.get("add_prefix_space", False))
    start, end = (_id(backend, special[role]) for role in _AROUND_A_TEXT)
    if (empty := backend.encode("").ids) != [start, end]:
        raise CheckpointError(
            f"{directory}: an empty text has the tokens {empty}, expected {[start, end]}",
            hint="the published checkpoints put a start and an end token around every text",
        )
    return BytePairs(backend, end_id=end, pad_id=_id(backend, special["pad_token"]))


def special_tokens(named: Mapping[str, Any]) -> dict[str, AddedToken]:
    """The special tokens by their role; those not `named` have their usual names."""
    usual = SPECIAL_TOKENS | _AROUND_A_TEXT
    return {role: _special_token(role, named.get(role) or usual[role]) for role in usual}


def byte_level(model: models.BPE, special: Mapping[str, AddedToken]) -> Tokenizer:
    """A whole tokenizer around a vocabulary and its merges."""
    backend = Tokenizer(model)
    backend.add_special_tokens(list(special.values()))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    start, end = ((special[role].content, _id(backend, special[role])) for role in _AROUND_A_TEXT)
    backend.post_processor = processors.RobertaProcessing(end, start)
    return backend


def _special_token(role: str, value: str | Mapping[str, Any]) -> AddedToken:
    if isinstance(value, str):
        # Quirk: the mask token takes the space before it along.
        return AddedToken(value, special=True, lstrip=role == "mask_token")
    fields = ("lstrip", "rstrip", "single_word", "normalized")
    given = {name: value[name] for name in fields if name in value}
    return AddedToken(value["content"], special=True, **given)


def _id(backend: Tokenizer, token: AddedToken) -> int:
    found = backend.token_to_id(token.content)
    assert found is not None  # special tokens are added first
    return found


def _read_backend(directory: pathlib.Path, special: Mapping[str, AddedToken]) -> Tokenizer:
    whole, vocab, merges = (directory / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    if whole.exists():
        with _told_as_checkpoint_error(whole):
            return Tokenizer.from_file(str(whole))
    if vocab.exists() and merges.exists():
        with _told_as_checkpoint_error(vocab):
            model = models.BPE.from_file(str(vocab), str(merges))
        return byte_level(model, special)
    if (words := directory / "vocab.txt").exists():
        with _told_as_checkpoint_error(words):
            return _read_word_pieces(directory)
    raise CheckpointError(f"{directory}: no tokenizer.json, and no vocab.json with merges.txt", hint=_HINT)


def _read_word_pieces(directory: pathlib.Path) -> Tokenizer:
    """The rules of the kind that `tokenizer_config.json` names; importing them takes seconds."""
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")  # it would tell that PyTorch is missing
    from transformers import AutoTokenizer, PreTrainedTokenizerFast

    tokenizer = AutoTokenizer.from_pretrained(directory, local_files_only=True, trust_remote_code=False)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    return tokenizer.backend_tokenizer


def _read_json(path: pathlib.Path) -> dict[str, Any]:
    """An object, empty where there is no file."""
    if not path.exists():
        return {}
    with _told_as_checkpoint_error(path):
        return dict(json.loads(path.read_text(encoding="utf-8")))


@contextlib.contextmanager
def _told_as_checkpoint_error(path: pathlib.Path) -> Generator[None, None, None]:
    try:
        yield
    except Exception as error:  # the tokenizers library raises nothing more special
        raise CheckpointError(f"{path}: can't be read: {error}", hint=_HINT) from error
