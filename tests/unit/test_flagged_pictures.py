"""Pictures that were flagged: blurred wherever they go, with the reason, and seen as they are only by those who may."""

import base64
import contextlib
import dataclasses
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from doubles import REASON, Flagging, make_tiny_clip, make_tiny_model
from PIL import Image
from quick_models import QuickModel, make_painter
from sites import Site

import dalle_mini
from dalle_mini import Client, SafetyOptions
from dalle_mini.checkpoints.card import declares_no_people
from dalle_mini.checkpoints.releases import resolve
from dalle_mini.cli import main
from dalle_mini.config import GenerationConfig
from dalle_mini.errors import CheckpointError
from dalle_mini.generation import Generation
from dalle_mini.grid import compose_grid, enlarge
from dalle_mini.pipeline import DalleMini
from dalle_mini.safety import pictures as safety_pictures
from dalle_mini.safety.blur import blur
from dalle_mini.safety.options import UNCHECKED
from dalle_mini.safety.pictures import ClipChecker, PictureCheck
from dalle_mini.safety.verdict import Verdict
from dalle_mini.serving.desk import describe
from dalle_mini.serving.order import Order
from dalle_mini.serving.schemas import describe_record
from dalle_mini.serving.store import Record
from dalle_mini.serving.updates import Drawing
from dalle_mini.web import downloads, tiles
from dalle_mini.web.words import read_words

PROMPT = "a red car"
FLAG = Verdict(True, 0.9, REASON)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = make_tiny_model(tmp_path_factory.mktemp("flagged") / "tiny")
    make_tiny_clip(folder / "clip")
    return str(folder)


@pytest.fixture
def silent(tmp_path: Path) -> str:
    """A release whose card declares nothing."""
    folder = make_tiny_model(tmp_path / "silent")
    (folder / "MODEL_CARD.md").unlink()
    return str(folder)


@pytest.fixture(scope="module")
def model(tiny: str) -> DalleMini:
    return dalle_mini.load(tiny)


@pytest.fixture(scope="module")
def generation(model: DalleMini) -> Generation:
    """Three of six, of which the second is flagged."""
    looking = dataclasses.replace(model, check=PictureCheck((Flagging(1),)))
    return looking.generate(PROMPT, images=3, candidates=6, seed=1)


@pytest.fixture
def checker(monkeypatch: pytest.MonkeyPatch) -> Iterator[Flagging]:
    """What takes the place of the bundled network."""
    checker = Flagging(0)
    monkeypatch.setattr("dalle_mini.loading.load_bundled", lambda: checker)
    yield checker


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """The bundled network's files are gone."""
    monkeypatch.setattr(safety_pictures, "BUNDLED", tmp_path / "gone")
    safety_pictures.load_bundled.cache_clear()
    yield
    safety_pictures.load_bundled.cache_clear()


def same(one: Image.Image, other: Image.Image) -> bool:
    return np.array_equal(np.asarray(one), np.asarray(other))


# Verdicts.


def test_shown_pictures_are_looked_at_in_one_batch_after_ranking(model: DalleMini, generation: Generation) -> None:
    checker = Flagging(1)
    looked = dataclasses.replace(model, check=PictureCheck((checker,))).generate(PROMPT, images=3, candidates=6, seed=1)
    assert checker.seen == [3]
    assert looked.verdicts == generation.verdicts and looked.verdicts and looked.verdicts[1] == FLAG
    assert looked.candidates.shown == model.generate(PROMPT, images=3, candidates=6, seed=1).candidates.shown
    flagged = [place for place in range(6) if (verdict := looked.verdict(place)) and verdict.flagged]
    assert flagged == [looked.candidates.shown[1]]
    assert sum(looked.verdict(place) is None for place in range(6)) == 3


def test_the_ranker_is_asked_with_the_embeddings_of_what_is_shown(model: DalleMini) -> None:
    assert model.ranker
    (text,) = model.ranker.embed_text(["x"])
    opinion = ClipChecker(lambda images: pytest.fail("embedded anew"), text[None], -text[None])
    looking = dataclasses.replace(model, check=PictureCheck((), opinion))
    found = looking.generate(PROMPT, images=2, candidates=4, seed=1)
    told = opinion.check_embeddings(model.ranker.embed_images(found.unblurred().images))
    assert [verdict.flagged for verdict in found.verdicts or ()] == [verdict.flagged for verdict in told]
    alone = looking.without_ranker()
    assert alone.check and alone.check.opinion is None


