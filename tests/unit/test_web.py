"""The page without a browser: the line, orders, drawings, addresses and what is made of them in HTML."""

import contextlib
import dataclasses
import html.parser
import io
import json
import re
import socket
import time
import zipfile
from collections.abc import Generator, Iterator
from pathlib import Path

import gradio as gr
import pytest
from doubles import make_tiny_clip, make_tiny_model
from PIL import Image
from sites import Site
from starlette.requests import Request

from dalle_mini import config
from dalle_mini.errors import CheckpointError, ConfigError, DataError, OutputError, Overloaded, PromptError
from dalle_mini.generation import Generation
from dalle_mini.grid import extract_recipe
from dalle_mini.provenance import trace_picture
from dalle_mini.recipe import Recipe
from dalle_mini.serving.answers import NotFound
from dalle_mini.serving.engine import Engine
from dalle_mini.serving.order import MAX_PROMPT, Order
from dalle_mini.serving.painter import Painter
from dalle_mini.serving.shelf import brings_ranker, list_choices, read_defaults
from dalle_mini.web import downloads, markup, result, tiles
from dalle_mini.web.address import default_host, default_port, listen, web_address
from dalle_mini.web.examples import read_examples
from dalle_mini.web.order import read_order, read_seed
from dalle_mini.web.page import Page
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.server import serve
from dalle_mini.web.settings import SettingsPanel
from dalle_mini.web.studio import Drawing, Finished, Held, Preparing, Studio, Update, Waiting
from dalle_mini.web.uploads import Uploads
from dalle_mini.web.why import render_no_why, render_why
from dalle_mini.web.words import read_words

WORDS = read_words()["en"]
NASTY = "<img src=x onerror=alert(1)> & \"quotes\" 'too'"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_model(tmp_path_factory.mktemp("page") / "tiny"))


@pytest.fixture(scope="module")
def studio(model: str) -> Iterator[Studio]:
    with open_studio(model) as studio:
        yield studio


@contextlib.contextmanager
def open_studio(model: str, ranker: str | None = None) -> Generator[Studio]:
    engine = Engine(Painter(model, ranker=ranker))
    engine.start()
    try:
        yield Studio(engine, model, ranker=ranker)
    finally:
        engine.close()


@pytest.fixture(scope="module")
def generation(studio: Studio) -> Generation:
    return finish(studio, order(studio, NASTY, images=3, seed=5))


