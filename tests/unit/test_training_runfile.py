"""Run files: every mistake is named, with what stands there and what would do."""

from pathlib import Path

import numpy as np
import pytest
from doubles import make_tiny_model
from sets import write_tokens
from trainings import RUN, make_training

from dalle_mini.config import PRESETS
from dalle_mini.errors import ConfigError, DataError, PromptError
from dalle_mini.training.runfile import read_run_file
from dalle_mini.training.transformer import TransformerTask, read_sections

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("override", "message", "hint"),
    [
        ("optimizer.setps=3", "unknown name in [optimizer] 'setps'", "'steps'"),
        ("optimiser.steps=3", "unknown table [optimiser]", "'optimizer'"),
        ("optimizer.steps=many", "optimizer.steps='many' is not a whole number", ""),
        ("optimizer.steps=1.5", "optimizer.steps=1.5 is not a whole number", ""),
        ("optimizer.steps=true", "optimizer.steps=True is not a whole number", ""),
        ("optimizer.learning_rate=nan", "optimizer.learning_rate=nan is not a number", ""),
        ("optimizer.batch_size=-4", "optimizer.batch_size=-4 must be above 0", ""),
        ("loop.save_every=0", "loop.save_every=0 must be above 0", ""),
        ("loop.keep_every=-1", "loop.keep_every=-1 must not be negative", ""),
        ("learning.dtype=float8", "learning.dtype='float8'", "float32"),
        ("learning.remat=1", "learning.remat=1 is not true or false", ""),
        ("model.d_model=[1]", "model.d_model=[1] is not a whole number", ""),
        ("samples.prompts=[1]", "samples.prompts=1 is not text", ""),
        ("samples.prompts='a cat'", "samples.prompts='a cat' is not a list", ""),
        ("samples.images=0", "samples.images=0 must be above 0", ""),
        ("mesh.data=0", "data=0", "-1"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, override: str, message: str, hint: str) -> None:
    (tmp_path / "run.toml").write_text(RUN)
    with pytest.raises(ConfigError) as caught:
        read_sections(read_run_file(tmp_path / "run.toml", [override]))
    assert message in str(caught.value) and hint in caught.value.hint and caught.value.hint


def test_whole_numbers_do_for_numbers(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(RUN)
    sections = read_sections(
        read_run_file(tmp_path / "run.toml", ["optimizer.weight_decay=0", 'samples.prompts=["a"]'])
    )
    assert type(sections["optimizer"].weight_decay) is float and sections["samples"].prompts == ("a",)


@pytest.mark.parametrize(("name", "parameters"), [("mini", "mini"), ("mega", "mega"), ("nano", None)])
def test_the_recipes_can_be_read_and_have_the_published_sizes(name: str, parameters: str | None) -> None:
    path = ROOT / "recipes" / name / "transformer.toml"
    sections = read_sections(read_run_file(path))
    assert parameters is None or sections["model"] == PRESETS[parameters]
    header = "".join(line for line in path.read_text().splitlines(keepends=True) if line.startswith("#"))
    assert f"dalle-mini train transformer recipes/{name}/transformer.toml --workdir" in header


def test_tokens_of_others_are_refused(tmp_path: Path) -> None:
    run_file = make_training(tmp_path)
    tables = read_run_file(run_file)
    TransformerTask(tables)

    def refusal(**changes: dict) -> str:
        changed = {**tables, **{table: {**tables.get(table, {}), **values} for table, values in changes.items()}}
        with pytest.raises(DataError) as caught:
            TransformerTask(changed)
        return str(caught.value)

    other = make_tiny_model(tmp_path / "other", seed=1)
    assert f"image tokens of another VQGAN than {other / 'vqgan'}" in refusal(data={"vqgan": str(other / "vqgan")})
    assert "image length 16, the model's is 9" in refusal(model={"image_length": 9})
    assert "codebook 64, the model has room for 32" in refusal(model={"image_vocab_size": 32})
    assert "captions normalized" in refusal(model={"normalize_text": False})
    foreign = write_tokens(tmp_path / "foreign", np.ones((3, 4)), np.ones((3, 16)))
    said = refusal(data={"tokens": str(foreign.directory)})
    assert "text length 4" in said and "another VQGAN" in said and "another tokenizer" in said
    with pytest.raises(PromptError):
        TransformerTask({**tables, "samples": {"prompts": [""]}})
