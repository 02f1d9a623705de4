"""The published layout and ours hold the same numbers, whatever the sizes."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dalle_mini.arrays import Params
from dalle_mini.checkpoints import layout
from dalle_mini.config import TransformerConfig
from dalle_mini.errors import CheckpointError

sizes = st.builds(
    TransformerConfig,
    encoder_vocab_size=st.integers(1, 5),
    image_vocab_size=st.integers(1, 5),
    max_text_length=st.integers(1, 3),
    image_length=st.integers(1, 3),
    d_model=st.sampled_from([2, 4]),
    encoder_layers=st.sampled_from([1, 3, 11]),
    decoder_layers=st.sampled_from([1, 2, 12]),
    encoder_attention_heads=st.just(2),
    decoder_attention_heads=st.just(1),
    encoder_ffn_dim=st.integers(1, 3),
    decoder_ffn_dim=st.integers(1, 3),
    decoder_start_token_id=st.just(0),
)


SMALL = TransformerConfig(
    encoder_vocab_size=7,
    image_vocab_size=5,
    max_text_length=3,
    image_length=4,
    d_model=4,
    encoder_layers=2,
    decoder_layers=3,
    encoder_attention_heads=2,
    decoder_attention_heads=2,
    encoder_ffn_dim=6,
    decoder_ffn_dim=8,
    decoder_start_token_id=5,
)


def published_tree(config: TransformerConfig, *, stacked: tuple[str, ...]) -> Params:
    """The original's tree, written out; every number in it is another one."""
    d, rows = config.d_model, config.image_vocab_size + 1
    shapes: dict[str, tuple[int, ...]] = {"lm_head/kernel": (d, rows)}
    c = config
    sides = (
        ("encoder", c.encoder_vocab_size, c.max_text_length, c.encoder_layers, c.encoder_ffn_dim, 1),
        ("decoder", rows, c.image_length, c.decoder_layers, c.decoder_ffn_dim, 2),
    )
    for side, vocab, length, layers, ffn, attentions in sides:
        shapes |= {
            f"model/{side}/embed_tokens/embedding": (vocab, d),
            f"model/{side}/embed_positions/embedding": (length, d),
            f"model/{side}/layernorm_embedding/scale": (d,),
            f"model/{side}/layernorm_embedding/bias": (d,),
            f"model/{side}/final_ln/bias": (d,),
        }
        layer: dict[str, tuple[int, ...]] = {
            "GLU_0/LayerNorm_0/bias": (d,),
            "GLU_0/Dense_0/kernel": (d, ffn),
            "GLU_0/Dense_1/kernel": (d, ffn),
            "GLU_0/LayerNorm_1/bias": (ffn,),
            "GLU_0/Dense_2/kernel": (ffn, d),
        }
        for number in range(attentions):
            layer |= {f"FlaxBartAttention_{number}/{p}_proj/kernel": (d, d) for p in ("q", "k", "v", "out")}
            layer |= {
                f"LayerNorm_{2 * number}/bias": (d,),
                f"LayerNorm_{2 * number + 1}/bias": (d,),
                f"LayerNorm_{2 * number + 1}/scale": (d,),
            }
        module = f"model/{side}/layers/FlaxBart{side.title()}Layer"
        for name, shape in layer.items():
            if side in stacked:
                shapes[f"{module}s/{name}"] = (layers, *shape)
            else:
                shapes |= {f"{module}_{index}/{name}": shape for index in range(layers)}
    counter = itertools.count()
    return layout.unflatten(
        (path, np.fromiter(counter, np.float32, int(np.prod(shape))).reshape(shape)) for path, shape in shapes.items()
    )


def assert_same(first: Params, second: Params) -> None:
    left, right = layout.flatten(first), layout.flatten(second)
    assert left.keys() == right.keys()
    for path, leaf in left.items():
        np.testing.assert_array_equal(leaf, right[path], err_msg=path, strict=True)


@settings(deadline=None, max_examples=20)
@given(sizes, st.booleans())
def test_published_to_ours_and_back(config: TransformerConfig, scan: bool) -> None:
    tree = published_tree(config, stacked=("encoder", "decoder") if scan else ())
    ours = layout.from_published(tree)
    assert_same(layout.to_published(ours, scan=scan), tree)
    assert_same(layout.from_published(layout.to_published(ours, scan=not scan)), ours)


