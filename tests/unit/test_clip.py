"""A CLIP on disk and at work: what its vectors hold to, and what is said about a folder that is not as it should be."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from doubles import make_tiny_clip, make_tiny_model
from PIL import Image

from dalle_mini.checkpoints import layout
from dalle_mini.checkpoints.releases import resolve_clip
from dalle_mini.checkpoints.store import convert, inspect, load_clip, load_vqgan, save_clip
from dalle_mini.config import CLIPConfig
from dalle_mini.errors import CheckpointError, ConfigError, DalleMiniError, DataError, PromptError
from dalle_mini.ranking import LANES, Clip, embed_text

PROMPTS = ["a red car at the beach", "two dogs in the snow", "an owl"]


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_clip(tmp_path_factory.mktemp("saved"))


@pytest.fixture(scope="module")
def residual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One whose image tower is of convolutions."""
    return make_tiny_clip(tmp_path_factory.mktemp("residual"), residual=True)


@pytest.fixture(scope="module")
def clip(saved: Path) -> Clip:
    return Clip.load(saved, dtype="float32")


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(saved, tmp_path / "copy")


def make_pixels(count: int, height: int = 16, width: int = 16) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def change_config(folder: Path, change: Callable[[dict], object]) -> None:
    path = folder / "config.json"
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


@pytest.mark.parametrize("form", ["safetensors", "safetensors-torch", "msgpack"])
@pytest.mark.parametrize("tower", ["saved", "residual"])
def test_what_was_saved_is_loaded(request: pytest.FixtureRequest, tmp_path: Path, tower: str, form: str) -> None:
    clip = Clip.load(request.getfixturevalue(tower), dtype="float32")
    save_clip(tmp_path, clip.config, clip.params, format=form)
    config, params = load_clip(tmp_path)
    assert config == clip.config
    before, after = layout.flatten(clip.params), layout.flatten(params)
    assert before.keys() == after.keys()
    for path, leaf in before.items():
        np.testing.assert_array_equal(leaf, after[path], strict=True)


def test_the_tokenizer_goes_along(saved: Path, clip: Clip, tmp_path: Path) -> None:
    save_clip(tmp_path / "saved", clip.config, clip.params, tokenizer=saved)
    convert(saved, tmp_path / "converted", dtype="float16")
    for place in ("saved", "converted"):
        tokens = Clip.load(tmp_path / place).tokenizer.encode(PROMPTS).tokens
        np.testing.assert_array_equal(tokens, clip.tokenizer.encode(PROMPTS).tokens)


def test_embeddings_have_length_1_and_differ(clip: Clip) -> None:
    for rows in (clip.embed_images(make_pixels(3)), clip.embed_text(PROMPTS)):
        assert rows.shape == (3, 8) and rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, rtol=1e-6)
        assert np.abs(rows[0] - rows[1]).max() > 1e-3


def test_an_embedding_does_not_depend_on_its_company(clip: Clip) -> None:
    pixels = make_pixels(LANES + 2)
    together = clip.embed_images(pixels)
    for index in (0, LANES - 1, LANES + 1):
        np.testing.assert_array_equal(clip.embed_images(pixels[index : index + 1])[0], together[index])
    np.testing.assert_array_equal(clip.embed_text(PROMPTS)[1:2], clip.embed_text(PROMPTS[1:2]))


def test_nothing_has_no_embeddings(clip: Clip) -> None:
    assert clip.embed_images([]).shape == clip.embed_text([]).shape == (0, 8)


def test_pictures_come_as_pil_bytes_or_floats(clip: Clip) -> None:
    pixels = make_pixels(4, 20, 31)
    expected = clip.embed_images(pixels)
    np.testing.assert_array_equal(clip.embed_images([Image.fromarray(array) for array in pixels]), expected)
    np.testing.assert_array_equal(clip.embed_images(pixels / 255), expected)
    opaque = [Image.fromarray(array).convert("RGBA") for array in pixels]
    np.testing.assert_array_equal(clip.embed_images(opaque), expected)


