"""Loading a folder: what comes back, and what is said about a folder that is not as it should be."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
import pytest
import safetensors.numpy
from flax import serialization

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import layout
from dalle_mini.checkpoints.store import (
    inspect,
    load_transformer,
    load_vqgan,
    read_tree,
    save_transformer,
    save_vqgan,
)
from dalle_mini.config import TransformerConfig, VQGANConfig
from dalle_mini.errors import CheckpointError, ConfigError

CONFIG = TransformerConfig(
    encoder_vocab_size=20,
    image_vocab_size=10,
    max_text_length=4,
    image_length=4,
    d_model=8,
    encoder_layers=1,
    decoder_layers=2,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=12,
    decoder_ffn_dim=16,
    decoder_start_token_id=10,
    bos_token_id=10,
    pad_token_id=10,
    eos_token_id=10,
)
PIXELS = VQGANConfig(
    ch=32,
    ch_mult=(1, 1),
    num_res_blocks=1,
    attn_resolutions=(4,),
    resolution=8,
    z_channels=4,
    embed_dim=4,
    n_embed=10,
)


def make_params(shapes: layout.Shapes) -> Params:
    rng = np.random.default_rng(0)
    return layout.unflatten((path, rng.standard_normal(shape).astype(np.float32)) for path, shape in shapes.items())


@pytest.fixture(scope="module")
def params() -> Params:
    return make_params(layout.transformer_shapes(CONFIG))


@pytest.fixture(scope="module")
def pixel_params() -> Params:
    return make_params(layout.vqgan_shapes(PIXELS))


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory, params: Params, pixel_params: Params) -> Path:
    """A transformer in every format, whole and in shards, and a VQGAN."""
    root = tmp_path_factory.mktemp("saved")
    for form in ("safetensors", "msgpack", "msgpack-scanned"):
        save_transformer(root / form, CONFIG, params, format=form)
        save_transformer(root / f"{form}-shards", CONFIG, params, format=form, max_shard_bytes=7000)
    save_vqgan(root / "vqgan", PIXELS, pixel_params)
    return root


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of one of the saved folders, to be damaged."""
    return lambda name: Path(shutil.copytree(saved / name, tmp_path / name))


def assert_same(found: Params, expected: Params) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_array_equal(a, b, strict=True), found, expected)


@pytest.mark.parametrize("shards", ["", "-shards"])
@pytest.mark.parametrize("form", ["safetensors", "msgpack", "msgpack-scanned"])
def test_what_was_saved_is_loaded(saved: Path, params: Params, form: str, shards: str) -> None:
    config, loaded = load_transformer(saved / (form + shards))
    assert config == CONFIG
    assert all(isinstance(leaf, jax.Array) for leaf in jax.tree.leaves(loaded))
    assert_same(jax.tree.map(np.asarray, loaded), params)


def test_vqgan_is_loaded(saved: Path, pixel_params: Params) -> None:
    config, loaded = load_vqgan(saved / "vqgan")
    assert config == PIXELS
    assert_same(jax.tree.map(np.asarray, loaded), pixel_params)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_embeddings_keep_the_dtype_of_the_file(saved: Path, params: Params, dtype: str) -> None:
    _, loaded = load_transformer(saved / "msgpack-scanned", dtype=dtype)
    for path, leaf in layout.flatten(loaded).items():
        kept = path.endswith(("token_embedding", "position_embedding"))
        expected = layout.flatten(params)[path].astype("float32" if kept else dtype)
        np.testing.assert_array_equal(np.asarray(leaf), expected, strict=True)


def test_every_leaf_of_a_vqgan_is_cast(saved: Path) -> None:
    _, loaded = load_vqgan(saved / "vqgan", dtype="bfloat16")
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(loaded)} == {"bfloat16"}