@settings(deadline=None, max_examples=20)
@given(sizes, st.sampled_from(["encoder", "decoder"]))
def test_one_side_may_be_stacked_and_the_other_not(config: TransformerConfig, side: str) -> None:
    mixed = layout.from_published(published_tree(config, stacked=(side,)))
    published = layout.to_published(mixed, scan=False)
    expected = layout.flatten(published_tree(config, stacked=())).keys()
    assert layout.flatten(published).keys() == expected


@settings(deadline=None, max_examples=20)
@given(sizes)
def test_stacking_and_back(config: TransformerConfig) -> None:
    params = layout.from_published(published_tree(config, stacked=()))
    stacked = layout.stack_layers(params)
    assert stacked["encoder"].keys() == {"embedding", "final_norm", "layers"}
    assert_same(layout.unstack_layers(stacked), params)
    assert_same(layout.unstack_layers(params), params)
    assert_same(layout.stack_layers(stacked), stacked)


def test_jax_arrays_are_stacked_inside_a_compiled_function() -> None:
    params = layout.from_published(published_tree(SMALL, stacked=()))
    stacked = jax.jit(layout.stack_layers)(jax.tree.map(jnp.asarray, params))
    assert_same(jax.tree.map(np.asarray, stacked), layout.stack_layers(params))
    back = jax.jit(layout.unstack_layers)(stacked)
    assert_same(jax.tree.map(np.asarray, back), params)


@pytest.mark.parametrize("stacked", [(), ("encoder",), ("encoder", "decoder")])
def test_both_layouts_have_the_expected_shapes(stacked: tuple[str, ...]) -> None:
    tree = published_tree(SMALL, stacked=stacked)
    expected = {path: leaf.shape for path, leaf in layout.flatten(tree).items()}
    assert layout.published_shapes(SMALL, tree) == expected
    layout.check_tree(layout.from_published(tree), layout.transformer_shapes(SMALL), "here")


words = st.text("abc_0./", min_size=1, max_size=12).filter(lambda text: "//" not in text)


@settings(deadline=None, max_examples=20)
@given(words)
def test_a_strange_leaf_is_carried_along_and_reported(path: str) -> None:
    leaves = layout.flatten(published_tree(SMALL, stacked=()))
    tree = layout.unflatten([*leaves.items(), (path, np.zeros(3))])
    carried = layout.flatten(layout.from_published(tree))
    assert carried.keys() - layout.flatten(layout.from_published(layout.unflatten(leaves.items()))).keys() == {path}
    expected = {name: leaf.shape for name, leaf in carried.items() if name != path}
    with pytest.raises(CheckpointError, match="1 unexpected") as refusal:
        layout.check_tree(layout.unflatten(carried.items()), expected, "here")
    assert f"unexpected: {path} (3,) float64" in str(refusal.value)


def test_leaves_that_would_cover_one_another_are_refused() -> None:
    tree = published_tree(SMALL, stacked=())
    tree["decoder"] = {"head": {"kernel": np.zeros((6, 4))}}
    with pytest.raises(CheckpointError, match="decoder/head/kernel"):
        layout.from_published(tree)


def test_a_gap_between_layers_is_refused() -> None:
    params = layout.from_published(published_tree(SMALL, stacked=()))
    del params["decoder"]["layers_1"]
    with pytest.raises(CheckpointError, match="layer 1 of 3"):
        layout.stack_layers(params)


def test_every_wrong_leaf_is_listed_up_to_a_limit() -> None:
    expected = layout.transformer_shapes(SMALL)
    leaves: dict[str, Any] = {path: np.zeros(shape, np.float32) for path, shape in expected.items()}
    leaves["decoder/head/kernel"] = np.zeros((6, 5), np.float32)
    leaves["encoder/final_norm/bias"] = np.zeros(4, np.int32)
    for path in [path for path in leaves if "layers_" in path]:
        del leaves[path]
    leaves["extra"] = 3
    with pytest.raises(CheckpointError) as refusal:
        layout.check_tree(layout.unflatten(leaves.items()), expected, "here")
    lines = str(refusal.value).splitlines()
    gone = len(expected) - len(leaves) + 1
    assert lines[0] == f"here: wrong parameters: {gone} missing, 1 unexpected, 2 unlike"
    assert sum(line.startswith("  missing: ") for line in lines) == layout.SHOWN + 1
    assert f"  missing: ... and {gone - layout.SHOWN} more" in lines
    assert "  unexpected: extra 3" in lines
    assert "  unlike: decoder/head/kernel (6, 5) float32, expected (6, 4)" in lines
    assert "  unlike: encoder/final_norm/bias (4,) int32, expected (4,)" in lines
    assert refusal.value.hint
