"""From a typed prompt to text tokens: the normalizer and the byte-level BPE tokenizer."""

from dalle_mini.text.hashtags import HashtagWords
from dalle_mini.text.normalize import NormalizedText, normalize
from dalle_mini.text.tokenizer import EncodedPrompts, PromptReading, TextTokens, Tokenizer
from dalle_mini.text.vocabulary import train_tokenizer

__all__ = [
    "EncodedPrompts",
    "HashtagWords",
    "NormalizedText",
    "PromptReading",
    "TextTokens",
    "Tokenizer",
    "normalize",
    "train_tokenizer",
]
