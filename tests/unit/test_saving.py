"""Saving and converting: whole or not at all, nothing of somebody else's lost, and checkable."""

import hashlib
import json
import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import jax
import numpy as np
import pytest

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import layout
from dalle_mini.checkpoints.store import (
    convert,
    inspect,
    load_transformer,
    load_vqgan,
    save_transformer,
    save_vqgan,
    verify,
)
from dalle_mini.config import TransformerConfig, VQGANConfig
from dalle_mini.errors import CheckpointError, ConfigError, OutputError

CONFIG = TransformerConfig(
    encoder_vocab_size=256,
    image_vocab_size=31,
    max_text_length=4,
    image_length=4,
    d_model=32,
    encoder_layers=2,
    decoder_layers=2,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=64,
    decoder_ffn_dim=64,
    decoder_start_token_id=31,
)
PIXELS = VQGANConfig(ch=32, ch_mult=(1,), num_res_blocks=1, attn_resolutions=(), resolution=8, n_embed=31)


def make_params(shapes: layout.Shapes) -> Params:
    rng = np.random.default_rng(0)
    return layout.unflatten((path, rng.standard_normal(shape).astype(np.float32)) for path, shape in shapes.items())


@pytest.fixture(scope="module")
def params() -> Params:
    return make_params(layout.transformer_shapes(CONFIG))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_one_file_and_its_digests(tmp_path: Path, params: Params) -> None:
    model = tmp_path / "new" / "model"
    save_transformer(model, CONFIG, params)
    assert names(model) == ["config.json", "digests.json", "model.safetensors"]
    assert json.loads((model / "config.json").read_text()) == CONFIG.to_dict()
    digests = json.loads((model / "digests.json").read_text())
    assert digests == {
        name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in ("config.json", "model.safetensors")
    }
    assert verify(model) == ()


def test_shards_hold_at_most_what_is_allowed(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path, CONFIG, params, max_shard_bytes=40_000)
    shards = sorted(tmp_path.glob("*.safetensors"))
    assert [shard.name for shard in shards] == [
        f"model-{number:05d}-of-{len(shards):05d}.safetensors" for number in range(1, len(shards) + 1)
    ]
    assert len(shards) > 2
    assert all(shard.stat().st_size < 40_000 + 4_000 for shard in shards)
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    assert index["weight_map"].keys() == layout.flatten(params).keys()
    assert index["metadata"]["total_size"] == sum(x.nbytes for x in jax.tree.leaves(params))
    assert verify(tmp_path) == ()


def test_a_leaf_larger_than_a_shard_has_one_of_its_own(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path, CONFIG, params, max_shard_bytes=1)
    assert len(list(tmp_path.glob("*.safetensors"))) == len(jax.tree.leaves(params))
    assert load_transformer(tmp_path)[0] == CONFIG


def test_saving_again_replaces_and_leaves_nothing_stale(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path, CONFIG, params, max_shard_bytes=40_000)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "model_card.safetensors").write_text("mine")
    changed = jax.tree.map(lambda leaf: leaf + 1, params)
    save_transformer(tmp_path, CONFIG, changed)
    assert names(tmp_path) == [
        "config.json",
        "digests.json",
        "model.safetensors",
        "model_card.safetensors",
        "notes.txt",
    ]
    found = load_transformer(tmp_path)[1]
    np.testing.assert_array_equal(found["decoder"]["head"]["kernel"], changed["decoder"]["head"]["kernel"])
    save_transformer(tmp_path, CONFIG, params, format="msgpack", overwrite=True)
    assert names(tmp_path) == [
        "config.json",
        "flax_model.msgpack",
        "model_card.safetensors",
        "notes.txt",
    ]


def test_another_model_or_format_is_not_overwritten_unasked(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path, CONFIG, params)
    before = contents(tmp_path)
    with pytest.raises(OutputError, match="already holds another model") as refusal:
        save_vqgan(tmp_path, PIXELS, make_params(layout.vqgan_shapes(PIXELS)))
    assert refusal.value.hint
    with pytest.raises(OutputError, match="already holds this model as model.safetensors"):
        save_transformer(tmp_path, CONFIG, params, format="msgpack")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(OutputError, match="already holds another model"):
        save_transformer(tmp_path, CONFIG, params)
    (tmp_path / "config.json").write_bytes(before["config.json"])
    assert contents(tmp_path) == before


