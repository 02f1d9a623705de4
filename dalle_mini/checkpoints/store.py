"""Loading and saving of models, the transformer and those around it: the border between a folder and `Params`.

Loaded leaves are jax arrays, made one at a time from views of the file. Saved folders are ours
(safetensors with our names, digests beside them) or the original's msgpack, stacked or layer by
layer, which its own code reads.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Unpack

import jax
import jax.numpy as jnp
import numpy as np

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import layout
from dalle_mini.checkpoints.config_file import read_config
from dalle_mini.checkpoints.digests import verify
from dalle_mini.checkpoints.folder import read_tree
from dalle_mini.checkpoints.inspection import Inspection, inspect
from dalle_mini.checkpoints.kinds import CLIP, JUDGE, NSFW, PERCEPTUAL, TRANSFORMER, VQGAN, open_model, read_kind
from dalle_mini.checkpoints.leaf import cast, float_dtype
from dalle_mini.checkpoints.mapped import release
from dalle_mini.checkpoints.saving import SaveOptions, save_model
from dalle_mini.config import INT8, CLIPConfig, PerceptualConfig, TransformerConfig, VQGANConfig
from dalle_mini.config.judge import JudgeConfig
from dalle_mini.config.nsfw import NsfwConfig
from dalle_mini.errors import CheckpointError, OutputError
from dalle_mini.int8 import Int8Kernel

__all__ = [
    "Inspection",
    "convert",
    "inspect",
    "load_clip",
    "load_judge",
    "load_nsfw",
    "load_perceptual",
    "load_transformer",
    "load_vqgan",
    "read_config",
    "read_tree",
    "save_clip",
    "save_judge",
    "save_nsfw",
    "save_perceptual",
    "save_transformer",
    "save_vqgan",
    "verify",
]

WORDS, SCORES = "words.json", "scores.json"
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    "special_tokens_map.json",
    "added_tokens.json",
    "enwiki-words-frequency.txt",
)
LEXICON = "lexicon.tsv"
_COMPANIONS = ("generation.json", LEXICON, "preprocessor_config.json", WORDS, SCORES, *_TOKENIZER_FILES)

# Quirk: the original adds tokens and positions in the dtype of the file, whatever it computes in.
_KEPT = ("/token_embedding", "/position_embedding")


def load_transformer(directory: str | Path, *, dtype: str = "float32") -> tuple[TransformerConfig, Params]:
    """A folder's transformer, ours or published; its embeddings keep the dtype of the file.

    With "int8" the kernels' weights are of eight bits, and all else is computed in float32.
    """
    is_int8 = dtype == INT8
    wanted = float_dtype("float32" if is_int8 else dtype)
    config, params = open_model(directory, TRANSFORMER)
    return config, _to_device(params, wanted, kept=_KEPT, int8=("/kernel",) if is_int8 else ())


def load_vqgan(directory: str | Path, *, dtype: str = "float32") -> tuple[VQGANConfig, Params]:
    """A folder's VQGAN, with flax or torch names."""
    wanted = float_dtype(dtype)
    config, params = open_model(directory, VQGAN)
    return config, _to_device(params, wanted)


def load_perceptual(directory: str | Path) -> tuple[PerceptualConfig, Params]:
    """A folder's perceptual network, in float32."""
    config, params = open_model(directory, PERCEPTUAL)
    return config, _to_device(params, float_dtype("float32"))


def load_clip(directory: str | Path, *, dtype: str = "float32") -> tuple[CLIPConfig, Params]:
    """A folder's CLIP: ours, or published with flax or torch names."""
    wanted = float_dtype(dtype)
    config, params = open_model(directory, CLIP)
    return config, _to_device(params, wanted)


def load_judge(directory: str | Path) -> tuple[JudgeConfig, Params]:
    """A folder's judge, in float32."""
    config, params = open_model(directory, JUDGE)
    return config, _to_device(params, float_dtype("float32"))


def load_nsfw(directory: str | Path) -> tuple[NsfwConfig, Params]:
    """A folder's NSFW network, in float32."""
    config, params = open_model(directory, NSFW)
    return config, _to_device(params, float_dtype("float32"))