def test_which_releases_are_looked_at(tiny: str, silent: str, checker: Flagging) -> None:
    assert dalle_mini.load(tiny).check is None
    assert dalle_mini.load(tiny, safety=UNCHECKED).check is None
    forced = dalle_mini.load(tiny, safety=SafetyOptions(pictures="on"))
    assert forced.check and forced.check.checkers == (checker,)
    assert forced.check.opinion is None, "a ranker of few words has no opinion"
    assert dalle_mini.load(silent).check
    assert dalle_mini.load(silent, safety=SafetyOptions(pictures="off")).check is None


def test_the_bundled_model_declares_that_nobody_is_in_its_world() -> None:
    assert declares_no_people(resolve("nano").transformer)


def test_a_checker_that_is_gone(tiny: str, silent: str, broken: None, caplog: Any, capsys: Any) -> None:
    """It is told, and only those who insist go without pictures."""
    assert dalle_mini.load(silent).check is None
    assert caplog.text.count("are not checked") == 1
    with pytest.raises(CheckpointError):
        dalle_mini.load(silent, safety=SafetyOptions(pictures="on"))
    assert main(["serve", "--port", "0", "--model", tiny, "--public"]) == 2
    told = capsys.readouterr().err
    assert "error: pictures can't be checked" in told and "--pictures off" in told


# What is shown.


def test_a_flagged_picture_is_blurred_in_tiles_grids_and_sheets(generation: Generation, tmp_path: Path) -> None:
    drawn = generation.unblurred()
    assert same(generation.images[1], blur(drawn.images[1])) and not same(generation.images[1], drawn.images[1])
    assert same(generation.images[0], drawn.images[0])
    assert same(generation.grid(), compose_grid(generation.images)) and not same(generation.grid(), drawn.grid())
    assert not same(generation.sheet(), drawn.sheet())
    assert same(Image.open(generation.save_tile(1, tmp_path / "tile.png")), generation.images[1])
    assert generation.notes[0] == f"picture 2 is blurred: {REASON}" and "flagged" in drawn.notes[0]
    assert generation.recipe == drawn.recipe and drawn.verdicts == generation.verdicts


def test_an_unfinished_picture_is_blurred_with_what_is_missing_left_open() -> None:
    unfinished = Image.new("RGBA", (64, 64), (200, 30, 30, 255))
    unfinished.paste((0, 0, 0, 0), (0, 32, 64, 64))
    pixels = np.asarray(blur(unfinished))
    assert pixels[2, 32, 3] == 255 and pixels[2, 32, 0] > 150 and pixels[-1, 32, 3] == 0


