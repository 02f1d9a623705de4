"""The token set that a transformer is trained on, checked against what its run file says made it."""

import dataclasses

from dalle_mini.checkpoints.digests import model_digest
from dalle_mini.config import TransformerConfig
from dalle_mini.data.encode import tokenizer_digest
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import ConfigError, DataError


@dataclasses.dataclass(frozen=True)
class TokenData:
    """Folders: the token set, and the tokenizer and the VQGAN that made it.

    With `rehearsal`, a second token set, every batch has `rehearsal_share` of its rows from there: what a model knew
    before is not lost while it learns something else.
    """

    tokens: str
    tokenizer: str
    vqgan: str
    rehearsal: str = ""
    rehearsal_share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.rehearsal_share < 1:
            raise ConfigError(f"data.rehearsal_share={self.rehearsal_share!r} must be between 0 and 1")

    def open(self, config: TransformerConfig) -> tuple[RecordSet, ...]:
        """The token set, and behind it the one to rehearse; DataError if either does not fit `config`."""
        folders = (self.tokens, self.rehearsal) if self.rehearsal else (self.tokens,)
        return tuple(_open_tokens(folder, self, config) for folder in folders)

    def divide(self, rows: int) -> tuple[int, ...]:
        """How many of a batch's rows come from each of these sets; ConfigError if one would have none."""
        rehearsed = round(rows * self.rehearsal_share) if self.rehearsal else 0
        if self.rehearsal and not 0 < rehearsed < rows:
            raise ConfigError(
                f"data.rehearsal_share={self.rehearsal_share!r} of {rows} rows leaves one of the sets without any",
                hint="choose a larger optimizer.batch_size",
            )
        return (rows - rehearsed, rehearsed) if rehearsed else (rows,)


def _open_tokens(folder: str, data: TokenData, config: TransformerConfig) -> RecordSet:
    """The set; DataError if its lengths or ids are not those of `config`, or if others have made it."""
    found = RecordSet.open(folder, "tokens")
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
            f"{folder} does not fit the run file: {'; '.join(wrong)}",
            hint="encode the pictures with this tokenizer and VQGAN, or mend [model] and [data]",
        )
    return found