@pytest.fixture(scope="module")
def ranked(model: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    with open_studio(model, str(make_tiny_clip(tmp_path_factory.mktemp("rankers") / "clip"))) as studio:
        yield studio


@pytest.fixture(scope="module")
def best(ranked: Studio) -> Generation:
    """Three of twelve."""
    settings = config.GenerationConfig(images=3, candidates=12, top_k=32)
    return finish(ranked, Order(ranked.model, NASTY, settings, 5))


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DALLE_MINI_HOME", str(tmp_path / "home"))


def order(studio: Studio, prompt: str = "a red car", *, images: int = 9, seed: int | None = None) -> Order:
    return Order(studio.model, prompt, config.GenerationConfig(images=images, top_k=32), seed)


def finish(studio: Studio, order: Order) -> Generation:
    *_, last = studio.draw(order)
    assert isinstance(last, Finished)
    return last.generation


def go_on_to(kind: type[Update], drawing: Generator[Update]) -> Update:
    """The next update of a kind."""
    return next(update for update in drawing if isinstance(update, kind))


# Orders.


@pytest.mark.parametrize("text, seed", [("", None), ("  ", None), ("0", 0), (" 7 ", 7), ("4294967295", 2**32 - 1)])
def test_seeds_are_read(text: str, seed: int | None) -> None:
    assert read_seed(text) == seed


@pytest.mark.parametrize("text", ["x", "-1", "1e3", "0.5", "4294967296", "9" * 5000, "²", "1 2", "٧" * 11])
def test_other_seeds_are_refused_briefly(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_seed(text)
    assert len(str(refused.value)) < 60 and "4294967295" in refused.value.hint


def test_orders_hold_what_was_set() -> None:
    read = read_order("a cat", "nano", 4, 3, 0.9, 256, 1, 0, 0, "7", "", None)
    settings = config.GenerationConfig(images=4, guidance_scale=3.0, temperature=0.9, top_k=256)
    assert read == Order("nano", "a cat", settings, 7)
    chosen = read_order("a cat", "nano", 4, 3, 0.9, 256, 1, 18.0, 0.5, "7", "", "").settings
    assert chosen == dataclasses.replace(settings, candidates=18, variety=0.5)
    more = read_order("a cat", "nano", 4, 3, 0.9, 256, 1, 0, 0, "7", " a dog ", "two dogs\n")
    led = dataclasses.replace(settings, not_this="a dog")
    assert more == Order("nano", "a cat", led, 7, config.Way(morph_to="two dogs"))
    with pytest.raises(ConfigError, match="candidates=3 must be from 4"):
        read_order("a cat", "nano", 4, 3, 0.9, 256, 1, 3, 0, "7", "", "")


@pytest.mark.parametrize("prompt", ["", " \t\n", None, "x" * (MAX_PROMPT + 1)])
def test_prompts_that_cannot_be_read_are_refused(prompt: str | None) -> None:
    with pytest.raises(PromptError) as refused:
        read_order(prompt, "nano", 9, 10, 1, 50, 1, 0, 0, None, "", "")
    assert refused.value.hint


@pytest.mark.parametrize("images, temperature", [(0, 1.0), (65, 1.0), (9, 0.0), (9, float("nan"))])
def test_numbers_out_of_range_are_refused(images: int, temperature: float) -> None:
    with pytest.raises(ConfigError):
        read_order("a cat", "nano", images, 10, temperature, 50, 1, 0, 0, "", "", "")


def test_the_fields_say_what_a_recipe_says_as_far_as_they_reach(model: str) -> None:
    with gr.Blocks(analytics_enabled=False):
        panel = SettingsPanel(WORDS, gr.I18n(en=dict(WORDS.texts)), model, None)
    wild = config.GenerationConfig(images=4, temperature=1.5, top_k=200, not_this="a dog")
    recipe = Recipe("tiny", "a cat", 7, wild, config.Way(morph_to="two dogs"))
    filled = panel.fill_in(model, recipe)
    fields = (panel.images, panel.temperature, panel.top_k, panel.seed, panel.not_this, panel.morph_to)
    assert [filled[field] for field in fields] == [4, 1.5, 200, "7", "a dog", "two dogs"]
    assert panel.reaches(recipe) and panel.images not in panel.apply_defaults(model)
    for changes in ({"top_k": 999}, {"images": 40}, {"temperature": 5.0}, {"guidance_scale": 0.0}):
        beyond = dataclasses.replace(recipe, settings=dataclasses.replace(wild, **changes))
        assert not panel.reaches(beyond), changes
    between = config.Way(morph_to="two dogs", morph_share=0.5)
    assert not panel.reaches(dataclasses.replace(recipe, way=between))


# The studio.


def test_a_drawing_tells_how_it_goes(studio: Studio) -> None:
    *updates, last = studio.draw(order(studio, seed=3))
    progress = [update for update in updates if isinstance(update, Drawing)]
    assert progress == updates[-len(progress) :]
    assert [update.done for update in progress] == sorted(update.done for update in progress)
    assert all(0 < update.done < update.total == 16 for update in progress)
    left = [update.seconds_left for update in progress]
    assert left == sorted(left, reverse=True)
    previews = [update.pictures for update in progress if update.pictures]
    assert previews and all(len(pictures) == 9 for pictures in previews)
    assert isinstance(last, Finished) and last.generation.seed == 3


def test_the_next_one_waits_and_a_closed_drawing_frees_the_device(studio: Studio) -> None:
    # Long enough to be closed half-way.
    first, second = studio.draw(order(studio, images=64)), studio.draw(order(studio))
    go_on_to(Drawing, first)
    waiting = next(second)
    assert isinstance(waiting, Waiting) and waiting.place == 1
    first.close()
    go_on_to(Drawing, second)
    second.close()
    assert finish(studio, order(studio, images=1))


def test_a_prompt_without_words_frees_the_device(studio: Studio) -> None:
    with pytest.raises(PromptError):
        list(studio.draw(order(studio, "\u200b")))
    assert finish(studio, order(studio, images=1))


def test_another_model_is_loaded_when_it_is_wanted(studio: Studio, tmp_path: Path) -> None:
    other = str(make_tiny_model(tmp_path / "other", seed=1))
    wanted = Order(other, "a red car", config.GenerationConfig(images=1), 3)
    *updates, last = studio.draw(wanted)
    assert Preparing(other) in updates
    assert isinstance(last, Finished) and last.generation.release == "other"
    assert Preparing(other) not in list(studio.draw(wanted))


def test_a_model_that_is_not_here_is_not_downloaded(studio: Studio) -> None:
    with pytest.raises(CheckpointError, match="'mini' is not on this machine") as refused:
        list(studio.draw(Order("mini", "a red car", config.GenerationConfig(), None)))
    assert "dalle-mini serve --model mini" in refused.value.hint


def test_a_broken_model_is_told_to_whoever_draws(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folder = make_tiny_model(tmp_path / "broken")
    (folder / "model.safetensors").write_bytes(b"{}")
    with open_studio(str(folder)) as studio:
        with pytest.raises(CheckpointError) as told:
            finish(studio, order(studio))
    assert str(tmp_path) not in str(told.value)
    assert "model.safetensors" in caplog.text


def test_the_shelf_names_what_has_to_be_downloaded(model: str) -> None:
    choices = dict(list_choices(model))
    assert choices["tiny"] == model
    assert choices["mini (2.1 GB, to be downloaded first)"] == "mini"
    assert "nano" in dict(list_choices("nano")).values()
    assert read_defaults(model).top_k == 32
    assert read_defaults("mini") == config.GenerationConfig()


def test_a_drawing_of_more_candidates_says_how_many(ranked: Studio) -> None:
    settings = config.GenerationConfig(images=3, candidates=12, top_k=32)
    *updates, last = ranked.draw(Order(ranked.model, "a red car", settings, 3))
    drawing = [update for update in updates if isinstance(update, Drawing)]
    assert {update.settings.candidates for update in drawing} == {12}
    assert {len(update.pictures) for update in drawing if update.pictures} == {3}
    assert isinstance(last, Finished) and len(last.generation.candidates) == 12


def test_only_the_model_of_the_page_has_the_pages_ranker(ranked: Studio, tmp_path: Path) -> None:
    other = str(make_tiny_model(tmp_path / "other", seed=3))
    settings = config.GenerationConfig(images=1, candidates=9)
    with pytest.raises(ConfigError, match="other has no ranker"):
        finish(ranked, Order(other, "a red car", settings, 3))
    make_tiny_clip(tmp_path / "own" / "clip")
    own = str(make_tiny_model(tmp_path / "own", seed=4))
    assert (brings_ranker(own), brings_ranker(other), brings_ranker("mini")) == (True, False, False)
    assert finish(ranked, Order(own, "a red car", settings, 3)).ranker


# Finished pictures.


def test_every_picture_that_leaves_is_marked_and_every_png_has_its_recipe(generation: Generation) -> None:
    wanted = [
        (downloads.encode_grid(generation), generation.recipe),
        (downloads.encode_classic(generation), generation.recipe),
        (downloads.encode_tile(generation, 2), generation.tile_recipe(2)),
        (downloads.encode_small_grid(generation), None),
        (downloads.encode_small_tile(generation, 2), None),
    ]
    for content, recipe in wanted:
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.format == ("PNG" if recipe else "WEBP")
            assert recipe is None or extract_recipe(picture) == recipe
        assert trace_picture(content).made_here


def test_a_zip_holds_all_of_a_drawing(generation: Generation) -> None:
    content = downloads.encode_zip(generation)
    assert content == downloads.encode_zip(generation)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        names = archive.namelist()
        assert len(set(names)) == len(names) == 3 + len(generation.images)
        assert all(re.fullmatch(r"[a-z0-9-]+\.(png|json)", name) for name in names)
        assert json.loads(archive.read("recipe.json")) == generation.recipe
        for index, name in enumerate(names[2:-1]):
            assert archive.read(name) == downloads.encode_tile(generation, index)


def test_candidates_can_be_looked_at_and_kept(best: Generation) -> None:
    pictures = Pictures()
    name = pictures.add(best)
    assert len(name) >= 20 and pictures.find(name) is best and pictures.find("other") is None
    with pytest.raises(NotFound, match="no longer kept"):
        pictures.require("other")
    left_out = best.candidates.ranked[-1]
    content = downloads.encode_candidate(best, left_out, public=False)
    with Image.open(io.BytesIO(content)) as picture:
        assert extract_recipe(picture) == best.candidate_recipe(left_out)
    with Image.open(io.BytesIO(downloads.encode_thumbnail(best, left_out, public=False))) as thumbnail:
        assert thumbnail.format == "WEBP" and thumbnail.size == best.images[0].size


def test_the_oldest_pictures_make_room(generation: Generation) -> None:
    size = sum(3 * image.width * image.height for image in generation.images)
    pictures = Pictures(max_bytes=2 * size)
    names = [pictures.add(generation) for _ in range(3)]
    assert [pictures.find(name) is not None for name in names] == [False, True, True]
    crowded = Pictures(max_bytes=1)
    assert crowded.find(crowded.add(generation))


# HTML.


KNOWN = {"div", "p", "span", "b", "figure", "img", "a", "button", "section", "details", "summary", "ol", "ul", "li"}
TABLE = {"table", "caption", "tbody", "tr", "th", "td"}


class Tags(html.parser.HTMLParser):
    """The elements of a text, and what stands between them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


@pytest.fixture(
    params=[
        lambda generation: tiles.render_finished(WORDS, "name", generation),
        lambda generation: result.render_result(WORDS, "name", generation),
        lambda generation: markup.render_status(NASTY, detail=NASTY),
        lambda generation: markup.render_error(ConfigError(NASTY, hint=NASTY)),
        lambda generation: render_why(WORDS, "name", generation, 4),
    ],
    ids=["grid", "result", "status", "error", "why"],
)
def rendered(request: pytest.FixtureRequest, best: Generation) -> Tags:
    return Tags(request.param(best))


def test_what_was_typed_stays_text(rendered: Tags) -> None:
    for tag, attributes in rendered.found:
        assert tag in KNOWN | TABLE
        assert not [name for name in attributes if name.startswith("on")]
        assert str(attributes.get("src", "pictures/")).startswith("pictures/")


def test_tiles_say_what_they_are(generation: Generation) -> None:
    tags = Tags(tiles.render_finished(WORDS, "name", generation)).found
    alts = [attributes["alt"] for tag, attributes in tags if tag == "img"]
    assert alts == [f"{NASTY}, picture {number} of 3" for number in (1, 2, 3)]
    figures = [attributes for tag, attributes in tags if tag == "figure"]
    assert [figure["data-seed"] for figure in figures] == list(map(str, generation.seeds))


def test_downloads_have_names_that_every_system_takes(generation: Generation) -> None:
    tags = Tags(result.render_result(WORDS, "name", generation)).found
    names = [attributes["download"] for tag, attributes in tags if tag == "a"]
    assert len(set(names)) == 4 and all(re.fullmatch(r"[a-z0-9-]+\.(png|webp|zip)", name or "") for name in names)


def test_tiles_bear_their_marks(best: Generation, generation: Generation) -> None:
    page = tiles.render_finished(WORDS, "name", best)
    assert Tags(page).words == "".join(f"Mark {mark:.3f}".replace("-", "−") for mark in best.marks if mark is not None)
    assert not Tags(tiles.render_finished(WORDS, "name", generation)).words


def test_the_panel_shows_all_candidates_in_order_and_the_words_of_the_chosen(best: Generation) -> None:
    ranked, words = best.candidates.ranked, NASTY.split()
    closed, opened = (Tags(render_why(WORDS, "name", best, chosen)) for chosen in (None, ranked[7]))
    assert ("details", {}) in closed.found and ("details", {"open": None}) in opened.found
    buttons = [attributes for tag, attributes in opened.found if tag == "button"]
    assert [button["data-candidate"] for button in buttons] == [f"name/{place}" for place in ranked]
    assert [button["aria-pressed"] for button in buttons] == ["true" if at == 7 else "false" for at in range(12)]
    alts = [attributes["alt"] or "" for tag, attributes in opened.found if tag == "img"]
    assert alts[2] == "Picture 3 of 12, shown, mark" and alts[3] == "Picture 4 of 12, left out, mark"
    assert "Why these three?" in opened.words and "The best 3 are shown" in opened.words
    assert "Picture 8 of 12" in opened.words and f"seed {best.candidates.seeds[ranked[7]]}" in opened.words
    rows = [attributes for tag, attributes in opened.found if tag == "th"]
    assert len(rows) == len(best.candidates.word_weights(0)) <= 2 * len(words)


def test_without_marks_there_is_no_panel(generation: Generation) -> None:
    assert render_why(WORDS, "name", generation) == render_no_why()


@pytest.mark.parametrize("count, columns", [(1, 1), (2, 2), (4, 2), (9, 3), (36, 6)])
def test_the_grid_is_as_square_as_it_can_be(count: int, columns: int) -> None:
    assert f"--columns:{columns}" in tiles.render_blank(WORDS, count)


def test_what_was_cut_is_told(studio: Studio) -> None:
    cut = finish(studio, order(studio, "a red car at the beach " * 400, images=1))
    words = Tags(result.render_result(WORDS, "name", cut)).words
    assert "There was no room for “" in words and len(words) < 700


def test_errors_become_sentences() -> None:
    words = Tags(markup.render_error(ConfigError("seed 'x' is odd", hint="use a number"))).words.strip()
    assert words == "Seed 'x' is odd. Use a number."


# Examples.


def test_examples_are_read(tmp_path: Path) -> None:
    assert read_examples(tmp_path) == ()
    entries = [{"file": "a-cat.webp", "recipe": {"prompt": "a cat", "seed": 4, "images": 9}}]
    (tmp_path / "examples.json").write_text(json.dumps(entries))
    (example,) = read_examples(tmp_path)
    assert (example.file, example.prompt, example.seed) == ("a-cat.webp", "a cat", 4)


@pytest.mark.parametrize(
    "text", ["", "{", "{}x", '[{"file": "a"}]', '[{"file": "a", "recipe": {"prompt": 1, "seed": 1}}]', "[1]"]
)
def test_a_broken_index_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "examples.json").write_text(text)
    with pytest.raises(DataError, match=re.escape(str(tmp_path))):
        read_examples(tmp_path)


# Addresses.


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_in_use_is_told_at_once(taken: int) -> None:
    started = time.monotonic()
    with pytest.raises(OutputError, match=f"port {taken} is in use") as refused:
        serve(host="127.0.0.1", port=taken)
    assert f"--port {taken + 1}" in refused.value.hint
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.7", "x" * 300, "a b", "::zz"])
def test_a_host_that_is_not_here_is_told(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(OutputError, match=re.escape(repr(host))) as refused:
        listen(host, 0).close()
    assert "--host 127.0.0.1" in refused.value.hint


def test_an_empty_host_is_refused() -> None:
    with pytest.raises(ConfigError, match="the host is empty"):
        serve(host="", port=0)


@pytest.mark.parametrize("port", [-1, 65536, 10**9])
def test_a_number_that_is_no_port_is_refused(port: int) -> None:
    with pytest.raises(ConfigError, match=str(port)):
        listen("127.0.0.1", port)


def test_an_unknown_model_is_refused_before_anything_is_served() -> None:
    with pytest.raises(ConfigError, match="unknown model 'nanoo'") as refused:
        serve(host="127.0.0.1", port=0, model="nanoo")
    assert "'nano'" in refused.value.hint


@pytest.mark.parametrize(
    "variables, address",
    [
        ({}, ("127.0.0.1", 7860)),
        ({"SPACE_ID": "someone/something"}, ("0.0.0.0", 7860)),
        ({"GRADIO_SERVER_NAME": "0.0.0.0", "GRADIO_SERVER_PORT": "8000"}, ("0.0.0.0", 8000)),
    ],
)
def test_addresses_come_from_the_environment(
    variables: dict[str, str], address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("SPACE_ID", "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert (default_host(), default_port()) == address


def test_a_port_in_the_environment_must_be_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRADIO_SERVER_PORT", "many")
    with pytest.raises(ConfigError, match="GRADIO_SERVER_PORT='many'"):
        default_port()


@pytest.mark.parametrize("host, shown", [("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:")])
def test_the_address_to_type_is_one_of_this_machine(host: str, shown: str) -> None:
    with listen(host, 0) as listener:
        assert web_address(listener) == f"{shown}{listener.getsockname()[1]}"


# Limits of a visitor.


def test_visitors_have_the_limits_of_the_apis_callers(tmp_path: Path) -> None:
    site = Site(tmp_path, per_client=2, orders_at_once=3, orders_per_minute=0.01)
    studio = Studio(site.service.engine, "nano", buckets=site.service.buckets)
    wanted = Order("nano", "a red car", config.GenerationConfig(images=1), 3)
    drawings = [studio.draw(wanted, visitor="address/192.0.2.1") for _ in range(4)]
    for drawing in drawings[:2]:
        next(drawing)
    assert isinstance(held := next(drawings[2]), Held) and held.limit == "own"
    drawings[0].close()
    site.gate.open()
    assert go_on_to(Finished, drawings[2])
    with pytest.raises(Overloaded, match="orders a minute") as refused:
        next(drawings[3])
    assert refused.value.retry_after > 60
    other = studio.draw(wanted, visitor="address/192.0.2.2")
    assert go_on_to(Finished, other)
    for drawing in (other, *drawings):
        drawing.close()
    site.close()


def test_the_page_tells_who_draws_and_that_it_was_too_much(tmp_path: Path) -> None:
    site = Site(tmp_path, orders_at_once=1, orders_per_minute=0.01)
    studio = Studio(site.service.engine, "nano", buckets=site.service.buckets)
    page = Page(studio, Pictures(), (), Uploads(), name_visitor=lambda request: f"address/{request.client.host}")
    site.service.buckets.take("address/192.0.2.1")
    request = Request({"type": "http", "headers": [], "client": ("192.0.2.1", 1)})
    *_, last = page.draw(gr.Request(request), None, "a red car", "nano", 1, 2.0, 1.0, 50, 1.0, 0, 0.0, "", "", "")
    assert "orders a minute" in str(last[page.canvas.status])
    site.close()
