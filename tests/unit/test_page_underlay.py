"""What is drawn on: pictures that are brought, tiles and tokens of recipes, put under orders or refused in words."""

import dataclasses
import io
import re
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
import pytest
from doubles import SIDE, make_tiny_model
from PIL import Image
from sites import Site
from starlette.testclient import TestClient

import dalle_mini
from dalle_mini.config import UNKNOWN, Canvas, GenerationConfig, KeptTokens, Way
from dalle_mini.errors import ConfigError, DalleMiniError, DataError
from dalle_mini.generation import Generation
from dalle_mini.grid import encode_png
from dalle_mini.pipeline import DalleMini
from dalle_mini.provenance import read_tokens
from dalle_mini.recipe import Recipe
from dalle_mini.safety.verdict import Verdict
from dalle_mini.serving.order import Order
from dalle_mini.web import downloads
from dalle_mini.web.app import build_routes
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.tiles import link_recipe
from dalle_mini.web.underlay import PictureBelow, TokensBelow, UnderlayPanel, render_underlay
from dalle_mini.web.uploads import Uploads, cut_square
from dalle_mini.web.words import read_words

WORDS = read_words()["en"]
LOWER = "0" * 8 + "1" * 8
PHOTO = Image.effect_noise((900, 600), 60).convert("RGB")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_model(tmp_path_factory.mktemp("underlay") / "tiny"))


@pytest.fixture(scope="module")
def model(folder: str) -> DalleMini:
    return dalle_mini.load(folder)


@pytest.fixture(scope="module")
def drawn(model: DalleMini) -> Generation:
    return model.generate("a red car", images=2, seed=5)


def make_panel(drawn: Generation, folder: str) -> tuple[UnderlayPanel, str, str]:
    """A panel, and the names of a drawing and of an upload."""
    pictures, uploads = Pictures(), Uploads()
    with gr.Blocks(analytics_enabled=False):
        panel = UnderlayPanel(WORDS, folder, pictures, uploads)
    return panel, pictures.add(drawn), uploads.add(cut_square(encode_png(PHOTO)))


def order(model: str) -> Order:
    return Order(model, "two dogs", GenerationConfig(images=2), 3)


def test_more_like_a_tile_keeps_its_own_tokens(drawn: Generation, model: DalleMini, folder: str) -> None:
    panel, name, _ = make_panel(drawn, folder)
    prompt, below = panel.read({"source": f"{name}/1", "repaint": LOWER, "prompt": "two dogs"})
    placed = below.put_under(order(folder))
    assert prompt == "two dogs" and placed.canvas
    assert model.keep(placed.canvas).tokens == (*map(int, drawn.tokens[1][:8]), *[UNKNOWN] * 8)


def test_an_upload_is_read_by_the_models_encoder(drawn: Generation, model: DalleMini, folder: str) -> None:
    panel, _, brought = make_panel(drawn, folder)
    _, below = panel.read({"source": brought, "repaint": LOWER, "prompt": "x"})
    placed = below.put_under(order(folder))
    assert placed.canvas
    kept = model.keep(placed.canvas)
    assert kept.tokens[8:] == (UNKNOWN,) * 8 and UNKNOWN not in kept.tokens[:8]
    whole = model.keep(Canvas(encode_png(PHOTO), keep=0.5))
    assert np.mean(np.equal(kept.tokens, whole.tokens)) > 0.8, "the middle square is what is read"


def test_a_tile_that_comes_back_as_a_file_keeps_its_tokens(drawn: Generation, model: DalleMini) -> None:
    square = cut_square(downloads.encode_tile(drawn, 0))
    assert model.keep(Canvas(square, keep=1.0)).tokens == tuple(map(int, drawn.tokens[0]))


def test_uploads_are_small_squares_without_anything_else() -> None:
    exif = Image.Exif()
    exif[0x010E] = "secret"
    file = io.BytesIO()
    PHOTO.save(file, "JPEG", exif=exif, comment=b"secret")
    square = cut_square(file.getvalue())
    with Image.open(io.BytesIO(square)) as image:
        assert image.size == (512, 512) and not image.info
    assert b"secret" not in square and read_tokens(square) is None
    for content in (b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", file.getvalue()[:200]):
        with pytest.raises(DataError):
            cut_square(content)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"repaint": "0" * 16}, "no square is marked"),
        ({"repaint": "0012"}, "no squares of a picture"),
        ({"repaint": "1" * 5000}, "no squares of a picture"),
        ({"prompt": 3}, "no squares of a picture"),
        ({"more": ""}, "no squares of a picture"),
        ({"source": "gone"}, "picture is no longer kept"),
        ({"source": "gone/0"}, "drawing is no longer kept"),
        ({"source": "{name}/2"}, "no such picture"),
        ({"source": "{name}/../1"}, "no such picture"),
    ],
)
def test_what_the_page_would_not_send_is_refused(
    changes: dict[str, Any], told: str, drawn: Generation, folder: str
) -> None:
    panel, name, _ = make_panel(drawn, folder)
    wish = {"source": f"{name}/0", "repaint": LOWER, "prompt": "a", **changes}
    wish["source"] = wish["source"].replace("{name}", name)
    with pytest.raises(DalleMiniError, match=told) as refused:
        panel.read(wish)
    assert refused.value.hint


