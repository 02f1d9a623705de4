"""A drawing watched once more, and the tour that is told with it: what its routes answer, and what lies there for the
first example."""

import dataclasses
import io
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from PIL import Image
from quick_models import TOKENS
from sites import Site
from starlette.testclient import TestClient

from dalle_mini.config import GenerationConfig
from dalle_mini.generation import Generation
from dalle_mini.text.tokenizer import Piece, PromptReading
from dalle_mini.web import story
from dalle_mini.web.app import build_routes
from dalle_mini.web.examples import FOLDER, read_examples
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.steps import FRAMES, Frames, lay_out
from dalle_mini.web.uploads import Uploads

LOST = "this drawing is no longer kept"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("page-story"))
    noise = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), np.uint8)
    site.model.pixels = noise.repeat(16, axis=1).repeat(16, axis=2)
    site.gate.open()
    yield site
    site.close()


@pytest.fixture(scope="module")
def drawn(site: Site) -> Generation:
    *_, last = site.model.draw("a red car", GenerationConfig(), seed=7)
    assert last.result
    return last.result


@pytest.fixture(scope="module")
def pictures() -> Pictures:
    return Pictures()


@pytest.fixture(scope="module")
def client(site: Site, pictures: Pictures) -> TestClient:
    return TestClient(build_routes(site.service, pictures, Uploads()), base_url="http://draw.example")


@pytest.fixture(scope="module")
def folder(pictures: Pictures, drawn: Generation) -> str:
    return f"/pictures/{pictures.add(drawn)}"


def read(content: bytes) -> Any:
    return Image.open(io.BytesIO(content))


def test_steps_are_sheets_that_fill_up_and_are_made_once(site: Site, client: TestClient, folder: str) -> None:
    known = []
    for position in (0, 4, 12, TOKENS):
        answer = client.get(f"{folder}/steps/{position}.webp")
        assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
        with read(answer.content) as sheet:
            assert sheet.size == (3 * 64, 3 * 64)
            known.append(int((np.asarray(sheet.convert("RGBA"))[:, :, 3] > 128).sum()))
    assert known == [0, 9 * 64 * 16, 9 * 64 * 48, (3 * 64) ** 2]
    looked = len(site.model.looked_back)
    client.get(f"{folder}/steps/4.webp")
    assert len(site.model.looked_back) == looked


@pytest.mark.parametrize("path, status", [("17.webp", 404), ("-1.webp", 404), ("x.webp", 422), ("1.png", 404)])
def test_other_steps_there_are_not(client: TestClient, folder: str, path: str, status: int) -> None:
    assert client.get(f"{folder}/steps/{path}").status_code == status


@pytest.mark.parametrize("path", ["steps/4.webp", "replay.webp", "replay.gif", "story.json"])
def test_a_drawing_that_is_no_longer_kept_is_told_in_words(client: TestClient, path: str) -> None:
    answer = client.get(f"/pictures/gone/{path}")
    assert answer.status_code == 404 and answer.json()["error"]["message"] == LOST


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_the_animation_ends_with_the_grid(client: TestClient, folder: str, drawn: Generation, kind: str) -> None:
    answer = client.get(f"{folder}/replay.{kind}")
    assert answer.headers["content-type"] == f"image/{kind}"
    with read(answer.content) as animation:
        assert 3 <= animation.n_frames <= FRAMES
        animation.seek(animation.n_frames - 1)
        last = np.asarray(animation.convert("RGB"), float)
    grid = np.asarray(drawn.grid().resize(last.shape[1::-1]), float)
    assert np.abs(last - grid).mean() < 12


def test_memory_is_bounded() -> None:
    frames = Frames(max_bytes=10)
    for name in "abc":
        frames._put((name, "0"), b"1234")
    assert list(frames._files) == [("b", "0"), ("c", "0")] and frames._bytes == 8
    frames._put(("d", "0"), b"1" * 20)
    assert list(frames._files) == [("d", "0")]


@pytest.mark.parametrize("count, size", [(1, (8, 4)), (2, (16, 4)), (5, (24, 8))])
def test_sheets_have_the_columns_of_the_grid(count: int, size: tuple[int, int]) -> None:
    assert lay_out([Image.new("RGB", (8, 4))] * count).size == size


def test_the_story_is_that_of_the_drawing(client: TestClient, folder: str) -> None:
    told = client.get(f"{folder}/story.json").json()
    assert (told["prompt"], told["model"], told["images"]) == ("a red car", "nano", 9)
    assert told["positions"] == list(range(TOKENS + 1)) and not told["is_ranked"]
    assert all(candidate["shown"] and candidate["mark"] == "" for candidate in told["candidates"])
    for address in (told["steps"].replace("{position}", "4"), told["candidates"][8]["address"]):
        assert client.get(f"/{address}").headers["content-type"] == "image/webp"


def test_the_first_example_has_its_story() -> None:
    told = story.Story.model_validate_json((FOLDER / story.EXAMPLE).read_text(encoding="utf-8"))
    recipe = read_examples()[0].recipe
    assert (told.prompt, told.model, told.images) == (recipe["prompt"], recipe["release"], recipe["images"])
    assert told.is_ranked and len(told.candidates) == recipe["candidates"]
    assert " ".join(piece.text for piece in told.pieces).strip() == told.prompt
    marks = [float(candidate.mark) for candidate in told.candidates]
    assert marks == sorted(marks, reverse=True)
    assert [candidate.shown for candidate in told.candidates] == [at < 9 for at in range(len(marks))]
    addresses = [told.steps.replace("{position}", str(position)) for position in told.positions]
    for address in addresses + [candidate.address for candidate in told.candidates]:
        with Image.open(FOLDER.parent / address) as picture:
            assert picture.format == "WEBP"


def test_the_story_tells_what_was_rewritten_and_what_was_cut(site: Site, drawn: Generation) -> None:
    pieces = (Piece("", 0), Piece(" cat", 5), Piece("", 2))
    reading = PromptReading("🐱 " * 9, " cat cat", ("emoji were spelled out",), " cat", " cat", pieces)
    told = story.tell(dataclasses.replace(drawn, reading=reading), "x", [0, TOKENS])
    assert (told.read, told.cut) == ("cat cat", "cat")
    assert [piece.text for piece in told.pieces] == ["", "cat", ""]
    assert json.loads(told.model_dump_json())["steps"] == "x/steps/{position}.webp"
