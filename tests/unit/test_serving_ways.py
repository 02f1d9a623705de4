"""Ways of drawing over the API, with a tiny model that really draws."""

import base64
import io
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from doubles import make_tiny_model
from PIL import Image
from sites import Site
from starlette.testclient import TestClient

import dalle_mini
from dalle_mini.config import Canvas, KeptTokens, Way
from dalle_mini.errors import ConfigError, DataError
from dalle_mini.grid import extract_recipe
from dalle_mini.pipeline import DalleMini
from dalle_mini.recipe import Recipe
from dalle_mini.serving.client import Client
from dalle_mini.serving.painter import Painter
from dalle_mini.serving.shares import remix_query

PROMPT, OTHER = "a red car at the beach", "two dogs in the snow"
GENERATIONS = "/api/v1/generations"
TOKENS = KeptTokens(tuple(range(16))).to_text()


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> DalleMini:
    return dalle_mini.load(str(make_tiny_model(tmp_path_factory.mktemp("tiny"))))


@pytest.fixture(scope="module")
def site(model: DalleMini, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("store"), painter=Painter("nano", load=lambda name: model))
    yield site
    site.close()


@pytest.fixture(scope="module")
def http(site: Site) -> TestClient:
    return site.client


def order(http: TestClient, prompt: str = PROMPT, **values: Any) -> dict[str, Any]:
    answer = http.post(GENERATIONS, json={"prompt": prompt, "seed": 7, **values}, params={"wait": 100})
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


def open_file(http: TestClient, place: str) -> Image.Image:
    return Image.open(io.BytesIO(http.get(place).content))


def test_a_template_with_its_animation(http: TestClient, model: DalleMini) -> None:
    result = order(http, "{a red car|two dogs} {at the beach|in the snow}", images=4, template=True, animation=True)
    assert [picture["prompt"] for picture in result["images"]] == [
        "a red car at the beach",
        "a red car in the snow",
        "two dogs at the beach",
        "two dogs in the snow",
    ]
    with open_file(http, result["animation"]) as animation:
        assert animation.format == "WEBP" and getattr(animation, "n_frames", 1) > 10
    recipe = Recipe.from_dict(extract_recipe(open_file(http, result["png"])))
    *_, last = model.draw(recipe.prompt, recipe.settings, seed=recipe.seed, way=recipe.way)
    assert last.result and [tokens.to_text() for tokens in map(last.result.tile_tokens, range(4)) if tokens] == [
        picture["tokens"] for picture in result["images"]
    ]


def test_no_animation_unless_it_was_ordered(http: TestClient) -> None:
    result = order(http, images=1)
    assert "animation" not in result
    assert http.get(result["png"].replace("grid.png", "animation.webp")).status_code == 404


def test_a_picture_is_drawn_on_by_its_tokens_or_its_file(http: TestClient) -> None:
    first = order(http, images=2)["images"][1]
    by_tokens = order(http, images=2, seed=3, canvas={"tokens": first["tokens"], "repaint": "0000 0000 1111 1111"})
    content = base64.b64encode(http.get(first["png"]).content).decode()
    by_file = order(http, images=2, seed=3, canvas={"picture": content, "keep": 0.5})
    kept = first["tokens"][:20]  # 15 bytes, of the 16 of two rows
    assert all(picture["tokens"].startswith(kept) for picture in by_tokens["images"])
    assert [picture["tokens"] for picture in by_file["images"]] == [
        picture["tokens"] for picture in by_tokens["images"]
    ]
    assert Recipe.from_dict(by_file["recipe"]).way.kept == Recipe.from_dict(by_tokens["recipe"]).way.kept


def test_a_morph_and_what_not_to_draw(http: TestClient) -> None:
    result = order(http, morph_to=OTHER, not_this="an owl", images=3)
    assert result["settings"]["not_this"] == "an owl" and result["recipe"]["morph_to"] == OTHER
    assert [picture["prompt"] for picture in result["images"]] == [PROMPT, f"{PROMPT} → {OTHER}", OTHER]
    assert {picture["seed"] for picture in result["images"]} == {7}


