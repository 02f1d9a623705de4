"""The judge: labels in sets, fields without a label have no part in what is learned, and that it learns at all."""

import dataclasses
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import msgpack
import numpy as np
import pytest
from doubles import IMAGE_SIZE, draw_params, make_tiny_judge
from PIL import Image
from sets import PICTURE_PLAN, picture_record, write_pictures

from dalle_mini.checkpoints.store import inspect, load_judge
from dalle_mini.cli import main
from dalle_mini.config.judge import Field, JudgeConfig, order_things
from dalle_mini.config.residual import ResidualConfig
from dalle_mini.data.loader import Loader, mix_batches, read_in_order
from dalle_mini.data.records import Picture, unpack
from dalle_mini.errors import CheckpointError, ConfigError, DataError
from dalle_mini.judging import LANES, Judge, score
from dalle_mini.models import judge
from dalle_mini.training import loop
from dalle_mini.training.distortion import DistortionConfig, distort
from dalle_mini.training.judge import (
    TABLES,
    JudgeTask,
    count_right,
    find_fields,
    label_loss,
    place_labels,
    shares_right,
    turn_heads,
)
from dalle_mini.training.runfile import build_sections, read_run_file

ROOT = Path(__file__).parents[2]
RUN = """
[data]
pictures = "PLACE/seen"
unseen = "PLACE/seen"
[model]
patch_size = 4
widths = [16, 16]
depths = [1, 1]
[answers]
smoothing = 0.0
[distortion]
untouched = 0.9
[optimizer]
steps = 80
batch_size = 32
learning_rate = 1e-2
warmup_steps = 5
decay_steps = 20
ema_decay = 0.5
[loop]
log_every = 20
save_every = 100
sample_every = 100
"""
COLORS = {"red": (220, 40, 30), "blue": (30, 60, 220)}
SMALL = JudgeConfig(
    16, (Field("thing", ("cat", "dog")), Field("style", ("neon", "woodcut", "x-ray"))), ResidualConfig(4)
)
NOTHING = DistortionConfig(0.0, 0.0, False, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 pictures of one or two squares, labelled with how many there are and, mostly, with their color."""
    place = tmp_path_factory.mktemp("judge")
    pixels = np.random.default_rng(0).integers(100, 156, size=(32, 16, 16, 3), dtype=np.uint8)
    labels = []
    for index, picture in enumerate(pixels):
        color, count = list(COLORS)[index % 2], 1 + index // 2 % 2
        for place_across in (1, 10)[:count]:
            picture[5 : 5 + 5, place_across : place_across + 5] = COLORS[color]
        labels.append({"count": str(count)} | ({"attribute": color} if index % 4 else {}))
    write_pictures(place / "seen", pixels, [f"picture {index}" for index in range(32)], labels=labels)
    return place


def make_task(place: Path, *overrides: str) -> JudgeTask:
    path = place / "run.toml"
    path.write_text(RUN.replace("PLACE", str(place)))
    return JudgeTask(read_run_file(path, overrides))


def test_it_learns_what_pictures_are_labelled_with(place: Path, tmp_path: Path) -> None:
    task = make_task(place)
    assert task.config.fields == (Field("attribute", ("blue", "red")), Field("count", ("1", "2")))
    loop.run(task, tmp_path)
    assert (tmp_path / "samples-final.png").exists()
    scores = json.loads((tmp_path / "model" / "scores.json").read_text())["fields"]
    assert scores == {
        "attribute": {"accuracy": 1.0, "pictures": 24, "trusted": True},
        "count": {"accuracy": 1.0, "pictures": 32, "trusted": True},
    }
    found = Judge.load(tmp_path / "model")
    assert found.config == task.config and found.trusts("attribute", "count") and not found.trusts("count", "style")
    assert inspect(tmp_path / "model").kind == "judge" and not inspect(tmp_path / "model").problems


def test_a_run_goes_on_from_the_weights_it_is_told_to(place: Path, tmp_path: Path) -> None:
    loop.run(make_task(place), tmp_path / "first")
    start = f"learning.start_from='{tmp_path / 'first' / 'model'}'"
    loop.run(make_task(place, start, "optimizer.steps=20"), tmp_path / "second")
    first, second = (read_first_loss(tmp_path / run) for run in ("first", "second"))
    assert second < first / 2
    with pytest.raises(ConfigError, match="widths.*the run file has") as caught:
        _ = make_task(place, start, "model.widths=[16, 8]").start_weights
    assert len(str(caught.value)) < 400


def test_known_answers_keep_their_weights_where_there_are_others_now() -> None:
    params = draw_params(judge.init(jax.random.key(0), SMALL))
    fields = Field("thing", ("ant", "cat", "dog")), Field("style", ("neon", "x-ray")), Field("count", ("1", "2"))
    wanted = dataclasses.replace(SMALL, fields=fields)
    pixels = jnp.asarray(np.random.default_rng(1).uniform(size=(2, 16, 16, 3)), jnp.float32)
    before = judge.answer(params, SMALL, pixels)
    after = judge.answer(turn_heads(params, SMALL, wanted), wanted, pixels)
    np.testing.assert_allclose(after["thing"][:, 1:], before["thing"], rtol=1e-6)
    np.testing.assert_allclose(after["style"], before["style"][:, (0, 2)], rtol=1e-6)
    assert not after["thing"][:, 0].any() and not after["count"].any()


def read_first_loss(workdir: Path) -> float:
    return json.loads((workdir / "metrics.jsonl").read_text().splitlines()[0])["loss"]


def test_labels_come_back_from_a_set_and_old_records_have_none(tmp_path: Path) -> None:
    labels = {"thing": "cat", "attribute": "of cheese", "count": "2"}
    image = Image.new("RGB", (8, 8), "red")
    picture = unpack(picture_record(image, labels=labels), PICTURE_PLAN)
    assert isinstance(picture, Picture) and picture.labels == labels
    bare = picture_record(image)
    assert list(msgpack.unpackb(bare)) == ["id", "caption", "picture", "licence", "source"]
    old = unpack(bare, PICTURE_PLAN)
    assert isinstance(old, Picture) and old.labels == {}
    with pytest.raises(DataError, match="labels are not texts"):
        unpack(msgpack.packb(msgpack.unpackb(bare) | {"labels": {"count": 2}}), PICTURE_PLAN)


def test_batches_carry_the_labels_of_their_pictures(place: Path) -> None:
    records = write_pictures(
        place / "few", np.zeros((3, 8, 8, 3), np.uint8), list("abc"), labels=[{"count": x} for x in "123"]
    )
    batch = Loader(records, batch_size=6, seed=0).at(0)
    assert [{"a": "1", "b": "2", "c": "3"}[caption] for caption in batch.captions] == [
        each["count"] for each in batch.labels
    ]
    both = mix_batches([batch, next(read_in_order(records, 0, 3, 3))])
    assert sorted(each["count"] for each in both.labels) == list("111222333")
    assert [dict(zip("abc", "123", strict=True))[caption] for caption in both.captions] == [
        each["count"] for each in both.labels
    ]


def test_inspecting_a_set_counts_its_labels(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["data", "inspect", str(place / "seen")]) == 0
    assert "labels: count 32, attribute 24" in capsys.readouterr().out


def test_what_a_picture_is_not_labelled_with_moves_nothing() -> None:
    params = draw_params(jax.eval_shape(lambda: judge.init(jax.random.key(0), SMALL)))
    pixels = jax.random.uniform(jax.random.key(1), (4, 16, 16, 3))

    def gradient(**places: list[int]):
        arrays = {name: jnp.array(each, jnp.int32) for name, each in places.items()}
        return jax.grad(lambda params: label_loss(judge.answer(params, SMALL, pixels), arrays, 0.1))(params)

    none = gradient(thing=[0, 1, 1, 0], style=[-1] * 4)
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(none["head_style"]))
    assert any(np.any(leaf != 0) for leaf in jax.tree.leaves(none["head_thing"]))
    assert all(np.all(leaf == 0) for leaf in jax.tree.leaves(gradient(thing=[-1] * 4, style=[-1] * 4)))
    one = gradient(thing=[-1] * 4, style=[-1, -1, 2, -1])
    assert any(np.any(leaf != 0) for leaf in jax.tree.leaves(one["stage_0"]))


def test_the_loss_and_the_measures_by_hand() -> None:
    logits = {
        "thing": jnp.log(jnp.array([[0.5, 0.5], [0.2, 0.8]])),
        "style": jnp.log(jnp.array([[0.6, 0.4], [0.9, 0.1]])),
    }
    places = {"thing": jnp.array([0, 1], jnp.int32), "style": jnp.array([-1, 1], jnp.int32)}
    assert np.isclose(label_loss(logits, places, 0.0), -(np.log(0.5) + np.log(0.8) + np.log(0.1)) / 2)
    smoothed = 0.9 * np.log(0.5) + 0.1 * np.log(0.5)
    smoothed += 0.95 * np.log(0.8) + 0.05 * np.log(0.2) + 0.95 * np.log(0.1) + 0.05 * np.log(0.9)
    assert np.isclose(label_loss(logits, places, 0.1), -smoothed / 2)
    shares = shares_right(count_right(logits, places))
    assert np.allclose([shares[name] for name in ("right", "thing", "style")], [2 / 3, 1, 0])


def test_answers_are_read_from_labels_and_placed() -> None:
    labels = [
        {"thing": "dog", "second": "cat", "relation": "next to"},
        {"thing": "dog", "count": "1"},
        {"thing": "cat"},
    ]
    more = {"thing": "cat", "second": "owl", "relation": "riding", "style": "neon"}
    fields = find_fields(order_things(each, ["next to"]) for each in [*labels, more])
    assert [field.name for field in fields] == [
        "thing",
        "second",
        "relation",
    ]  # one count and one style are no question
    config = JudgeConfig(16, fields, ResidualConfig(4), symmetric=("next to",))
    places = place_labels(labels, config)
    assert {name: each.tolist() for name, each in places.items()} == {
        "thing": [0, 1, 0],  # cat, dog: nothing tells a dog next to a cat from a cat next to a dog
        "second": [0, -1, -1],
        "relation": [0, -1, -1],
    }


@pytest.mark.parametrize(
    ("labels", "message"),
    [([{}], "not labelled"), ([{"count": "1"}] * 3, "all alike"), ([{"mood": "glad"}, {"mood": "sad"}], "'mood'")],
)
def test_sets_that_teach_nothing_are_refused(labels, message) -> None:
    with pytest.raises(DataError, match=message):
        find_fields(labels)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.depths=[1]", "as many"),
        ("model.widths=[0, 1]", "widths"),
        ("model.patch_size=0", "patch_size"),
        ("model.patch_size=16", "do not divide by 32"),
        ("answers.smoothing=1", "smoothing"),
        ("distortion.shift=1.5", "shift"),
        ("distortion.blur=-1", "blur"),
        ("distorsion.blur=1", "unknown table"),
    ],
)
def test_mistakes_in_a_run_file_are_named(place: Path, override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make_task(place, override)


def test_the_recipe_can_be_read_and_stays_small() -> None:
    path = ROOT / "recipes" / "nano" / "judge.toml"
    assert "dalle-mini train judge recipes/nano/judge.toml --workdir" in path.read_text()
    network = build_sections(read_run_file(path), **TABLES)["model"]
    config = JudgeConfig(96, (Field("thing", tuple(map(str, range(300)))),), network)
    params = jax.eval_shape(lambda: judge.init(jax.random.key(0), config))
    assert 2 * sum(leaf.size for leaf in jax.tree.leaves(params)) < 6e6  # bytes, in float16


def test_a_judge_is_saved_and_loaded(tmp_path: Path) -> None:
    config = make_tiny_judge(tmp_path)
    assert (
        load_judge(tmp_path)[0] == config == JudgeConfig.from_dict(json.loads((tmp_path / "config.json").read_text()))
    )
    values = config.to_dict()
    for broken in ({"fields": ["thing"]}, {"fields": {}}, {"fields": {"thing": "cat"}}, {"network": {"depth": 3}}):
        with pytest.raises(ConfigError):
            JudgeConfig.from_dict(values | broken)
    (tmp_path / "scores.json").write_text('{"fields": {"thing": 1}}')
    with pytest.raises(CheckpointError, match="scores"):
        Judge.load(tmp_path)


def test_a_picture_is_judged_the_same_whatever_its_company_and_size(tmp_path: Path) -> None:
    make_tiny_judge(tmp_path)
    found = Judge.load(tmp_path)
    pixels = np.random.default_rng(0).integers(256, size=(LANES + 3, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    named = found.name(pixels)
    assert len(named) == LANES + 3 and len({tuple(each.values()) for each in named}) > 1
    assert found.name(pixels[-2:]) == named[-2:]
    wide = (2 * IMAGE_SIZE, IMAGE_SIZE)
    padded = [Image.new("RGB", wide) for _ in range(4)]
    for canvas, picture in zip(padded, pixels, strict=False):
        canvas.paste(Image.fromarray(picture), (IMAGE_SIZE // 2, 0))
    assert found.name(padded) == named[:4]  # the middle square is judged
    assert found.name([]) == []


def test_scores_count_what_is_right_by_field() -> None:
    @dataclasses.dataclass(frozen=True)
    class Parrot(Judge):
        def name(self, pictures):
            return [{"thing": "cat", "style": "neon"}] * len(pictures)

    labels = [{"thing": "cat"}, {"thing": "dog", "style": "neon"}, {"thing": "gnu", "size": "tiny"}, {}]
    scores = score(Parrot(SMALL, {}), [(np.zeros((4, 16, 16, 3), np.uint8), labels)])
    assert {name: (each.right, each.pictures, each.trusted) for name, each in scores.items()} == {
        "thing": (1, 3, False),
        "style": (1, 1, True),
    }


def test_distortion_does_nothing_where_it_is_told_to() -> None:
    pixels = jax.random.uniform(jax.random.key(0), (4, 16, 16, 3))
    assert np.allclose(distort(jax.random.key(1), pixels, NOTHING), pixels, atol=1e-3)


@pytest.mark.parametrize(
    "kind",
    [{"shift": 0.3}, {"scale": 0.3}, {"mirror": True}, {"color": 0.5}, {"blur": 2.0}, {"cells": 0.9}, {"unrest": 0.2}]
    + [{"noise": 0.2}, {"cut_out": 0.9}],
)
def test_every_distortion_changes_pictures_each_in_its_own_way(kind: dict) -> None:
    picture = jax.random.uniform(jax.random.key(0), (16, 16, 3))
    changed = np.asarray(
        distort(jax.random.key(2), jnp.tile(picture, (8, 1, 1, 1)), dataclasses.replace(NOTHING, **kind))
    )
    assert changed.min() >= 0 and changed.max() <= 1
    differences = np.abs(changed - np.asarray(picture)).mean((1, 2, 3))
    assert differences.max() > 0.01 and np.ptp(differences) > 0.005


def test_distortion_brings_no_color_into_gray_pictures() -> None:
    gray = jnp.tile(jax.random.uniform(jax.random.key(0), (4, 16, 16, 1)), (1, 1, 1, 3))
    config = DistortionConfig(unrest=0.0, noise=0.0, cut_out=0.0, untouched=0.0)
    changed = np.asarray(distort(jax.random.key(1), gray, config))
    assert np.ptp(changed, axis=-1).max() < 1e-3 and np.abs(changed - np.asarray(gray)).mean() > 0.02