def test_the_command_line_writes_it_blurred_and_says_so(
    silent: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checker: Flagging, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    call = ["generate", PROMPT, "--model", silent, "--images", "2", "--seed", "1", "--tiles", "--json"]
    assert main([*call, "--out", "blurred.png"]) == 0
    shown = capsys.readouterr()
    assert f"note: picture 1 is blurred: {REASON}" in shown.err and "note: --show-flagged" in shown.err
    assert json.loads(shown.out)["verdicts"][0] == dataclasses.asdict(FLAG)
    assert main([*call, "--out", "plain.png", "--show-flagged"]) == 0
    shown = capsys.readouterr()
    assert "picture 1 is flagged" in shown.err and "--show-flagged" not in shown.err
    blurred, plain = Image.open("blurred_1.png"), Image.open("plain_1.png")
    assert same(blurred, blur(plain)) and not same(blurred, plain)
    assert same(Image.open("blurred_2.png"), Image.open("plain_2.png"))


def test_the_api_tells_flag_reason_and_score_and_blurs(tmp_path: Path) -> None:
    site = Site(tmp_path / "store")
    site.gate.open()
    # Flat colors stay the same when they are blurred; these are not flat.
    noise = np.random.default_rng(0).integers(0, 256, (36, 8, 8, 3), dtype=np.uint8)
    site.model.check = PictureCheck((Flagging(1),))
    site.model.pixels = noise
    with contextlib.closing(site):
        result = site.order(PROMPT, images=2, seed=3, params={"wait": 60}).json()["result"]
        one, two = result["images"]
        assert (one["flagged"], two["flagged"], two["reason"], two["score"]) == (False, True, REASON, 0.9)
        assert f"picture 2 is blurred: {REASON}" in result["notes"]
        png = Image.open(io.BytesIO(site.client.get(two["png"]).content))
        assert same(png, enlarge(blur(Image.fromarray(noise[1]))))
        bots = site.client.post("/generate", json={"prompt": PROMPT}).json()["images"]
        for place, expected in ((0, Image.fromarray(noise[0])), (1, blur(Image.fromarray(noise[1])))):
            assert same(Image.open(io.BytesIO(base64.b64decode(bots[place]))), enlarge(expected))
        assert "dalle_mini_flagged_pictures_total 2.0" in site.client.get("/metrics").text
        with site.listen() as address, Client(address) as client:
            assert client.generate(PROMPT, images=2).verdicts == (Verdict(False, 0.1), FLAG)


def test_drawings_that_were_kept_before_there_were_verdicts() -> None:
    *_, last = QuickModel().draw(PROMPT, GenerationConfig(images=2), seed=1)
    assert last.result
    told = json.loads(json.dumps(describe(last.result)))
    for description in (told, {name: value for name, value in told.items() if name != "verdicts"}):
        result = describe_record(Record("a" * 22, 0, 1, description)).result
        assert result and [picture.flagged for picture in result.images] == [None, None]


# The page.


def test_a_flagged_tile_says_why_and_can_be_uncovered(generation: Generation) -> None:
    shown = tiles.render_finished(read_words()["en"], "name", generation)
    assert shown.count("Show anyway") == 1 and "it may show &lt;what&gt; it shows" in shown
    assert 'src="pictures/name/unblurred/1.png"' in shown and REASON not in shown
    public = tiles.render_finished(read_words()["en"], "name", generation, public=True)
    assert "Show anyway" not in public and "unblurred" not in public and "&lt;what&gt;" in public


@pytest.mark.parametrize("public", [False, True])
def test_who_sees_what_of_a_kept_drawing(generation: Generation, public: bool) -> None:
    drawn = generation.unblurred()
    shown, left_out = generation.candidates.shown[1], next(iter({*range(6)} - {*generation.candidates.shown}))

    def decode(png: bytes) -> float:
        return float(np.asarray(Image.open(io.BytesIO(png)).convert("L")).std())

    sharp = float(np.asarray(drawn.images[1].convert("L")).std())
    assert decode(downloads.encode_tile(generation, 1)) < sharp / 2
    assert decode(downloads.encode_tile(generation, 0)) > sharp / 2
    for encode in (downloads.encode_candidate, downloads.encode_thumbnail):
        assert decode(encode(generation, shown, public=public)) < sharp / 2
        assert (decode(encode(generation, left_out, public=public)) < sharp / 2) is public
    assert decode(downloads.encode_unblurred(generation, 1)) > sharp / 2


@pytest.mark.parametrize("public, checked", [(False, True), (True, False), (True, True)])
def test_the_public_sees_unfinished_pictures_blurred(public: bool, checked: bool) -> None:
    model = QuickModel()
    model.pixels = np.random.default_rng(0).integers(0, 256, (36, 8, 8, 3), dtype=np.uint8)
    model.check = PictureCheck((Flagging(),)) if checked else None
    painter = make_painter(model, public=public)
    list(painter.warm_up())
    order = Order("quick", PROMPT, GenerationConfig(images=2), 1)
    previews = [step.pictures for step in painter.paint(order) if isinstance(step, Drawing) and step.pictures]
    drawn = Image.fromarray(model.pixels[0])
    expected = blur(drawn) if public and checked else drawn
    assert previews and same(previews[-1][0], expected)