def test_a_mark_is_the_cosine(clip: Clip) -> None:
    pixels = make_pixels(5)
    expected = clip.embed_images(pixels) @ clip.embed_text(PROMPTS)[1]
    np.testing.assert_allclose(clip.marks(pixels, PROMPTS[1]), expected, atol=1e-6)


@pytest.mark.parametrize("tower", ["saved", "residual"])
def test_half_the_bits_give_nearly_the_same(request: pytest.FixtureRequest, tower: str) -> None:
    clip, half = (Clip.load(request.getfixturevalue(tower), dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert half.params["text"]["layers_0"]["attention"]["query"]["kernel"].dtype == jnp.bfloat16
    for one, other in (
        (half.embed_images(make_pixels(3)), clip.embed_images(make_pixels(3))),
        (half.embed_text(PROMPTS), clip.embed_text(PROMPTS)),
    ):
        assert one.dtype == np.float32 and np.abs(one - other).max() < 0.05


def test_what_follows_the_end_token_does_not_matter(clip: Clip) -> None:
    tokens = clip.tokenizer.encode(PROMPTS[:1]).tokens
    end = int((tokens[0] == 2).argmax())
    others = tokens.copy()
    others[0, end + 1 :] = 300
    before = others.copy()
    before[0, end - 1] = 300
    found, same, different = (np.asarray(embed_text(clip.params, clip.config, row)) for row in (tokens, others, before))
    np.testing.assert_array_equal(found, same)
    assert np.abs(found - different).max() > 1e-3


def test_old_published_configs_pool_at_the_highest_token() -> None:
    pooling = {
        end: CLIPConfig.from_dict({"text_config": {"eos_token_id": end}}).text_config.pooling for end in (2, 49407)
    }
    assert pooling == {2: "highest_token", 49407: "end_token"}
    assert CLIPConfig.from_dict({}) == CLIPConfig()


def test_a_tower_that_a_config_has_twice_is_the_second_one() -> None:
    values = {"vision_config": {"patch_size": 16}, "vision_config_dict": {"patch_size": 14}, "text_config_dict": None}
    assert CLIPConfig.from_dict(values).vision_config.patch_size == 14


@pytest.mark.parametrize(
    ("table", "values", "said"),
    [
        ("text_config", {"hidden_act": "relu"}, "hidden_act='relu'"),
        ("text_config", {"num_attention_heads": 7}, "num_attention_heads=7"),
        ("text_config", {"pooling": "mean"}, "pooling='mean'"),
        ("text_config", {"vocab_size": "many"}, "vocab_size='many'"),
        ("vision_config", {"image_size": 225}, "image_size=225"),
        ("vision_config", {"num_channels": 1}, "num_channels=1"),
        ("vision_config", {"num_hidden_layers": 10**6}, "num_hidden_layers=1000000"),
        ("vision_config", {"widths": 8}, "widths=8"),
        ("vision_config", {"widths": [8, 8], "depths": [1]}, "as many"),
        ("vision_config", {"widths": [8], "depths": [1], "patch_size": 0}, "patch_size=0"),
        (
            "vision_config",
            {"widths": [8, 8], "depths": [1, 1], "patch_size": 5},
            "96 pixels a side do not divide by 10",
        ),
        ("vision_config", "ViT-B/32", "'ViT-B/32' is not a table"),
        ("projection_dim", 0, "projection_dim=0"),
    ],
)
def test_what_can_not_be_built_is_named(table: str, values: object, said: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        CLIPConfig.from_dict({table: values})
    assert said in str(refusal.value)


def refusal_of(folder: Path) -> DalleMiniError:
    with pytest.raises(DalleMiniError) as refusal:
        Clip.load(folder)
    assert refusal.value.hint
    return refusal.value


def test_a_folder_of_another_kind_is_refused(tmp_path: Path, saved: Path) -> None:
    assert "holds a transformer, not a CLIP" in str(refusal_of(make_tiny_model(tmp_path)))
    assert "holds a VQGAN, not a CLIP" in str(refusal_of(tmp_path / "vqgan"))
    with pytest.raises(CheckpointError, match="holds a CLIP, not a VQGAN"):
        load_vqgan(saved)


@pytest.mark.parametrize(
    ("name", "said"),
    [("config.json", "config.json is missing"), ("model.safetensors", "no weights")],
)
def test_a_missing_file_is_named(folder: Path, name: str, said: str) -> None:
    (folder / name).unlink()
    error = refusal_of(folder)
    assert isinstance(error, CheckpointError) and said in str(error)


def test_a_folder_without_a_tokenizer_is_refused(folder: Path) -> None:
    for path in [*folder.glob("*token*"), folder / "vocab.json"]:
        path.unlink()
    assert "holds no tokenizer" in str(refusal_of(folder))


def test_the_tokenizer_of_another_model_is_refused(folder: Path) -> None:
    change_config(folder, lambda values: values["text_config"].update(eos_token_id=3))
    assert "ends a text with 2" in str(refusal_of(folder)) and "looks for 3" in str(refusal_of(folder))


@pytest.mark.parametrize("content", ["{", '{"version": "1.0"}'])
def test_a_broken_tokenizer_is_refused(folder: Path, content: str) -> None:
    (folder / "tokenizer_config.json").unlink()
    (folder / "tokenizer.json").write_text(content)
    assert "can't be read" in str(refusal_of(folder))


def test_pictures_prepared_in_another_way_are_refused(folder: Path) -> None:
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5, 0.5, 0.5], "resample": 3}))
    error = refusal_of(folder)
    assert "image_mean=[0.5, 0.5, 0.5]" in str(error) and "resample" not in str(error)