def test_a_float16_file_keeps_float16_embeddings(tmp_path: Path, params: Params) -> None:
    save_transformer(tmp_path, CONFIG, params, dtype="float16")
    _, loaded = load_transformer(tmp_path)
    dtypes = {path: str(leaf.dtype) for path, leaf in layout.flatten(loaded).items()}
    assert {path for path, dtype in dtypes.items() if dtype == "float16"} == {
        f"{side}/embedding/{name}"
        for side in ("encoder", "decoder")
        for name in ("token_embedding", "position_embedding")
    }


def test_a_weight_that_a_dtype_can_not_hold_is_refused(tmp_path: Path, params: Params) -> None:
    large = jax.tree.map(lambda leaf: leaf * np.float32(1e6), params)
    save_transformer(tmp_path, CONFIG, large)
    with pytest.raises(CheckpointError, match="beyond the range of float16"):
        load_transformer(tmp_path, dtype="float16")
    load_transformer(tmp_path, dtype="bfloat16")


def test_an_unknown_dtype_is_refused(saved: Path) -> None:
    with pytest.raises(ConfigError, match="'bfloat61'") as refusal:
        load_transformer(saved / "msgpack", dtype="bfloat61")
    assert "'bfloat16'" in refusal.value.hint


def test_loaded_weights_outlive_their_file(folder: Callable[[str], Path], params: Params) -> None:
    path = folder("safetensors") / "model.safetensors"
    _, loaded = load_transformer(path.parent)
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    assert_same(jax.tree.map(np.asarray, loaded), params)


def test_torch_names_are_read(tmp_path: Path, saved: Path, pixel_params: Params) -> None:
    shutil.copy(saved / "vqgan" / "config.json", tmp_path)
    tensors = {"loss.discriminator.weight": np.zeros((3, 3), np.float32)}
    for path, leaf in layout.flatten(pixel_params).items():
        module, _, name = path.rpartition("/")
        kind = "bias" if name == "bias" else "weight"
        for level in ("down", "up", "block", "attn"):
            if "mid" not in module:
                module = module.replace(f"{level}_", f"{level}.")
        stored = leaf.transpose(3, 2, 0, 1) if leaf.ndim == 4 else leaf
        tensors[f"{module.replace('/', '.')}.{kind}"] = np.ascontiguousarray(stored)
    safetensors.numpy.save_file(tensors, tmp_path / "model.safetensors")
    assert inspect(tmp_path).names == "torch"
    _, loaded = load_vqgan(tmp_path)
    assert_same(jax.tree.map(np.asarray, loaded), pixel_params)


def edit_json(path: Path, **changes: object) -> None:
    values = json.loads(path.read_text())
    path.write_text(json.dumps(values | changes))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "config.json is missing"),
        ("{", "config.json is not JSON"),
        ("[1]", "config.json holds list"),
        ("{}", "describes no known model"),
        ('{"model_type": "bart"}', "describes a 'bart'"),
        ('{"model_type": ["dallebart"]}', r"describes a \['dallebart'\]"),
        ("\0", "config.json is not JSON"),
    ],
)
def test_a_bad_config_is_named(folder: Callable[[str], Path], content: str | None, said: str) -> None:
    path = folder("msgpack") / "config.json"
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(CheckpointError, match=said) as refusal:
        load_transformer(path.parent)
    assert refusal.value.hint


def test_a_config_of_another_shape_lists_the_leaves_by_their_names_in_the_file(
    folder: Callable[[str], Path],
) -> None:
    model = folder("msgpack-scanned")
    edit_json(model / "config.json", encoder_layers=2, image_vocab_size=11)
    with pytest.raises(CheckpointError) as refusal:
        load_transformer(model)
    text = str(refusal.value)
    assert text.startswith(f"{model}: wrong parameters: 0 missing, 0 unexpected, 14 unlike")
    assert "unlike: lm_head/kernel (8, 11) float32, expected (8, 12)" in text
    module = "model/encoder/layers/FlaxBartEncoderLayers"
    assert f"unlike: {module}/LayerNorm_0/bias (1, 8) float32, expected (2, 8)" in text


