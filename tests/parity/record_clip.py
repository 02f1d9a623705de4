"""Records the CLIP cases of this folder with transformers 4.57.6, the last release with Flax models.

It runs in an environment of its own and needs nothing of this project:

    uv venv clipenv
    uv pip install --python clipenv "transformers==4.57.6" "jax<0.12" "flax<0.13" numpy pillow safetensors
    clipenv/bin/python tests/parity/record_clip.py tests/parity/golden

The same versions write the same numbers: weights, pictures and words come from fixed seeds.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPConfig, CLIPImageProcessor, CLIPTokenizerFast, FlaxCLIPModel
from transformers.modeling_flax_utils import flatten_dict, unflatten_dict

TEXT_LENGTH = 16
SIDE = 16
PROMPTS = [
    "a red car at the beach",
    "A  Red CAR, at the beach!",
    "the kangaroo's café — 25 dogs don't care",
    "two dogs in the snow and an owl in the woods at night beside a red car at the beach",
    "owl",
    "éclair 🦘 naïve",
]
SIZES = [(SIDE, SIDE), (40, 23), (17, 61), (7, 9), (64, 48), (33, 32)]
"""Height and width of the pictures: as it is, both ways too long, too small, barely too wide."""


def make_pictures(random: np.random.Generator) -> list[np.ndarray]:
    """Soft waves with hard edges in them, so that a filter's overshoot is seen."""
    pictures = []
    for height, width in SIZES:
        rows, columns = np.mgrid[0:height, 0:width]
        phases, speeds = random.uniform(0, 6, 3), random.uniform(0.1, 0.7, (3, 2))
        waves = np.sin(phases + rows[..., None] * speeds[:, 0] + columns[..., None] * speeds[:, 1])
        edge = np.where(rows + columns > (height + width) / 2, 90, 0)[..., None]
        pictures.append(np.clip(128 + 100 * waves + edge, 0, 255).astype(np.uint8))
    return pictures


def train_words(folder: Path, *, whole: bool) -> CLIPTokenizerFast:
    """A tokenizer in CLIP's layout; its files are `tokenizer.json` if `whole`, else the vocabulary and merges."""
    ends = ["<|startoftext|>", "<|endoftext|>"]
    learner = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=ends[1]))
    learner.normalizer = normalizers.Lowercase()
    learner.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    trainer = trainers.BpeTrainer(
        vocab_size=560, initial_alphabet=alphabet, end_of_word_suffix="</w>", show_progress=False
    )
    learner.train_from_iterator(PROMPTS[:5], trainer)
    model = json.loads(learner.to_str())["model"]
    # As in the published vocabulary: bytes, bytes that end a word, merges, and the special tokens last.
    words = [*alphabet, *(f"{byte}</w>" for byte in alphabet), *("".join(pair) for pair in model["merges"]), *ends]
    vocabulary = {word: index for index, word in enumerate(dict.fromkeys(words))}
    (folder / "vocab.json").write_text(json.dumps(vocabulary, ensure_ascii=False))
    merges = [" ".join(pair) for pair in model["merges"]]
    (folder / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]))
    tokenizer = CLIPTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=TEXT_LENGTH)
    tokenizer.save_pretrained(folder)
    for name in ("vocab.json", "merges.txt") if whole else ("tokenizer.json", "special_tokens_map.json"):
        (folder / name).unlink()
    return tokenizer


def draw_params(config: CLIPConfig, random: np.random.Generator) -> dict[str, np.ndarray]:
    """Random weights by path; products keep the size of numbers, and no norm is the identity."""
    model = FlaxCLIPModel(config, _do_init=False)
    shapes = flatten_dict(model.params_shape_tree, sep="/")
    leaves = {}
    for path, leaf in shapes.items():
        noise = random.standard_normal(leaf.shape).astype(np.float32)
        if path == "logit_scale":
            leaves[path] = np.float32(3.1)
        elif path.endswith("scale"):
            leaves[path] = 1 + noise / 5
        elif path.endswith("kernel"):
            leaves[path] = noise / np.float32(np.sqrt(noise[..., 0].size))
        else:
            leaves[path] = noise / 3
    return {path: np.asarray(leaf, np.float32) for path, leaf in leaves.items()}


