"""CLIP against transformers' Flax CLIP: words, pixels, embeddings and logits (`record_clip.py` made the cases)."""

import functools
from pathlib import Path

import cases
import numpy as np
import pytest
from cases import Case
from PIL import Image

from dalle_mini.checkpoints.store import convert, inspect, load_clip
from dalle_mini.models.clip import PIXEL_DEVIATION, PIXEL_MEAN
from dalle_mini.ranking import Clip, prepare_pixels

TOLERANCE = 1e-5


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cases.parametrize(metafunc)


@functools.cache
def clip_of(case: Case) -> Clip:
    return Clip.load(case.model, dtype="float32")


def pictures_of(case: Case) -> list[Image.Image]:
    return [Image.fromarray(case.arrays[f"picture_{index}"]) for index in range(case.meta["pictures"])]


def test_prompts_have_the_recorded_tokens(clip_case: Case) -> None:
    found = clip_of(clip_case).tokenizer.encode(clip_case.meta["prompts"]).tokens
    np.testing.assert_array_equal(found, clip_case.arrays["input_ids"])


def test_pictures_have_the_recorded_pixels(clip_case: Case) -> None:
    size = clip_of(clip_case).config.vision_config.image_size
    found = prepare_pixels(pictures_of(clip_case), size)
    recorded = clip_case.arrays["pixel_values"].transpose(0, 2, 3, 1)
    levels = (recorded * PIXEL_DEVIATION + PIXEL_MEAN) * 255
    np.testing.assert_allclose(levels, np.round(levels), atol=1e-3)
    np.testing.assert_array_equal(found, np.round(levels))


def test_embeddings_are_the_recorded_ones(clip_case: Case) -> None:
    clip = clip_of(clip_case)
    texts, images = clip.embed_text(clip_case.meta["prompts"]), clip.embed_images(pictures_of(clip_case))
    np.testing.assert_allclose(texts, clip_case.arrays["text_embeds"], atol=TOLERANCE)
    np.testing.assert_allclose(images, clip_case.arrays["image_embeds"], atol=TOLERANCE)
    assert np.abs(texts[0] - texts[4]).max() > 0.1 and np.abs(images[0] - images[1]).max() > 0.1


def test_logits_are_the_recorded_ones(clip_case: Case) -> None:
    clip = clip_of(clip_case)
    scale = np.exp(np.asarray(clip.params["logit_scale"]))
    for index, prompt in enumerate(clip_case.meta["prompts"]):
        logits = scale * clip.marks(pictures_of(clip_case), prompt)
        np.testing.assert_allclose(logits, clip_case.arrays["logits_per_text"][index], atol=TOLERANCE)
        np.testing.assert_allclose(logits, clip_case.arrays["logits_per_image"][:, index], atol=TOLERANCE)


def test_weights_are_written_back_as_they_were(clip_case: Case, tmp_path: Path) -> None:
    """Through our own format and back to the file's."""
    names = inspect(clip_case.model).names
    form, file = {
        "published": ("msgpack", "flax_model.msgpack"),
        "torch": ("safetensors-torch", "model.safetensors"),
    }[names]
    convert(clip_case.model, tmp_path / "ours")
    convert(tmp_path / "ours", tmp_path / "theirs", format=form)
    assert inspect(tmp_path / "ours").names == "ours" and inspect(tmp_path / "theirs").names == names
    if form == "msgpack":
        assert (tmp_path / "theirs" / file).read_bytes() == (clip_case.model / file).read_bytes()
    for folder in ("ours", "theirs"):
        config, params = load_clip(tmp_path / folder)
        assert config == clip_of(clip_case).config
        assert_same(params, clip_of(clip_case).params)


def assert_same(left: dict, right: dict) -> None:
    assert left.keys() == right.keys()
    for name, leaf in left.items():
        if isinstance(leaf, dict):
            assert_same(leaf, right[name])
        else:
            np.testing.assert_array_equal(leaf, right[name], strict=True)
