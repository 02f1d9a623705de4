"""Prompts as rows of text tokens, and what became of each prompt on the way there."""

import os
import pathlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int32
from tokenizers import Encoding

from dalle_mini.errors import ConfigError, PromptError
from dalle_mini.text.bpe import BytePairs, read_byte_pairs
from dalle_mini.text.hashtags import WORDS_FILE, HashtagWords
from dalle_mini.text.normalize import NormalizedText, normalize

FILES = (
    "tokenizer.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "tokenizer_config.json",
    "special_tokens_map.json",
    WORDS_FILE,
)
"""What a tokenizer may be made of: the same files, the same tokens."""

# Quirk: decoded text loses the space before these, as in the original's decoder.
_CLOSED_UP = (" .", " ?", " !", " ,", " ' ", " n't", " 'm", " 's", " 've", " 're")
_WORDS_HINT = "describe a picture in words, such as 'a red car at the beach'"


class TextTokens(NamedTuple):
    """Rows that begin with the start token; `mask` is False on the padding."""

    tokens: Int32[np.ndarray, "batch text"]
    mask: Bool[np.ndarray, "batch text"]


class Piece(NamedTuple):
    """A token that the model reads, and what it stands for in the text; "" for those that begin and end it."""

    text: str
    id: int


@dataclass(frozen=True)
class PromptReading:
    """How a prompt was read: `text` was tokenized into `pieces`; `cut_text`, its end, found no room."""

    prompt: str
    text: str
    notes: tuple[str, ...]
    kept_text: str
    cut_text: str
    pieces: tuple[Piece, ...] = ()


def join_readings(prompt: str, readings: Sequence[PromptReading]) -> PromptReading:
    """How all prompts of a drawing were read, as one reading of the `prompt` that stands for them."""
    if len(readings) == 1 and readings[0].prompt == prompt:
        return readings[0]
    notes = dict.fromkeys(note for reading in readings for note in reading.notes)
    texts, kept, cut = (
        " | ".join(filter(None, (getattr(reading, name) for reading in readings)))
        for name in ("text", "kept_text", "cut_text")
    )
    pieces = tuple(piece for reading in readings for piece in reading.pieces)
    return PromptReading(prompt, texts, tuple(notes), kept, cut, pieces)


@dataclass(frozen=True)
class EncodedPrompts:
    tokens: Int32[np.ndarray, "batch text"]
    mask: Bool[np.ndarray, "batch text"]
    readings: tuple[PromptReading, ...]


@dataclass(frozen=True)
class Tokenizer:
    """Rows are `max_length` long; whether prompts are normalized is the checkpoint's choice."""

    byte_pairs: BytePairs
    max_length: int
    normalize: bool
    words: HashtagWords | None = None

    @classmethod
    def from_directory(cls, path: str | os.PathLike, *, max_length: int, normalize: bool) -> "Tokenizer":
        """Read a checkpoint's tokenizer files and its word list; raises CheckpointError."""
        if max_length < 2:
            raise ConfigError(
                f"a text length of {max_length!r} leaves no room for the start and end token",
                hint="set max_text_length to 2 or more",
            )
        words = pathlib.Path(path) / WORDS_FILE
        return cls(
            read_byte_pairs(pathlib.Path(path)),
            max_length,
            normalize,
            HashtagWords(words) if words.exists() else None,
        )

    @property
    def vocab_size(self) -> int:
        return self.byte_pairs.backend.get_vocab_size()

    @property
    def pad_id(self) -> int:
        return self.byte_pairs.pad_id

    def encode(self, prompts: Sequence[str]) -> EncodedPrompts:
        """Read and tokenize prompts; raises PromptError where there is nothing to read."""
        if isinstance(prompts, str):
            raise PromptError(
                f"expected a list of prompts, found the text {_short(prompts)}",
                hint="put the prompt into a list",
            )
        texts = [self._read(prompt) for prompt in prompts]
        encodings = self._encodings([text.text for text in texts])
        tokens, mask = self._rows(encodings)
        readings = map(self._reading, prompts, texts, encodings, tokens)
        return EncodedPrompts(tokens, mask, tuple(readings))

    def encode_texts(self, texts: Sequence[str]) -> TextTokens:
        """Tokenize texts as they are: not normalized, and empty ones allowed."""
        return self._rows(self._encodings(texts))

    def encode_empty(self, batch: int) -> TextTokens:
        """Rows for drawing without a prompt: the empty text."""
        # Quirk: not the normalized empty text, which would have a space.
        return self.encode_texts([""] * batch)

    def decode(self, tokens: Int32[np.ndarray, "text"]) -> str:
        """The text of one row, without special tokens."""
        text = self.byte_pairs.backend.decode(tokens.tolist())
        for ending in _CLOSED_UP:
            text = text.replace(ending, ending.strip())
        return text

    def _read(self, prompt: str) -> NormalizedText:
        if not prompt.strip():
            raise PromptError("the prompt is empty", hint=_WORDS_HINT)
        if not self.normalize:
            return NormalizedText(_whole_characters(prompt), ())
        text = normalize(prompt, words=self.words)
        if not text.text.strip():
            raise PromptError(f"nothing in {_short(prompt)} can be read", hint=_WORDS_HINT)
        return text

    def _encodings(self, texts: Sequence[str]) -> list[Encoding]:
        return self.byte_pairs.backend.encode_batch(list(texts))

    def _rows(self, encodings: Sequence[Encoding]) -> TextTokens:
        tokens = np.full((len(encodings), self.max_length), self.pad_id, np.int32)
        mask = np.zeros(tokens.shape, np.bool_)
        for row, encoding in enumerate(encodings):
            length = min(len(encoding.ids), self.max_length)
            tokens[row, :length] = encoding.ids[: length - 1] + [self.byte_pairs.end_id]
            mask[row, :length] = True
        return TextTokens(tokens, mask)

    def _reading(
        self, prompt: str, text: NormalizedText, encoding: Encoding, tokens: Int32[np.ndarray, "text"]
    ) -> PromptReading:
        end = len(text.text)
        if len(encoding.ids) > self.max_length:
            end, _ = encoding.offsets[self.max_length - 1]  # the first token without room
        # The last token ends the text, also where that was cut.
        places = [*encoding.offsets[: min(len(encoding.ids), self.max_length) - 1], (0, 0)]
        pieces = (
            Piece(text.text[start:stop], int(token)) for (start, stop), token in zip(places, tokens, strict=False)
        )
        return PromptReading(prompt, text.text, text.notes, text.text[:end], text.text[end:], tuple(pieces))


def _whole_characters(text: str) -> str:
    """Halves of surrogate pairs are joined, or become `�` when alone."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")