def test_parameters_that_do_not_fit_the_config_are_refused(tmp_path: Path, params: Params) -> None:
    lacking = {**params, "decoder": {**params["decoder"], "head": {}}}
    with pytest.raises(CheckpointError, match="missing: decoder/head/kernel"):
        save_transformer(tmp_path / "model", CONFIG, lacking)
    assert not (tmp_path / "model").exists()


def test_stacked_jax_arrays_are_saved_as_layers(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path, CONFIG, jax.tree.map(jax.numpy.asarray, layout.stack_layers(params)))
    found = jax.tree.map(np.asarray, load_transformer(tmp_path)[1])
    jax.tree.map(np.testing.assert_array_equal, found, params)


@pytest.mark.parametrize(
    "options",
    [{"format": "pickle"}, {"format": "msgpak"}, {"dtype": "int8"}, {"max_shard_bytes": 0}],
)
def test_unknown_options_are_refused(tmp_path: Path, params: Params, options: dict) -> None:
    with pytest.raises(ConfigError):
        save_transformer(tmp_path / "model", CONFIG, params, **options)
    assert not (tmp_path / "model").exists()


def test_a_file_in_the_way(tmp_path: Path, params: Params) -> None:
    (tmp_path / "file").write_text("mine")
    for target in (tmp_path / "file", tmp_path / "file" / "model", Path("/proc/nowhere")):
        with pytest.raises(OutputError) as refusal:
            save_transformer(target, CONFIG, params)
        assert refusal.value.hint
    (tmp_path / "model" / "model.safetensors").mkdir(parents=True)
    with pytest.raises(OutputError):
        save_transformer(tmp_path / "model", CONFIG, params, overwrite=True)
    assert (tmp_path / "file").read_text() == "mine"


SAVE_ON_A_SMALL_DISK = """
import resource, sys
folder, *sys.path[:2] = sys.argv[1:]
from test_saving import CONFIG, layout, make_params, save_transformer
from dalle_mini.errors import OutputError

params = make_params(layout.transformer_shapes(CONFIG))
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
for form in ("safetensors", "msgpack-scanned"):
    for target in (f"{folder}/{form}", f"{folder}/new/model"):
        try:
            save_transformer(target, CONFIG, params, format=form, max_shard_bytes=20_000)
        except OutputError as error:
            print(error, "|", error.hint)
"""


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path, params: Params) -> None:
    """The first shards fit, that of the encoder's tokens does not."""
    kept = [tmp_path / form for form in ("msgpack-scanned", "safetensors")]
    for folder in kept:
        save_transformer(folder, CONFIG, params, format=folder.name)
    before = [contents(folder) for folder in kept]
    here = Path(__file__).parent
    command = [sys.executable, "-c", SAVE_ON_A_SMALL_DISK, tmp_path, here, here.parents[1]]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("can't write") == 4
    assert done.stdout.count("save smaller shards") == 4
    assert [contents(folder) for folder in kept] == before
    assert names(tmp_path) == [folder.name for folder in kept]


def test_what_a_crash_left_is_cleared_away(tmp_path: Path, params: Params) -> None:
    (tmp_path / ".model.safetensors.0badcafe.partial").write_bytes(b"half")
    save_transformer(tmp_path, CONFIG, params)
    assert names(tmp_path) == ["config.json", "digests.json", "model.safetensors"]


def test_files_are_readable_as_usual(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path, CONFIG, params)
    (tmp_path / "ordinary").touch()
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert modes == {os.stat(tmp_path / "ordinary").st_mode}


def test_verify_names_every_damaged_file(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path, CONFIG, params, max_shard_bytes=40_000)
    first, second, *_ = sorted(tmp_path.glob("*.safetensors"))
    expected = json.loads((tmp_path / "digests.json").read_text())[first.name]
    with first.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    found = hashlib.sha256(first.read_bytes()).hexdigest()
    second.unlink()
    (tmp_path / "flax_model.msgpack").write_bytes(b"\x80")
    assert verify(tmp_path) == (
        f"{first.name}: expected sha256 {expected}, found {found}",
        f"{second.name}: missing",
        "flax_model.msgpack: not in digests.json",
    )


