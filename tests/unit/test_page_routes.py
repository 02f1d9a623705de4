"""What the page's scripts call: pictures, shared pages, memes, the copy; each with what does not belong there."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pytest
from doubles import make_tiny_model
from PIL import Image
from quick_models import QuickModel
from sites import Site
from starlette.testclient import TestClient

from dalle_mini.config import GenerationConfig
from dalle_mini.generation import Generation
from dalle_mini.grid import extract_recipe
from dalle_mini.meme import bottom, draw_meme, top
from dalle_mini.provenance import trace_picture
from dalle_mini.recipe import Recipe
from dalle_mini.watermark import mark_picture
from dalle_mini.web import about
from dalle_mini.web.app import build_routes
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.uploads import Uploads
from dalle_mini.web.words import read_words

ROOT = Path(__file__).parents[2]
PROMPT = "a red car, ä 🐱 <b>"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("page-routes"))
    yield site
    site.close()


@pytest.fixture(scope="module")
def generation() -> Generation:
    model = QuickModel("nano")
    noise = np.random.default_rng(0).integers(0, 256, (9, 4, 4, 3), np.uint8)
    model.pixels = noise.repeat(16, axis=1).repeat(16, axis=2)
    *_, last = model.draw(PROMPT, GenerationConfig(), seed=7)
    assert last.result
    return last.result


@pytest.fixture(scope="module")
def page(site: Site, generation: Generation) -> tuple[TestClient, str]:
    """The routes, and where the drawing is."""
    pictures = Pictures()
    client = TestClient(build_routes(site.service, pictures, Uploads()), base_url="http://draw.example")
    return client, f"/pictures/{pictures.add(generation)}"


def test_pictures_are_there_and_others_are_not(page: tuple[TestClient, str]) -> None:
    client, folder = page
    kinds = {"grid.png": "png", "grid.webp": "webp", "classic.png": "png", "0.png": "png", "8.webp": "webp"}
    for file, kind in kinds.items():
        answer = client.get(f"{folder}/{file}")
        assert answer.headers["content-type"] == f"image/{kind}" and "immutable" in answer.headers["cache-control"]
        assert trace_picture(answer.content).made_here, file
    assert client.get(f"{folder}/all.zip").headers["content-type"] == "application/zip"
    for lost in ("9.png", "-1.png", "0.gif", "²3.png", "x.png", "candidates/9.png", "unblurred/9.png", "grid.gif"):
        assert client.get(f"{folder}/{lost}").status_code == 404, lost
    assert client.get("/pictures/other/grid.png").json()["error"]["hint"] == "draw it again with its seed"


def test_the_public_gets_nothing_unblurred(site: Site, generation: Generation) -> None:
    pictures = Pictures(public=True)
    name = pictures.add(generation)
    client = TestClient(build_routes(site.service, pictures, Uploads()))
    assert client.get(f"/pictures/{name}/unblurred/0.png").status_code == 404


@pytest.mark.parametrize("picture", [None, 4])
def test_a_drawing_is_shared_and_deleted(
    site: Site, page: tuple[TestClient, str], generation: Generation, picture: int | None
) -> None:
    client, folder = page
    answer = client.post(f"{folder}/shares", json={"picture": picture})
    assert answer.status_code == 201
    shared = answer.json()
    assert shared["url"] == f"http://draw.example/g/{shared['id']}"
    share = site.service.shares.find(shared["id"])
    told = generation.recipe if picture is None else generation.tile_recipe(picture)
    assert share.recipe == Recipe.from_dict(told) and share.noindex
    assert share.pictures == (9 if picture is None else 1)
    shown = site.client.get(f"/g/{share.id}/grid.png").content
    with Image.open(io.BytesIO(shown)) as image:
        assert extract_recipe(image) == told
    deleted = site.client.post(f"/g/{share.id}/delete", data={"token": shared["delete_token"]})
    assert deleted.status_code == 200 and site.client.get(f"/g/{share.id}").status_code == 410


def test_a_prompt_is_kept_where_its_author_wants_that(site: Site, page: tuple[TestClient, str]) -> None:
    client, folder = page
    shared = client.post(f"{folder}/shares", json={"show_prompt": False, "noindex": False}).json()
    share = site.service.shares.find(shared["id"])
    assert share.recipe is None and not share.noindex
    assert "red car" not in site.client.get(f"/g/{share.id}").text


@pytest.mark.parametrize(
    "path, body, status",
    [
        ("shares", {"picture": 9}, 404),
        ("shares", {"picture": -1}, 422),
        ("shares", {"days": 4}, 422),
        ("meme", {"pictures": [9], "captions": []}, 404),
        ("meme", {"pictures": [-1], "captions": []}, 404),
        ("meme", {"pictures": [], "captions": []}, 422),
        ("meme", {"pictures": [0, 1, 2], "captions": []}, 400),
        ("meme", {"pictures": [0], "captions": [{"text": "x" * 501, "x": 0, "y": 0, "anchor": 0}]}, 422),
        ("meme", {"pictures": [0], "captions": [{"text": "x", "x": 2, "y": 0, "anchor": 0}]}, 422),
        ("meme", {"pictures": [0], "captions": [{"text": "x", "x": 0, "y": 0, "anchor": 0, "panel": 1}]}, 400),
        ("meme", {"pictures": [0], "captions": [{"text": "x", "x": 0, "y": 0, "anchor": 0}] * 21}, 422),
    ],
)
def test_what_makes_no_sense_is_refused(page: tuple[TestClient, str], path: str, body: Any, status: int) -> None:
    client, folder = page
    answer = client.post(f"{folder}/{path}", json=body)
    assert answer.status_code == status and answer.json()["error"]["message"]
    assert client.post(f"/pictures/other/{path}", json={"pictures": [0], "captions": []}).status_code in (404, 422)


def test_a_meme_is_what_the_library_draws(page: tuple[TestClient, str], generation: Generation) -> None:
    client, folder = page
    captions = [top("so ☃ it goes"), bottom("قطة 🐱", panel=2)]
    told = [{name: getattr(each, name) for name in ("text", "x", "y", "anchor", "panel")} for each in captions]
    answer = client.post(f"{folder}/meme", json={"pictures": [3, 1, 4, 5], "captions": told})
    expected = mark_picture(draw_meme([generation.images[index] for index in (3, 1, 4, 5)], captions).image)
    with Image.open(io.BytesIO(answer.content)) as meme:
        assert meme.tobytes() == expected.tobytes()
        assert extract_recipe(meme) == generation.recipe
    assert json.loads(unquote(answer.headers["lettering"])) == {"missing": "", "cut": False}
    left_out = [{"text": "\U0001e900", "x": 0, "y": 0, "anchor": 0}, {"text": "  ", "x": 0, "y": 0, "anchor": 0}]
    answer = client.post(f"{folder}/meme", json={"pictures": [3], "captions": left_out})
    assert json.loads(unquote(answer.headers["lettering"]))["missing"] == "\U0001e900"


@pytest.mark.parametrize(
    "accepted, language", [("es-MX,en;q=0.5", "es"), ("fr", "en"), ("", "en"), ("en;q=0,es", "es")]
)
def test_scripts_get_the_copy_in_the_visitors_language(
    page: tuple[TestClient, str], accepted: str, language: str
) -> None:
    client, _ = page
    answer = client.get("/words.json", headers={"Accept-Language": accepted})
    assert answer.headers["content-language"] == language and "Accept-Language" in answer.headers["vary"]
    assert answer.json() == read_words()[language].texts


def test_where_a_picture_is_from(page: tuple[TestClient, str], generation: Generation) -> None:
    client, folder = page
    ours = client.get(f"{folder}/grid.png").content
    told = client.post("/origin", content=ours).json()
    assert told["made_here"] and told["prompt"] == PROMPT and told["model"] == "nano"
    assert Recipe.from_query(told["query"]) == Recipe.from_dict(generation.recipe)
    buffer = io.BytesIO()
    Image.effect_noise((300, 300), 40).save(buffer, "JPEG")
    told = client.post("/origin", content=buffer.getvalue()).json()
    assert told == {"made_here": False, "prompt": None, "model": None, "seed": None, "query": ""}


@pytest.mark.parametrize("content", [b"", b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_picture_is_told(page: tuple[TestClient, str], content: bytes) -> None:
    client, _ = page
    answer = client.post("/origin", content=content)
    assert answer.status_code == 400 and "picture" in answer.json()["error"]["hint"]


def test_a_picture_that_unfolds_to_gigabytes_is_refused_unread(page: tuple[TestClient, str]) -> None:
    client, _ = page
    buffer = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(buffer, "PNG")
    answer = client.post("/origin", content=buffer.getvalue())
    assert answer.status_code == 400 and "too large" in answer.json()["error"]["message"]


@pytest.mark.parametrize("language", ["en", "es"])
def test_the_model_is_told_of_by_its_own_files(page: tuple[TestClient, str], language: str) -> None:
    client, _ = page
    text = client.get("/about.html", headers={"Accept-Language": language}).text
    config = json.loads((ROOT / "assets" / "nano" / "config.json").read_text())
    assert f" {config['image_length']} " in text and "3.3 million and a VQGAN" not in text
    assert "<dt>Limits</dt>" in text and "<code>recipes/nano/RESULTS.md</code>" in text
    assert "<script" not in text


def test_cards_and_audits_are_told_as_text(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny")
    (folder / "MODEL_CARD.md").write_text("# x\n\n**Limits.** <b>none</b> of `a<b`\n\n**Files.** many\n\nplain")
    for name, content in {"bias": {"sentences": ["<i>It leans.</i>", 7]}, "copies": ["x"], "broken": None}.items():
        (folder / "reports" / name).mkdir(parents=True)
        text = "{" if content is None else json.dumps(content)
        (folder / "reports" / name / "summary.json").write_text(text)
    facts = about.read_facts(str(folder), is_ranked=True)
    assert facts.passages == (("Limits", "<b>none</b> of `a<b`"),) and facts.sentences == ("<i>It leans.</i>",)
    text = about.render_about(read_words()["en"], facts)
    assert "&lt;b&gt;none&lt;/b&gt; of <code>a&lt;b</code>" in text and "&lt;i&gt;It leans.&lt;/i&gt;" in text
    assert "Another network marks every picture" in text


def test_scripts_are_there_and_nothing_else_of_the_folder(page: tuple[TestClient, str]) -> None:
    client, _ = page
    scripts = sorted((ROOT / "assets" / "page").glob("*.js"))
    for script in scripts:
        assert "javascript" in client.get(f"/page/{script.name}").headers["content-type"]
    assert len(scripts) > 8 and client.get("/page/../words/en.json").status_code == 404
