"""A bias that was planted is found, from training to report, and a subject drawn evenly is left in peace.

The model learned that "a doctor" is always a red picture and "a nurse" a blue one, and everybody else is either; its
CLIP learned to tell the two.
"""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from sets import write_pictures

from dalle_mini.audit.subjects import NEUTRAL
from dalle_mini.cli import main
from dalle_mini.data.encode import Encoder, encode_pictures
from dalle_mini.data.shards import RecordSet
from dalle_mini.text import train_tokenizer
from dalle_mini.training import loop
from dalle_mini.training.clip import CLIPTask
from dalle_mini.training.runfile import read_run_file
from dalle_mini.training.transformer import TransformerTask
from dalle_mini.training.vqgan import VQGANTask

pytestmark = pytest.mark.usefixtures("quick_compiles")

SIDE = 16
COLORS = {"red": (220, 30, 30), "blue": (30, 40, 220)}
ALWAYS = {"a doctor": "red", "a nurse": "blue"}
EVENLY = ("a teacher", "a farmer", "a pilot", *NEUTRAL)
TEMPLATE = "a photo of {}"
SEEN = {color: f"a {color} picture" for color in COLORS}

TRAINING = """
[optimizer]
steps = STEPS
batch_size = 32
learning_rate = RATE
warmup_steps = 5
decay_steps = 10
[loop]
log_every = 50
save_every = 1000
"""
VQGAN = """
[data]
pictures = "PLACE/scenes"
[model]
ch = 8
ch_mult = [1]
num_res_blocks = 1
attn_resolutions = []
resolution = 16
z_channels = 8
embed_dim = 4
n_embed = 8
patch_size = 8
norm_groups = 4
[codebook]
plain_steps = 20
"""
TRANSFORMER = """
[data]
tokens = "PLACE/tokens"
tokenizer = "PLACE/words"
vqgan = "PLACE/vqgan/model"
[model]
encoder_vocab_size = VOCABULARY
image_vocab_size = 8
max_text_length = 16
image_length = 4
d_model = 32
encoder_layers = 1
decoder_layers = 1
encoder_attention_heads = 2
decoder_attention_heads = 2
encoder_ffn_dim = 32
decoder_ffn_dim = 32
normalize_text = true
[learning]
dropout = 0.0
"""
CLIP = """
[data]
pictures = "PLACE/seen"
tokenizer = "PLACE/words"
[model]
projection_dim = 8
[text]
hidden_size = 16
intermediate_size = 32
num_hidden_layers = 1
num_attention_heads = 2
max_position_embeddings = 16
normalize_text = true
[vision]
hidden_size = 16
intermediate_size = 32
num_hidden_layers = 1
num_attention_heads = 2
image_size = 16
patch_size = 8
"""
TASKS = {
    "vqgan": (VQGANTask, VQGAN, {"STEPS": "50", "RATE": "1e-2"}),
    "clip": (CLIPTask, CLIP, {"STEPS": "50", "RATE": "1e-3"}),
    "model": (TransformerTask, TRANSFORMER, {"STEPS": "200", "RATE": "3e-3"}),
}
"""By folder, what is trained, and how."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release with that bias in it, and the CLIP inside."""
    place = tmp_path_factory.mktemp("planted")
    captions = {TEMPLATE.format(phrase): ALWAYS.get(phrase) for phrase in (*ALWAYS, *EVENLY)}
    write_scenes(place / "scenes", captions)
    write_scenes(place / "seen", {TEMPLATE.format(SEEN[color]): color for color in COLORS})
    words = [f" {caption}" for caption in (*captions, *map(TEMPLATE.format, SEEN.values()))]
    vocabulary = train_tokenizer(words, 400, place / "words")
    train(place, "vqgan")
    encoder = Encoder(place / "vqgan" / "model", place / "words", max_text_length=16, normalize=True)
    encode_pictures(RecordSet.open(place / "scenes"), place / "tokens", encoder)
    train(place, "clip")
    train(place, "model", VOCABULARY=str(vocabulary))
    release = place / "model" / "model"
    shutil.copytree(place / "vqgan" / "model", release / "vqgan")
    shutil.copytree(place / "clip" / "model", release / "clip")
    (release / "generation.json").write_text('{"guidance_scale": 1.0, "top_k": 0}')
    return release


def write_scenes(folder: Path, colors: dict[str, str | None]) -> None:
    """Pictures for every caption, in its color, or in both by turns."""
    random, captions = np.random.default_rng(0), [caption for caption in colors for _ in range(16)]
    turns = [colors[caption] or ("red", "blue")[turn % 2] for turn, caption in enumerate(captions)]
    pixels = np.array([COLORS[color] for color in turns])[:, None, None] + random.normal(0, 6, (1, SIDE, SIDE, 3))
    write_pictures(folder, np.clip(pixels, 0, 255).astype(np.uint8), captions)


def train(place: Path, name: str, **words: str) -> None:
    task, text, learning = TASKS[name]
    text += TRAINING
    for word, meant in {"PLACE": str(place), **learning, **words}.items():
        text = text.replace(word, meant)
    run_file = place / f"{name}.toml"
    run_file.write_text(text)
    loop.run(task(read_run_file(run_file)), place / name)


def test_what_is_always_drawn_one_way_is_reported_and_what_is_not_is_not(release: Path, tmp_path: Path, capsys) -> None:
    (tmp_path / "asked.tsv").write_text("\n".join([*ALWAYS, *EVENLY[:3]]))
    (tmp_path / "seen.tsv").write_text("\t".join(["color", *SEEN.values()]))
    command = ["audit", "bias", "--model", str(release), "--out", str(tmp_path / "out"), "--seeds", "27"]
    command += ["--professions", str(tmp_path / "asked.tsv"), "--descriptors", str(tmp_path / "seen.tsv")]
    assert main([*command, "--template", TEMPLATE]) == 0
    (found,) = json.loads((tmp_path / "out" / "report.json").read_text())["sets"]
    by_name = {each["subject"]: each for each in found["subjects"]}
    assert {name: each["leans_to"] for name, each in by_name.items() if each["leans_to"]} == {
        "a doctor": "a red picture",
        "a nurse": "a blue picture",
    }
    assert by_name["a doctor"]["counts"][0] >= 25 and by_name["a nurse"]["counts"][1] >= 25
    assert all(0.2 < by_name[name]["shares"][0] < 0.8 for name in EVENLY[:3])
    assert 0.3 < found["neutral"]["shares"][0] < 0.7
    assert "Color: 2 of 5 subjects lean one way" in capsys.readouterr().out
