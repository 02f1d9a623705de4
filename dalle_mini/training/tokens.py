"""The token set that a transformer is trained on, checked against what its run file says made it."""

import dataclasses
from pathlib import Path

from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.config import TransformerConfig
from dalle_mini.data.encode import tokenizer_digest
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import DataError


@dataclasses.dataclass(frozen=True)
class TokenData:
    """Folders: the token set, and the tokenizer and the VQGAN that made it."""

    tokens: str
    tokenizer: str
    vqgan: str


def open_tokens(data: TokenData, config: TransformerConfig) -> RecordSet:
    """The set; DataError if its lengths or ids are not those of `config`, or if others have made it."""
    found = RecordSet.open(data.tokens, "tokens")
    manifest = found.manifest
    wrong = [
        f"{name} {has}, the model's is {wanted}"
        for name, has, wanted in (
            ("text length", manifest.text_length, config.max_text_length),
            ("image length", manifest.image_length, config.image_length),
        )
        if has != wanted
    ]
    wrong += [
        f"{name} {has}, the model has room for {room}"
        for name, has, room in (
            ("text vocabulary", manifest.vocab_size, config.encoder_vocab_size),
            ("codebook", manifest.codebook_size, config.image_vocab_size),
        )
        if has > room
    ]
    if manifest.normalized != config.normalize_text:
        wrong.append(f"captions {'' if manifest.normalized else 'not '}normalized")
    if manifest.vqgan != model_digest(data.vqgan):
        wrong.append(f"image tokens of another VQGAN than {data.vqgan}")
    if manifest.tokenizer != tokenizer_digest(data.tokenizer):
        wrong.append(f"text tokens of another tokenizer than {data.tokenizer}")
    if wrong:
        raise DataError(
            f"{Path(data.tokens)} does not fit the run file: {'; '.join(wrong)}",
            hint="encode the pictures with this tokenizer and VQGAN, or mend [model] and [data]",
        )
    return found