def test_a_bad_value_in_a_config_names_the_file(folder: Callable[[str], Path]) -> None:
    model = folder("msgpack")
    edit_json(model / "config.json", d_model=0)
    with pytest.raises(ConfigError, match="config.json: d_model=0"):
        load_transformer(model)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("msgpack", {"encoder_layers": 10**9}),
        ("msgpack", {"encoder_vocab_size": 2**70}),
        ("vqgan", {"num_res_blocks": 10**6}),
        ("vqgan", {"n_embed": 2**70}),
        ("vqgan", {"ch_mult": [1] * 60, "resolution": 2**62}),
        ("vqgan", {"ch_mult": [1] * 20, "resolution": 2**20}),
    ],
)
def test_absurd_sizes_are_answered_at_once(
    folder: Callable[[str], Path], name: str, changes: dict[str, object]
) -> None:
    model = folder(name)
    edit_json(model / "config.json", **changes)
    load = load_vqgan if name == "vqgan" else load_transformer
    with pytest.raises(ConfigError, match="from 1 to"):
        load(model)
    assert "from 1 to" in inspect(model).problems[0]


def test_the_other_kind_of_model_is_named(saved: Path) -> None:
    with pytest.raises(CheckpointError, match="holds a transformer, not a VQGAN"):
        load_vqgan(saved / "msgpack")
    with pytest.raises(CheckpointError, match="holds a VQGAN, not a transformer"):
        load_transformer(saved / "vqgan")


def test_the_published_vqgan_names_no_model_type(folder: Callable[[str], Path]) -> None:
    path = folder("vqgan") / "config.json"
    values = json.loads(path.read_text())
    del values["model_type"]
    path.write_text(json.dumps({"architectures": ["del"], **values}))
    assert load_vqgan(path.parent)[0] == PIXELS