def save_transformer(
    directory: str | Path,
    config: TransformerConfig,
    params: Params,
    *,
    companions: Sequence[str | Path] = (),
    **options: Unpack[SaveOptions],
) -> None:
    """Save a transformer as "safetensors" (the default), "msgpack-scanned" or "msgpack".

    Its layers may be stacked. The tokenizer and the drawing defaults in the folders `companions` go along. The options
    are those of `saving.save_model`.
    """
    beside = {
        name: content for folder in companions for name, content in _companions(Path(folder), _COMPANIONS).items()
    }
    save_model(TRANSFORMER, Path(directory), config, _on_host(params), beside=beside, **options)


def save_vqgan(directory: str | Path, config: VQGANConfig, params: Params, **options: Unpack[SaveOptions]) -> None:
    """Save a VQGAN as "safetensors" (the default) or "msgpack"; options as in `save_model`."""
    save_model(VQGAN, Path(directory), config, _on_host(params), **options)


def save_perceptual(
    directory: str | Path,
    config: PerceptualConfig,
    params: Params,
    words: Sequence[str],
    **options: Unpack[SaveOptions],
) -> None:
    """Save a perceptual network, and beside it in words.json what each of its logits stands for."""
    listed = {WORDS: (json.dumps(list(words), ensure_ascii=False, indent=0) + "\n").encode()}
    save_model(PERCEPTUAL, Path(directory), config, _on_host(params), beside=listed, **options)


def save_clip(
    directory: str | Path,
    config: CLIPConfig,
    params: Params,
    *,
    tokenizer: str | Path | None = None,
    **options: Unpack[SaveOptions],
) -> None:
    """Save a CLIP as "safetensors" (the default), "safetensors-torch" or "msgpack"; options as in `save_model`.

    The tokenizer's files are copied from the folder `tokenizer`, where it is given.
    """
    beside = _companions(Path(tokenizer), _TOKENIZER_FILES) if tokenizer else {}
    save_model(CLIP, Path(directory), config, _on_host(params), beside=beside, **options)


def save_judge(
    directory: str | Path,
    config: JudgeConfig,
    params: Params,
    scores: Mapping[str, Any],
    **options: Unpack[SaveOptions],
) -> None:
    """Save a judge, and beside it in scores.json how often it is right; options as in `save_model`."""
    listed = {SCORES: (json.dumps(scores, indent=2) + "\n").encode()}
    save_model(JUDGE, Path(directory), config, _on_host(params), beside=listed, **options)


def save_nsfw(directory: str | Path, config: NsfwConfig, params: Params, **options: Unpack[SaveOptions]) -> None:
    """Save an NSFW network; options as in `save_model`."""
    save_model(NSFW, Path(directory), config, _on_host(params), **options)


def convert(source: str | Path, target: str | Path, **options: Unpack[SaveOptions]) -> None:
    """Save the model in `source`, of any kind and layout, with its tokenizer to `target`.

    Weights go from file to file a leaf at a time. The options are those of `saving.save_model`;
    without a `dtype` every number stays as it is.
    """
    source, target = Path(source), Path(target)
    kind, config = read_kind(source)
    if target.resolve() == source.resolve():
        raise OutputError(f"{target} is the folder to convert", hint="choose another folder for the result")
    _, params = open_model(source, kind)
    save_model(kind, target, config, params, beside=_companions(source, _COMPANIONS), **options)


def _companions(folder: Path, names: tuple[str, ...]) -> dict[str, bytes]:
    present = [folder / name for name in names if (folder / name).is_file()]
    try:
        return {path.name: path.read_bytes() for path in present}
    except OSError as error:
        raise CheckpointError(f"can't read {error.filename}: {error.strerror}", hint="check its permissions") from error


def _on_host(params: Params) -> Params:
    return jax.tree.map(np.asarray, params)


def _to_device(params: Params, dtype: np.dtype, *, kept: tuple[str, ...] = (), int8: tuple[str, ...] = ()) -> Params:
    """`params` as jax arrays of `dtype`, but for paths that end in one of `kept`, or of `int8`."""
    return layout.unflatten(
        (path, _load_leaf(leaf, leaf.dtype if path.endswith(kept) else dtype, is_int8=path.endswith(int8)))
        for path, leaf in layout.flatten(params).items()
    )


def _load_leaf(leaf: Any, dtype: np.dtype, *, is_int8: bool) -> jax.Array | Int8Kernel:
    # numpy copies, for jax may otherwise keep using the memory of a file that changes later.
    array = Int8Kernel.quantize(cast(leaf, dtype)) if is_int8 else jnp.asarray(cast(leaf, dtype, copy=True))
    release(leaf)
    return array