def test_blurred_pictures_are_not_drawn_on(drawn: Generation, folder: str) -> None:
    flagged = dataclasses.replace(drawn, verdicts=(Verdict(True, 0.9, "it may be bad"), Verdict(False, 0.1)))
    panel, name, _ = make_panel(flagged, folder)
    with pytest.raises(ConfigError, match="blurred"):
        panel.read({"source": f"{name}/0", "repaint": LOWER, "prompt": "a"})
    assert panel.read({"source": f"{name}/1", "repaint": LOWER, "prompt": "a"})[0] == "a"


def test_another_model_is_told_in_words(drawn: Generation, folder: str, tmp_path: Path) -> None:
    larger = str(make_tiny_model(tmp_path / "larger", side=2 * SIDE))
    panel, name, _ = make_panel(drawn, folder)
    _, below = panel.read({"source": f"{name}/0", "repaint": LOWER, "prompt": "a"})
    with pytest.raises(ConfigError, match="16 squares were marked or left, but pictures of larger have 64"):
        below.put_under(order(larger))
    kept = TokensBelow(KeptTokens((1, UNKNOWN) * 8), "tiny")
    assert kept.put_under(order(folder)).way.kept == kept.kept
    with pytest.raises(ConfigError, match="a picture of tiny, not of larger"):
        kept.put_under(order(larger))


def test_a_drawing_on_a_picture_has_a_link_that_draws_it_again(model: DalleMini, drawn: Generation) -> None:
    kept = KeptTokens(tuple(map(int, drawn.tokens[0]))).keep_top(0.5)
    more = model.generate("two dogs", images=2, seed=3, way=Way(kept=kept), not_this="snow")
    recipe = Recipe.from_query(link_recipe(more))
    again = model.generate(recipe.prompt, images=2, seed=recipe.seed, way=recipe.way, not_this=recipe.settings.not_this)
    assert recipe.way.kept == kept and (again.tokens == more.tokens).all()


def test_the_panel_shows_what_stays() -> None:
    shown = render_underlay(WORDS, PictureBelow('a"b/1', b"", "0000011011111001"), 4)
    assert "8 of 16 squares stay" in shown and 'src="pictures/a&quot;b/1.webp"' in shown
    path = re.search(r'd="([^"]*)"', shown)
    assert path and path[1] == "M1 1h2v1h-2zM0 2h4v1h-4zM0 3h1v1h-1zM3 3h1v1h-1z"
    assert 'data-side=""' in render_underlay(WORDS, None, None)
    assert "Change" not in render_underlay(WORDS, TokensBelow(KeptTokens((UNKNOWN, 3, 4, 5)), "tiny"), 2)


def test_a_picture_is_brought_and_seen(tmp_path: Path) -> None:
    site, uploads = Site(tmp_path), Uploads()
    client = TestClient(build_routes(site.service, Pictures(), uploads))
    answer = client.post("/uploads", content=encode_png(PHOTO))
    assert answer.status_code == 201
    shown = client.get(f"/uploads/{answer.json()['source']}.webp")
    with Image.open(io.BytesIO(shown.content)) as image:
        assert image.size == (512, 512)
    assert "choose it again" in client.get("/uploads/other.webp").json()["error"]["hint"]
    bomb = io.BytesIO()
    Image.new("1", (30_000, 30_000)).save(bomb, "PNG")
    for content in (b"", b"text", b"<svg/>", bomb.getvalue()):
        refused = client.post("/uploads", content=content)
        assert refused.status_code == 400 and refused.json()["error"]["hint"]
    site.close()


def test_the_oldest_uploads_make_room() -> None:
    uploads = Uploads(max_bytes=10)
    names = [uploads.add(b"12345") for _ in range(3)]
    assert [uploads.find(name) is not None for name in names] == [False, True, True]
