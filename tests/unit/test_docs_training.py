"""Every command of docs/training.md works, on pictures and run files of the smallest size."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from doubles import make_tiny_model
from PIL import Image

from dalle_mini.cli import main
from dalle_mini.cli.commands import build_parser
from dalle_mini.training.reference import write_reference

pytestmark = pytest.mark.usefixtures("quick_compiles")

DOCS = Path(__file__).parents[2] / "docs"
TEXT = (DOCS / "training.md").read_text(encoding="utf-8")
COMMANDS = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL) for line in block.splitlines()]
PROJECT_ON_THE_PATH = {**os.environ, "PYTHONPATH": str(DOCS.parent)}
STEPS = "steps = 2\nbatch_size = 8\nlearning_rate = 1e-3\n[loop]\nlog_every = 1\n"
RUN_FILES = {
    "vqgan": f"""
[data]
pictures = "out/pictures"
[model]
ch = 8
ch_mult = [1, 2]
num_res_blocks = 1
attn_resolutions = []
resolution = 64
z_channels = 8
embed_dim = 4
n_embed = 32
patch_size = 8
norm_groups = 4
[optimizer]
{STEPS}""",
    "transformer": f"""
[data]
tokens = "out/tokens"
tokenizer = "out/tokenizer"
vqgan = "out/vqgan/model"
[model]
encoder_vocab_size = 2048
image_vocab_size = 32
max_text_length = 32
image_length = 16
d_model = 16
encoder_layers = 1
decoder_layers = 1
encoder_attention_heads = 2
decoder_attention_heads = 2
encoder_ffn_dim = 16
decoder_ffn_dim = 16
normalize_text = true
[samples]
prompts = ["a red square"]
images = 2
[optimizer]
{STEPS}""",
    "features": f"""
[data]
pictures = "out/pictures"
[model]
widths = [4, 4]
num_blocks = 1
num_words = 4
[words]
rarest = 0.05
commonest = 0.9
[optimizer]
{STEPS}""",
    "clip": f"""
[data]
pictures = "out/pictures"
tokenizer = "out/tokenizer"
[model]
projection_dim = 8
[text]
hidden_size = 8
intermediate_size = 8
num_hidden_layers = 1
num_attention_heads = 2
max_position_embeddings = 16
normalize_text = true
[vision]
hidden_size = 8
intermediate_size = 8
num_hidden_layers = 1
num_attention_heads = 2
image_size = 64
patch_size = 16
[optimizer]
{STEPS}""",
}
SMALLER = {"finetune": ["--from", "./tiny", "--steps", "2"], "generate": ["--images", "1"]}
"""What a command gets besides, so that it takes seconds."""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the page tells of: captioned pictures, and run files."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DALLE_MINI_HOME", str(tmp_path / "home"))
    random = np.random.default_rng(0)
    (tmp_path / "my-pictures").mkdir()
    for index in range(16):
        name = f"my-pictures/{index}"
        color = ("red", "blue", "green", "black")[index % 4]
        noise = Image.fromarray(random.integers(256, size=(5, 5, 3), dtype=np.uint8)).resize((80, 64))
        noise.paste(color, (20, 20, 44, 44))
        noise.save(f"{name}.png")
        Path(f"{name}.txt").write_text(f"a {color} square")
    for name, text in RUN_FILES.items():
        Path(f"{name}.toml").write_text(text)
    make_tiny_model(tmp_path / "tiny")
    return tmp_path


def test_the_reference_of_run_files_is_up_to_date() -> None:
    assert (DOCS / "run-files.md").read_text(encoding="utf-8") == write_reference()


def test_the_page_works_from_top_to_bottom(here: Path) -> None:
    for command in COMMANDS:
        program, *words = shlex.split(command)
        if program == "./run":
            assert build_parser().parse_args(["serve", *words]).model == "my-cats"
            continue
        assert program == "dalle-mini"
        if words[:2] == ["train", "plan"]:  # before JAX has looked for devices
            subprocess.run([sys.executable, "-m", "dalle_mini", *words], check=True, env=PROJECT_ON_THE_PATH)
            continue
        assert main([*words, *SMALLER.get(words[0], [])]) == 0, command
    assert (here / "home" / "models" / "my-cats" / "config.json").is_file()
    assert (here / "out" / "transformer" / "report.html").is_file()
    with Image.open(here / "out" / "transformer" / "samples-final.png") as sheet:
        assert sheet.width > 2 * 64 and sheet.height > 2 * 64  # two pictures drawn, above two of the set's own
    for name in ("vqgan", "features", "clip"):
        assert (here / "out" / name / "model" / "config.json").is_file()
