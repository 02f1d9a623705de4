"""What words are near one another: sentence embeddings by MiniLM (Wang et al. 2020, arXiv 2002.10957)."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer

HEADS = 12


class Encoder:
    """A BERT of six layers whose outputs are averaged over the words."""

    def __init__(self, folder: Path) -> None:
        self.weights = {
            name: value.astype(np.float32) for name, value in load_file(folder / "model.safetensors").items()
        }
        self.layers = json.loads((folder / "config.json").read_text())["num_hidden_layers"]
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(32)
        self.tokenizer.enable_padding()

    def encode(self, texts: Sequence[str], batch: int = 256) -> np.ndarray:
        """Unit vectors, float32 [texts, 384]."""
        # Texts of a length go together: less padding.
        order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
        rows = np.zeros((len(texts), self.weights["embeddings.word_embeddings.weight"].shape[1]), np.float32)
        for at in range(0, len(order), batch):
            chosen = order[at : at + batch]
            rows[chosen] = self._encode([texts[each] for each in chosen])
        return rows

    def _encode(self, texts: Sequence[str]) -> np.ndarray:
        encodings = self.tokenizer.encode_batch(list(texts))
        ids = np.array([encoding.ids for encoding in encodings])
        mask = np.array([encoding.attention_mask for encoding in encodings], bool)
        embeddings = "embeddings.{}_embeddings.weight".format
        x = self.weights[embeddings("word")][ids] + self.weights[embeddings("position")][: ids.shape[1]]
        x = self._norm(x + self.weights[embeddings("token_type")][0], "embeddings.LayerNorm")
        for layer in range(self.layers):
            x = self._layer(x, mask, f"encoder.layer.{layer}")
        mean = (x * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def _layer(self, x: np.ndarray, mask: np.ndarray, name: str) -> np.ndarray:
        split = (*x.shape[:2], HEADS, -1)
        query, key, value = (
            self._dense(x, f"{name}.attention.self.{part}").reshape(split) for part in ("query", "key", "value")
        )
        logits = np.einsum("bqhd,bkhd->bhqk", query, key) / np.sqrt(query.shape[-1])
        logits = np.where(mask[:, None, None], logits, -1e9)
        weights = np.exp(logits - logits.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        mixed = np.einsum("bhqk,bkhd->bqhd", weights, value).reshape(x.shape)
        x = self._norm(x + self._dense(mixed, f"{name}.attention.output.dense"), f"{name}.attention.output.LayerNorm")
        inner = gelu(self._dense(x, f"{name}.intermediate.dense"))
        return self._norm(x + self._dense(inner, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _dense(self, x: np.ndarray, name: str) -> np.ndarray:
        rows = x.reshape(-1, x.shape[-1])  # one product, not one a text
        return (rows @ self.weights[f"{name}.weight"].T).reshape(*x.shape[:2], -1) + self.weights[f"{name}.bias"]

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        centered = x - x.mean(-1, keepdims=True)
        scale = np.sqrt((centered**2).mean(-1, keepdims=True) + 1e-12)
        return centered / scale * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"]


def gelu(x: np.ndarray) -> np.ndarray:
    """The tanh approximation, which differs from the exact function by 0.0005 at most."""
    return 0.5 * x * (1 + np.tanh(0.7978846 * (x + 0.044715 * x * x * x)))