@pytest.mark.parametrize(
    ("values", "status", "message"),
    [
        ({"template": True, "prompt": "a {cat"}, 422, "never closed"),
        ({"template": True, "prompt": "{a|b|c|d}", "images": 2}, 422, "4 prompts for 2 pictures"),
        ({"template": True, "morph_to": "a"}, 400, "morph_to"),
        ({"morph_share": 0.5}, 400, "needs morph_to"),
        ({"morph_to": "a", "morph_share": 1.5}, 422, "morph_share"),
        ({"morph_to": OTHER, "images": 1}, 400, "one picture"),
        ({"not_this": " "}, 400, "not_this=' '"),
        ({"not_this": "a naked woman"}, 422, "(?i)nud|sex|draw"),
        ({"morph_to": "a naked woman"}, 422, "(?i)nud|sex|draw"),
        ({"not_this": "x" * 2001}, 422, "2,001 characters"),
        ({"canvas": {}}, 400, "a picture or tokens"),
        ({"canvas": {"tokens": "!"}}, 400, "can't be read"),
        ({"canvas": {"tokens": "AAAAAf____4="}}, 400, "2 × 2, the model draws 4 × 4"),
        ({"canvas": {"picture": "!"}}, 400, "base64"),
        ({"canvas": {"picture": "AAAA"}}, 400, "no picture that can be read"),
        ({"canvas": {"tokens": "AAAA", "keep": 2}}, 422, "keep"),
        ({"canvas": {"tokens": "AAAA", "paint": "1"}}, 422, "paint"),
    ],
)
def test_bad_orders_are_told_why(http: TestClient, values: dict[str, Any], status: int, message: str) -> None:
    answer = http.post(GENERATIONS, json={"prompt": PROMPT, **values}, params={"wait": 100})
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert re.search(message, error["message"]), error


def test_the_client_sends_all_of_it(site: Site, http: TestClient, model: DalleMini) -> None:
    content = http.get(order(http, images=1)["images"][0]["png"]).content
    with site.listen() as address, Client(address) as client:
        drawn = client.generate(
            PROMPT,
            images=3,
            seed=2,
            not_this="an owl",
            way=Way(morph_to=OTHER),
            canvas=Canvas(content, repaint="0" * 8 + "1" * 8),
            animation=True,
        )
        with pytest.raises(DataError, match="no picture"):
            client.generate(PROMPT, canvas=Canvas(b"x"))
        with pytest.raises(ConfigError, match="takes no kept tokens"):
            client.generate(PROMPT, way=Recipe.from_dict(drawn.recipe).way)
    assert drawn.prompts[2] == OTHER and drawn.settings.not_this == "an owl"
    assert drawn.animation and Image.open(io.BytesIO(drawn.animation)).format == "WEBP"
    way = Recipe.from_dict(drawn.recipe).way
    *_, last = model.draw(PROMPT, drawn.settings, seed=2, way=way)
    assert way.kept and last.result
    assert np.array_equal(np.asarray(last.result.grid()), np.asarray(drawn.grid()))


def test_a_shared_page_tells_how_it_was_drawn(site: Site, http: TestClient) -> None:
    """Links to draw a page's pictures again."""
    ways = (({"morph_to": OTHER}, "&morph_to=two+dogs"), ({"canvas": {"tokens": TOKENS}}, "&kept=AAAAAQAC"))
    for values, query in ways:
        placed = http.post(GENERATIONS, json={"prompt": PROMPT, "images": 2, **values}, params={"wait": 100})
        body = {"generation": placed.json()["id"], "days": 1}
        made = http.post("/api/v1/shares", json=body, headers={"Delete-Token": placed.json()["delete_token"]})
        assert query in (remix_query(site.service.shares.find(made.json()["id"])) or "")
