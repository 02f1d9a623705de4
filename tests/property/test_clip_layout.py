"""A CLIP's three layouts hold the same numbers, whatever the sizes; ViT-B/32's are told by shapes alone."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import clip_layout, layout
from dalle_mini.checkpoints.clip_layout import FLAX, TORCH, Naming
from dalle_mini.config import CLIPConfig, CLIPResidualConfig, CLIPTextConfig, CLIPVisionConfig
from dalle_mini.errors import CheckpointError

texts = st.builds(
    CLIPTextConfig,
    vocab_size=st.integers(1, 5),
    hidden_size=st.sampled_from([2, 4]),
    intermediate_size=st.integers(1, 5),
    num_hidden_layers=st.sampled_from([1, 2]),
    num_attention_heads=st.just(2),
    max_position_embeddings=st.integers(1, 4),
)
patches = st.builds(
    CLIPVisionConfig,
    hidden_size=st.sampled_from([2, 6]),
    intermediate_size=st.integers(1, 5),
    num_hidden_layers=st.sampled_from([1, 3]),
    num_attention_heads=st.just(2),
    image_size=st.just(4),
    patch_size=st.sampled_from([1, 2, 4]),
)
convolutions = st.builds(
    CLIPResidualConfig,
    patch_size=st.sampled_from([1, 2]),
    widths=st.sampled_from([(2, 3), (4, 2)]),
    depths=st.sampled_from([(1, 2), (2, 1)]),
    image_size=st.sampled_from([4, 8]),
)
sizes = st.builds(CLIPConfig, texts, patches | convolutions, projection_dim=st.integers(1, 4))
namings = st.sampled_from([FLAX, TORCH])


def numbered(shapes: layout.Shapes) -> Params:
    """A tree of those shapes in which every number is another one."""
    leaves, first = {}, 0
    for path, shape in shapes.items():
        count = int(np.prod(shape))
        leaves[path] = np.arange(first, first + count, dtype=np.float32).reshape(shape)
        first += count
    return layout.unflatten(leaves.items())


def assert_same(first: Params, second: Params) -> None:
    left, right = layout.flatten(first), layout.flatten(second)
    assert left.keys() == right.keys()
    for path, leaf in left.items():
        np.testing.assert_array_equal(leaf, right[path], err_msg=path, strict=True)


@settings(deadline=None, max_examples=10)
@given(sizes, namings)
def test_ours_to_published_and_back(config: CLIPConfig, naming: Naming) -> None:
    ours = numbered(clip_layout.clip_shapes(config))
    published = naming.rename(ours)
    assert {path: leaf.shape for path, leaf in layout.flatten(published).items()} == naming.shapes(config)
    assert_same(naming.adopt(published, config, "here"), ours)


@settings(deadline=None, max_examples=10)
@given(sizes, namings, st.data())
def test_a_missing_and_a_strange_parameter_are_named(config: CLIPConfig, naming: Naming, data: st.DataObject) -> None:
    leaves = layout.flatten(naming.rename(numbered(clip_layout.clip_shapes(config))))
    gone = data.draw(st.sampled_from(sorted(leaves)))
    del leaves[gone]
    leaves["text_model_2/strange"] = np.zeros(3, np.float32)
    with pytest.raises(CheckpointError, match="1 missing, 1 unexpected, 0 unlike") as refusal:
        naming.adopt(layout.unflatten(leaves.items()), config, "here")
    assert f"missing: {gone} " in str(refusal.value)
    assert "unexpected: text_model_2/strange (3,) float32" in str(refusal.value)


def test_the_published_sizes_have_the_published_shapes() -> None:
    config = CLIPConfig.from_dict({"model_type": "clip"})
    shapes = clip_layout.clip_shapes(config)
    assert sum(int(np.prod(shape)) for shape in shapes.values()) == 151_277_313  # as its model card counts them
    torch, flax = TORCH.shapes(config), FLAX.shapes(config)
    assert len(torch) == len(flax) == len(shapes) == 398
    assert torch["text_model.embeddings.token_embedding.weight"] == (49408, 512)
    assert torch["text_model.encoder.layers.11.mlp.fc1.weight"] == (2048, 512)
    assert torch["vision_model.embeddings.patch_embedding.weight"] == (768, 3, 32, 32)
    assert torch["vision_model.embeddings.position_embedding.weight"] == (50, 768)
    assert torch["vision_model.pre_layrnorm.weight"] == torch["vision_model.embeddings.class_embedding"] == (768,)
    assert torch["visual_projection.weight"] == (512, 768) and torch["text_projection.weight"] == (512, 512)
    assert torch["logit_scale"] == ()
    assert flax["vision_model/embeddings/patch_embedding/kernel"] == (32, 32, 3, 768)
    assert flax["text_model/encoder/layers/0/mlp/fc1/kernel"] == (512, 2048)
    assert flax["text_model/encoder/layers/0/self_attn/q_proj/kernel"] == (512, 512)
    assert flax["visual_projection/kernel"] == (768, 512)


def test_torch_files_may_count_positions() -> None:
    config = CLIPConfig(
        CLIPTextConfig(vocab_size=3, hidden_size=2, intermediate_size=2, num_hidden_layers=1, num_attention_heads=1),
        dataclasses.replace(CLIPVisionConfig(), hidden_size=2, num_hidden_layers=1, num_attention_heads=1),
    )
    ours = numbered(clip_layout.clip_shapes(config))
    torch = TORCH.rename(ours) | {"text_model.embeddings.position_ids": np.arange(77)[None]}
    assert_same(TORCH.adopt(torch, config, "here"), ours)