def test_another_model_type_and_wrong_sizes_are_named(folder: Path) -> None:
    change_config(folder, lambda values: values.update(model_type="siglip"))
    assert "'siglip'" in str(refusal_of(folder))
    change_config(folder, lambda values: values.update(model_type="clip", projection_dim=9))
    assert "unlike: image/projection/kernel (8, 16) float32, expected (9, 16)" in str(refusal_of(folder))


def test_a_place_that_is_not_there(tmp_path: Path) -> None:
    assert "does not exist" in str(refusal_of(tmp_path / "nowhere"))
    with pytest.raises(CheckpointError, match="not on this machine"):
        resolve_clip("owner/a-clip-that-nobody-has", offline=True)


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        (np.zeros((2, 16, 16), np.uint8), "(2, 16, 16)"),
        (np.zeros((1, 16, 0, 3), np.uint8), "(1, 16, 0, 3)"),
        (np.zeros((1, 4, 4, 3), np.int32), "int32"),
        ([Image.new("RGB", (1, 500))], "1 × 500"),
        ([Image.new("RGB", (0, 0))], "0 × 0"),
    ],
)
def test_what_is_no_picture_is_refused(clip: Clip, pictures, said: str) -> None:
    with pytest.raises(DataError) as refusal:
        clip.embed_images(pictures)
    assert said in str(refusal.value) and refusal.value.hint


def test_an_empty_prompt_is_refused(clip: Clip) -> None:
    with pytest.raises(PromptError):
        clip.marks(make_pixels(1), "  ")


def test_an_embedding_hangs_on_no_other_picture_and_on_every_corner(residual: Path) -> None:
    clip, pixels = Clip.load(residual, dtype="float32"), make_pixels(5)
    alone = np.concatenate([clip.embed_images(pixels[row : row + 1]) for row in range(5)])
    np.testing.assert_allclose(clip.embed_images(pixels), alone, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(alone, axis=1), 1, atol=1e-6)
    for row, column in ((0, 0), (0, 12), (12, 0), (12, 12)):
        changed = pixels[:1].copy()
        changed[:, row : row + 4, column : column + 4] ^= 255
        assert np.abs(clip.embed_images(changed) - alone[:1]).max() > 1e-3


def test_inspect_tells_the_towers(saved: Path, residual: Path) -> None:
    found = inspect(residual)
    assert found.problems == () and found.sizes["vision_config.widths"] == [8, 12]
    found = inspect(saved)
    assert (found.kind, found.names, found.problems) == ("CLIP", "ours", ())
    assert found.sizes["vision_config.patch_size"] == 4 and found.sizes["projection_dim"] == 8