def to_torch(leaves: dict[str, np.ndarray], config: CLIPConfig) -> dict[str, np.ndarray]:
    """Torch's names and axes, with the position buffers of old files."""
    named = {}
    for path, leaf in leaves.items():
        module, _, last = path.replace("/", ".").rpartition(".")
        last = "weight" if last in ("kernel", "scale", "embedding") and module else last
        axes = {2: (1, 0), 4: (3, 2, 0, 1)}.get(leaf.ndim) if path.endswith("kernel") else None
        name = f"{module}.{last}" if module else last
        named[name] = np.ascontiguousarray(leaf.transpose(axes)) if axes else leaf
    positions = (config.vision_config.image_size // config.vision_config.patch_size) ** 2 + 1
    named["text_model.embeddings.position_ids"] = np.arange(TEXT_LENGTH)[None]
    named["vision_model.embeddings.position_ids"] = np.arange(positions)[None]
    return named


def record(folder: Path, *, activation: str, old_end: bool, torch: bool, seed: int) -> None:
    """Write one case: a model, its words, and what it computes."""
    random = np.random.default_rng(seed)
    model_folder = folder / "model"
    model_folder.mkdir(parents=True, exist_ok=True)
    tokenizer = train_words(model_folder, whole=not torch)
    shared = {"hidden_act": activation, "num_attention_heads": 2, "num_hidden_layers": 2}
    config = CLIPConfig(
        text_config={
            **shared,
            "vocab_size": len(tokenizer),
            "hidden_size": 12,
            "intermediate_size": 24,
            "max_position_embeddings": TEXT_LENGTH,
            "bos_token_id": 0 if old_end else tokenizer.bos_token_id,
            "eos_token_id": 2 if old_end else tokenizer.eos_token_id,
        },
        vision_config={
            **shared,
            "hidden_size": 20,
            "intermediate_size": 40,
            "image_size": SIDE,
            "patch_size": 4,
        },
        projection_dim=14,
    )
    leaves = draw_params(config, random)
    config.save_pretrained(model_folder)
    if torch:
        save_file(to_torch(leaves, config), model_folder / "model.safetensors", {"format": "pt"})
    else:
        model = FlaxCLIPModel(config)
        model.save_pretrained(model_folder, params=unflatten_dict(leaves, sep="/"))
    model = FlaxCLIPModel.from_pretrained(model_folder)
    processor = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    processor.save_pretrained(model_folder)

    pictures = make_pictures(random)
    inputs = tokenizer(PROMPTS, padding="max_length", truncation=True, max_length=TEXT_LENGTH, return_tensors="np")
    pixels = processor([Image.fromarray(picture) for picture in pictures], return_tensors="np")["pixel_values"]
    outputs = model(**inputs, pixel_values=pixels)
    np.savez_compressed(
        folder / "golden.npz",
        input_ids=inputs["input_ids"].astype(np.int32),
        pixel_values=pixels,
        text_embeds=outputs.text_embeds,
        image_embeds=outputs.image_embeds,
        logits_per_image=outputs.logits_per_image,
        logits_per_text=outputs.logits_per_text,
        **{f"picture_{index}": picture for index, picture in enumerate(pictures)},
    )
    meta = {"prompts": PROMPTS, "pictures": len(pictures), "logit_scale": float(leaves["logit_scale"])}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    golden = Path(sys.argv[1])
    record(golden / "clip_quick_gelu_msgpack", activation="quick_gelu", old_end=True, torch=False, seed=0)
    record(golden / "clip_gelu_torch", activation="gelu", old_end=False, torch=True, seed=1)