def test_no_folder_no_weights_and_pickles(folder: Callable[[str], Path], tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not exist"):
        load_transformer(tmp_path / "nowhere")
    model = folder("msgpack")
    with pytest.raises(CheckpointError, match="is not a directory"):
        load_transformer(model / "config.json")
    (model / "flax_model.msgpack").rename(model / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="holds no weights") as refusal:
        load_transformer(model)
    assert "pytorch_model.bin may be a pickle" in refusal.value.hint


INDICES = [
    ("safetensors-shards", "model.safetensors.index.json"),
    ("msgpack-shards", "flax_model.msgpack.index.json"),
]


@pytest.mark.parametrize(("name", "index"), INDICES)
def test_a_missing_shard_is_named(folder: Callable[[str], Path], name: str, index: str) -> None:
    model = folder(name)
    gone = sorted(model.glob("*-00002-of-*"))[0]
    gone.unlink()
    with pytest.raises(CheckpointError, match=f"1 files that are not there: {gone.name}"):
        load_transformer(model)


@pytest.mark.parametrize(("name", "index"), INDICES)
def test_an_index_that_names_what_a_shard_lacks(folder: Callable[[str], Path], name: str, index: str) -> None:
    model = folder(name)
    places = json.loads((model / index).read_text())["weight_map"]
    first, last = min(places.values()), max(places.values())
    path = next(path for path, shard in places.items() if shard == last)
    edit_json(model / index, weight_map=places | {path: first})
    with pytest.raises(CheckpointError, match=f"their files lack: {path} in {first}"):
        load_transformer(model)


@pytest.mark.parametrize("shard", ["../model.safetensors", "/etc/passwd", "..", "", "a\\b", "a/b"])
def test_an_index_that_leads_elsewhere(folder: Callable[[str], Path], shard: str) -> None:
    model = folder("safetensors-shards")
    edit_json(model / "model.safetensors.index.json", weight_map={"a": shard})
    with pytest.raises(CheckpointError, match="not beside it"):
        load_transformer(model)


@pytest.mark.parametrize("weight_map", [None, {}, [], {"a": 3}, {"a": "x" * 300}])
def test_an_index_without_shards(folder: Callable[[str], Path], weight_map: object) -> None:
    model = folder("safetensors-shards")
    edit_json(model / "model.safetensors.index.json", weight_map=weight_map)
    with pytest.raises(CheckpointError, match="index.json"):
        load_transformer(model)


def test_a_leaf_in_two_shards_is_refused(folder: Callable[[str], Path]) -> None:
    model = folder("msgpack-shards")
    index = model / "flax_model.msgpack.index.json"
    places = json.loads(index.read_text())["weight_map"]
    first, last = min(places.values()), max(places.values())
    shutil.copy(model / first, model / last)
    kept = {path: shard for path, shard in places.items() if shard != last}
    twice = next(path for path, shard in places.items() if shard == first)
    edit_json(index, weight_map=kept | {twice: last})
    with pytest.raises(CheckpointError, match="is there twice"):
        load_transformer(model)


def test_strange_leaves_are_listed(folder: Callable[[str], Path]) -> None:
    model = folder("msgpack")
    path = model / "flax_model.msgpack"
    tree = serialization.msgpack_restore(path.read_bytes())
    tree["lm_head"]["kernel"] = 3
    tree["model"]["encoder"]["final_ln"]["bias"] = np.arange(8)
    tree["model"]["encoder"]["layers"]["FlaxBartEncoderLayer_0"]["head_scale"] = np.zeros(2)
    path.write_bytes(serialization.msgpack_serialize(tree))
    with pytest.raises(CheckpointError) as refusal:
        load_transformer(model)
    assert "unlike: lm_head/kernel 3, expected (8, 11)" in str(refusal.value)
    assert "unlike: model/encoder/final_ln/bias (8,) int64" in str(refusal.value)
    assert "FlaxBartEncoderLayer_0/head_scale (2,) float64" in str(refusal.value)


def test_names_of_any_depth_are_reported(folder: Callable[[str], Path], params: Params) -> None:
    model = folder("safetensors")
    leaves = {**layout.flatten(params), "a/" * 5000 + "b": np.zeros(2, np.float32)}
    safetensors.numpy.save_file(leaves, model / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"1 unexpected.*\n.*unexpected: a/a/a/"):
        load_transformer(model)


def test_our_own_layers_may_be_stacked_in_a_file(tmp_path: Path, saved: Path, params: Params) -> None:
    shutil.copy(saved / "safetensors" / "config.json", tmp_path)
    stacked = layout.flatten(layout.stack_layers(params))
    safetensors.numpy.save_file(stacked, tmp_path / "model.safetensors")
    assert inspect(tmp_path).stacked
    assert_same(jax.tree.map(np.asarray, load_transformer(tmp_path)[1]), params)


def test_inspect_tells_what_a_folder_holds(saved: Path, params: Params) -> None:
    count = sum(leaf.size for leaf in jax.tree.leaves(params))
    seen = inspect(saved / "msgpack-scanned-shards")
    assert (seen.kind, seen.format, seen.names, seen.stacked) == (
        "transformer",
        "msgpack",
        "published",
        True,
    )
    assert (seen.parameters, seen.bytes, seen.dtypes) == (count, 4 * count, {"float32": count})
    assert seen.sizes["d_model"] == 8
    assert seen.problems == ()
    ours = inspect(saved / "safetensors")
    assert (ours.format, ours.names, ours.stacked) == ("safetensors", "ours", False)
    assert inspect(saved / "vqgan").kind == "VQGAN"


def test_inspect_tells_what_keeps_a_model_from_loading(folder: Callable[[str], Path]) -> None:
    model = folder("msgpack")
    edit_json(model / "config.json", use_alibi=True, ln_positions="postln")
    (problem,) = inspect(model).problems
    assert "use_alibi=True" in problem
    assert "ln_positions='postln'" in problem
    edit_json(model / "config.json", use_alibi=False, ln_positions="normformer", d_model=4)
    (problem,) = inspect(model).problems
    assert "wrong parameters" in problem


def test_read_tree_gives_views_of_the_file(saved: Path) -> None:
    tree, form = read_tree(saved / "safetensors")
    assert form == "safetensors"
    assert not any(leaf.flags.owndata for leaf in layout.flatten(tree).values())
    assert read_tree(saved / "msgpack")[1] == "msgpack"
