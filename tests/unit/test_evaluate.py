"""Evaluation: prompts and their labels, shares by hand, baselines against what they stand for, and the report."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from doubles import IMAGE_SIZE, make_tiny_judge, make_tiny_model
from PIL import Image
from sets import write_pictures

from dalle_mini.checkpoints.store import load_vqgan
from dalle_mini.config.judge import Field, JudgeConfig
from dalle_mini.config.residual import ResidualConfig
from dalle_mini.data.records import Picture
from dalle_mini.data.shards import RecordSet
from dalle_mini.errors import DataError, OutputError, PromptError
from dalle_mini.evaluate.pictures import CaptionIndex, NearestScene, RandomTokens, Reconstruction
from dalle_mini.evaluate.prompts import LabelledPrompt, PromptList, find_reader, read_captions, read_prompts
from dalle_mini.evaluate.report import Setting, describe, report_folder, write_report, write_table
from dalle_mini.evaluate.sheet import MOST, compose_sheet
from dalle_mini.evaluate.verdicts import Share, Verdict, compare, evaluate, tally
from dalle_mini.judging import Judge
from dalle_mini.models import vqgan
from dalle_mini.pixels import decode_pixels

THINGS = ("cat", "dog", "horse", "kangaroo")
CONFIG = JudgeConfig(
    16,
    (
        Field("thing", THINGS),
        Field("second", THINGS),
        Field("relation", ("next to", "riding")),
        Field("attribute", ("of cheese", "red")),
        Field("count", ("1", "2", "3")),
    ),
    ResidualConfig(4),
    symmetric=("next to",),
)
SCORES = {
    "thing": {"accuracy": 0.99, "pictures": 100, "trusted": True},
    "second": {"accuracy": 0.9, "pictures": 50, "trusted": False},
    "count": {"accuracy": 0.98, "pictures": 70, "trusted": True},
}


@dataclasses.dataclass(frozen=True)
class Oracle(Judge):
    """Names a picture of one color by that color."""

    answers: dict[tuple[int, ...], dict[str, str]] = dataclasses.field(default_factory=dict)

    def name(self, pictures: Any) -> list[dict[str, str]]:
        return [self.answers[picture.getpixel((0, 0))] for picture in pictures]


@dataclasses.dataclass(frozen=True)
class Painter:
    """A source of pictures of one color: for prompt i, those of `colors[i]`."""

    colors: list[list[str]]
    name: str = "painter"
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)

    def draw(self, index: int, prompt: str, seed: int) -> list[Image.Image]:
        return [Image.new("RGB", (8, 8), color) for color in self.colors[index]]


class Brightest:
    def marks(self, images: Sequence[Image.Image], prompt: str) -> np.ndarray:
        return np.array([np.asarray(image).mean() for image in images])


ORACLE = Oracle(
    CONFIG,
    {},
    SCORES,
    {
        (0, 0, 0): {"thing": "cat", "second": "dog", "relation": "next to", "attribute": "red", "count": "1"},
        (255, 255, 255): {"thing": "dog", "second": "horse", "relation": "riding", "attribute": "red", "count": "2"},
    },
)
PROMPTS = [
    LabelledPrompt("two red dogs", {"thing": "dog", "count": "2", "attribute": "red"}),
    LabelledPrompt("a dog riding a horse", {"thing": "dog", "second": "horse", "relation": "riding"}),
    LabelledPrompt("a dog next to a cat", {"thing": "dog", "second": "cat", "relation": "next to"}),
    LabelledPrompt("something", {}),
]
COLORS = [["black", "white"], ["white", "black"], ["black", "black"], ["white", "white"]]


def judge_all() -> list:
    return evaluate(Painter(COLORS), ORACLE, PROMPTS, seed=5, ranker=Brightest())


def shares(verdicts: list[Verdict]) -> dict[str, tuple[int, int]]:
    return {name: (each.right, each.prompts) for name, each in tally(verdicts).items() if each.prompts}


def test_shares_are_those_counted_by_hand() -> None:
    judged = judge_all()
    # First pictures: black is a cat next to a dog, so the first prompt has only its color; the third is all right.
    assert shares([each.first for each in judged]) == {
        "thing_top1": (2, 3),
        "relation_both": (2, 2),
        "relation": (2, 2),
        "attribute": (1, 1),
        "count": (0, 1),
    }
    assert judged[2].first.wanted == {
        "thing": "cat",
        "second": "dog",
        "relation": "next to",
    }  # in no order of their own
    best = [each.best[2] for each in judged]
    assert len(best) == 4 and shares(best)["thing_top1"] == (3, 3) and shares(best)["count"] == (1, 1)
    assert [each.seed for each in judged] == [5, 6, 7, 8]
    assert (Share(1, 4).share, Share(0, 0).share) == (0.25, None)


def test_the_best_of_fewer_are_the_first_of_the_same_drawing() -> None:
    colors = [["black", "white", "black"], ["black", "black", "white"]]
    judged = evaluate(Painter(colors), ORACLE, PROMPTS[:2], seed=5, ranker=Brightest(), best_of=(1, 2, 3))
    bright = [[each.best[count].picture.getpixel((0, 0)) == (255, 255, 255) for count in (1, 2, 3)] for each in judged]
    assert bright == [[False, True, True], [False, False, True]]
    values = describe(Setting("painter", 3, 5, {}), ORACLE, judged)
    assert list(values["best_by_clip"]) == ["1", "2", "3"]
    assert "| best of 2 by CLIP |" in write_table(values)


@pytest.mark.parametrize(
    ("wanted", "named", "passed"),
    [
        ({"thing": "cat"}, {"thing": "cat", "second": "dog"}, {"thing_top1": True}),
        ({"thing": "dog"}, {"thing": "cat", "second": "dog"}, {"thing_top1": False}),
        (
            {"thing": "dog", "second": "cat", "relation": "riding"},
            {"thing": "cat", "second": "dog", "relation": "riding"},
            {"thing_top1": False, "relation_both": False, "relation": True},
        ),
        (
            {"thing": "dog", "second": "cat", "relation": "next to"},
            {"thing": "cat", "second": "horse", "relation": "riding"},
            {"thing_top1": False, "relation_both": False, "relation": False},
        ),
        ({"background": "moon"}, {"thing": "cat"}, {}),
    ],
)
def test_what_passes(wanted: dict, named: dict, passed: dict) -> None:
    assert compare(wanted, named, CONFIG) == passed


def test_the_report_says_what_was_counted_and_what_is_trusted(tmp_path: Path) -> None:
    judged = judge_all()
    values = describe(Setting("painter", 2, 5, {"judge": "abc"}, {"size": 3}), ORACLE, judged)
    assert values["fields"]["thing_top1"] == {"share": 0.6667, "prompts": 3}
    assert values["fields"]["style"] == {"share": None, "prompts": 0}
    assert values["best_by_clip"]["2"]["thing_top1"] == {"share": 1.0, "prompts": 3}
    assert values["trusted"] | {"thing_top1": True, "count": True} == values["trusted"]
    assert not values["trusted"]["relation_both"] and not values["trusted"]["attribute"]
    table = write_table(values)
    assert "| thing_top1 | 66.7% | 100.0% | 3 | 99.0% |" in table
    assert "| relation_both | 100.0% | 100.0% | 2 | 90.0%, not trusted |" in table
    assert "| attribute | 100.0% | 100.0% | 1 | not measured |" in table
    assert "style" not in table and "no answer for the size of 3 prompts" in table
    write_report(tmp_path / "out", values, judged)
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == values
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.json", "report.md", "sheet.png"]
    assert values["prompts"][0]["first"]["right"] == {"thing_top1": False, "attribute": True, "count": False}
    write_report(tmp_path / "out", values, judged)  # its own report may be replaced


def test_a_folder_of_others_is_left_alone(tmp_path: Path) -> None:
    report_folder(tmp_path / "new").check()
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError, match="thesis.txt"):
        report_folder(tmp_path).check()
    with pytest.raises(OutputError, match="is a file"):
        report_folder(tmp_path / "thesis.txt").check()
    other = tmp_path / "other"
    other.mkdir()
    (other / "report.json").write_text('{"title": "of somebody else"}')
    with pytest.raises(OutputError, match="report.json"):
        report_folder(other).check()


def test_the_sheet_is_green_where_right_and_red_where_wrong() -> None:
    picture = Image.new("RGB", (8, 8), "white")
    right = Verdict(picture, {"thing": "cat"}, {"thing": "cat"}, {"thing_top1": True})
    wrong = Verdict(picture, {"thing": "cat"}, {"thing": "dog"}, {"thing_top1": False})

    def lead_of_green(verdict: Verdict) -> np.ndarray:
        pixels = np.asarray(compose_sheet([("a cat", verdict)])).astype(int)
        return pixels[..., 1] - pixels[..., 0]

    assert lead_of_green(right).max() > 40 and lead_of_green(right).min() > -20
    assert lead_of_green(wrong).min() < -40 and lead_of_green(wrong).max() < 20
    assert compose_sheet([("a cat", right)] * (MOST + 1)).size == compose_sheet([("a cat", right)] * MOST).size


def write_lines(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_prompts_and_their_labels_are_read(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "p", "# ours", "", "a cheese cat\tthing=cat\tattribute=of cheese\t", "nothing known")
    assert read_prompts(path, CONFIG).prompts == (
        LabelledPrompt("a cheese cat", {"thing": "cat", "attribute": "of cheese"}),
        LabelledPrompt("nothing known", {}),
    )
    reader = {"nothing known": {"thing": "dog", "size": "tiny", "count": "9", "second": ""}}.__getitem__
    assert read_prompts(path, CONFIG, reader) == PromptList(
        (
            LabelledPrompt("a cheese cat", {"thing": "cat", "attribute": "of cheese"}),
            LabelledPrompt("nothing known", {"thing": "dog"}),
        ),
        {"size": 1, "count": 1},
    )


@pytest.mark.parametrize(
    ("line", "message", "hint"),
    [
        ("a cat\tthing=kat", "line 2: the judge knows no thing 'kat'", "did you mean 'cat'?"),
        ("a cat\tthyng=cat", "the judge knows no field 'thyng'", "did you mean 'thing'?"),
        ("a cat\tbackground=moon", "the judge knows no field 'background'", "known: thing"),
        ("a cat\tcat", "'cat' is not field=value", "thing=cat"),
        ("a cat\tthing=cat\tthing=dog", "'thing' is there twice", ""),
        ("a cat", "no prompt of", "thing=cat"),
        ("# a cat", "holds no prompt", "one a line"),
    ],
)
def test_bad_prompt_files_are_refused(line: str, message: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(PromptError, match=message) as caught:
        read_prompts(write_lines(tmp_path / "p", "", line), CONFIG)
    assert hint in caught.value.hint
    with pytest.raises(PromptError, match="can't read"):
        read_prompts(tmp_path / "none", CONFIG)


def test_a_lexicon_in_the_release_reads_prompts(tmp_path: Path) -> None:
    assert find_reader(tmp_path) is None
    (tmp_path / "lexicon.tsv").write_text("tabby\tthing\tcat\n")
    reader = find_reader(tmp_path)
    assert reader and reader("a tabby") == {"thing": "cat", "count": "1"} and reader("x") == {}


def test_the_nearest_caption_shares_the_most_words() -> None:
    index = CaptionIndex(["a red cat", "a red cat on the moon at night", "Two DOGS, two dogs", "a cat", ""])
    assert [index.nearest(prompt) for prompt in ("red cat!", "cat on the moon", "two dogs", "a cat", "zebra")] == [
        0,
        1,
        2,
        3,
        0,
    ]


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("labelled")
    pixels = np.random.default_rng(0).integers(256, size=(2, IMAGE_SIZE, IMAGE_SIZE, 3), dtype=np.uint8)
    labels = [{"thing": "cat", "style": "neon"}, {"thing": "gnu"}]
    write_pictures(place / "pictures", pixels, ["a neon cat", "a gnu"], labels=labels)
    make_tiny_model(place / "model")
    return place


def test_baselines_are_what_they_are_called(labelled: Path) -> None:
    records = RecordSet.open(labelled / "pictures", "pictures")
    real = [record.pixels for record in records if isinstance(record, Picture)]
    nearest = NearestScene.of(records)
    assert [np.array_equal(np.asarray(nearest.draw(0, "gnu", 0)[0]), each) for each in real] == [False, True]

    config, params = load_vqgan(labelled / "model" / "vqgan")
    (redrawn,) = Reconstruction(params, config, records).draw(1, "", 0)
    tokens = vqgan.encode(params, config, jnp.asarray(real[1][None], jnp.float32) / 255)[0]
    assert np.array_equal(np.asarray(redrawn), decode_pixels(params, config, tokens))

    random = RandomTokens(params, config)
    first, again, other = (np.asarray(random.draw(0, "", seed)[0]) for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other) and first.shape == real[0].shape


def test_captions_of_a_set_are_prompts_with_the_labels_that_the_judge_knows(labelled: Path, tmp_path: Path) -> None:
    config = make_tiny_judge(tmp_path)
    found = read_captions(labelled / "pictures", config)
    assert found.prompts == (LabelledPrompt("a neon cat", {"thing": "cat"}), LabelledPrompt("a gnu", {}))
    assert found.skipped == {"style": 1, "thing": 1}
    write_pictures(tmp_path / "bare", np.zeros((1, 8, 8, 3), np.uint8), ["x"])
    with pytest.raises(DataError, match="has no labels that the judge knows"):
        read_captions(tmp_path / "bare", config)