def test_verify_needs_digests(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path, CONFIG, params, format="msgpack")
    with pytest.raises(CheckpointError, match="digests.json is missing"):
        verify(tmp_path)
    (tmp_path / "digests.json").write_text('{"../outside": "0", "config.json": 3}')
    problems = verify(tmp_path)
    assert "../outside: not a file of this folder" in problems
    assert any(problem.startswith("config.json: expected sha256 3") for problem in problems)


@pytest.mark.parametrize("form", ["safetensors", "msgpack", "msgpack-scanned"])
def test_convert_keeps_every_number_and_the_tokenizer(tmp_path: Path, params: Params, form: str) -> None:
    source = tmp_path / "source"
    save_transformer(source, CONFIG, params, format="msgpack-scanned", dtype="bfloat16")
    (source / "tokenizer.json").write_text("{}")
    (source / "enwiki-words-frequency.txt").write_text("the 1")
    (source / "README.md").write_text("not ours")
    convert(source, tmp_path / "target", format=form)
    assert inspect(tmp_path / "target").dtypes.keys() == {"bfloat16"}
    assert {"tokenizer.json", "enwiki-words-frequency.txt"} < set(names(tmp_path / "target"))
    assert not (tmp_path / "target" / "README.md").exists()
    first, second = load_transformer(source), load_transformer(tmp_path / "target")
    assert first[0] == second[0]
    jax.tree.map(np.testing.assert_array_equal, first[1], second[1])
    if form == "safetensors":
        assert verify(tmp_path / "target") == ()


def test_convert_covers_no_other_tokenizer(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path / "source", CONFIG, params)
    (tmp_path / "source" / "tokenizer.json").write_text("{}")
    (tmp_path / "target").mkdir()
    (tmp_path / "target" / "tokenizer.json").write_text('{"mine": 1}')
    with pytest.raises(OutputError, match="already holds another tokenizer.json"):
        convert(tmp_path / "source", tmp_path / "target")
    assert names(tmp_path / "target") == ["tokenizer.json"]
    convert(tmp_path / "source", tmp_path / "target", overwrite=True)
    assert (tmp_path / "target" / "tokenizer.json").read_text() == "{}"
    convert(tmp_path / "source", tmp_path / "target")


def test_convert_casts_and_reads_any_kind(tmp_path: Path) -> None:
    save_vqgan(tmp_path / "source", PIXELS, make_params(layout.vqgan_shapes(PIXELS)))
    convert(tmp_path / "source", tmp_path / "target", format="msgpack", dtype="float16")
    assert inspect(tmp_path / "target").dtypes.keys() == {"float16"}
    assert load_vqgan(tmp_path / "target")[0] == PIXELS
    with pytest.raises(ConfigError, match="unknown format 'msgpack-scanned' of a VQGAN"):
        convert(tmp_path / "source", tmp_path / "other", format="msgpack-scanned")
    with pytest.raises(OutputError, match="is the folder to convert"):
        convert(tmp_path / "source", tmp_path / "target" / ".." / "source", overwrite=True)


def test_the_original_is_told_whether_layers_are_stacked(tmp_path: Path, params: Params) -> None:
    for form, stacked in (("msgpack", False), ("msgpack-scanned", True)):
        save_transformer(tmp_path / form, CONFIG, params, format=form)
        values = json.loads((tmp_path / form / "config.json").read_text())
        assert values["use_scan"] is stacked


@pytest.mark.parametrize("form", ["safetensors", "msgpack-scanned"])
def test_converting_holds_one_leaf_at_a_time(tmp_path: Path, form: str) -> None:
    config = TransformerConfig(
        encoder_vocab_size=100,
        image_vocab_size=100,
        d_model=256,
        encoder_layers=4,
        decoder_layers=4,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=512,
        decoder_ffn_dim=512,
        decoder_start_token_id=100,
    )
    source = "msgpack-scanned" if form == "safetensors" else "safetensors"
    save_transformer(tmp_path / "source", config, make_params(layout.transformer_shapes(config)), format=source)
    largest = 4 * 256 * 512 * (4 if form == "msgpack-scanned" else 1)
    tracemalloc.start()
    try:
        convert(tmp_path / "source", tmp_path / "target", format=form)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert inspect(tmp_path / "source").bytes > 15 * largest or form == "msgpack-scanned"
    assert peak < 1.2 * largest + 2_000_000
