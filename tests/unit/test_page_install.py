"""The page as an app, under any path: manifest, worker, the page for the time without a server; and its style chips."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from PIL import Image
from sites import Site
from starlette.testclient import TestClient

from dalle_mini.serving.limits import SecurityHeaders
from dalle_mini.serving.shelf import read_styles
from dalle_mini.text.lexicon import Lexicon
from dalle_mini.version import __version__
from dalle_mini.web.app import build_routes
from dalle_mini.web.install import ICONS
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.styles import render_styles
from dalle_mini.web.uploads import Uploads
from dalle_mini.web.words import read_words

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """The page in a folder of a host."""
    site = Site(tmp_path_factory.mktemp("page-install"))
    host = FastAPI()
    host.mount("/draw", build_routes(site.service, Pictures(), Uploads()))
    yield TestClient(SecurityHeaders(host, "'self'"), base_url="http://host.example")
    site.close()


def test_the_manifest_is_complete_and_relative(client: TestClient) -> None:
    answer = client.get("/draw/manifest.json", headers={"Accept-Language": "es"})
    assert answer.headers["content-type"] == "application/manifest+json"
    assert answer.headers["vary"] == "Accept-Language" and answer.headers["cache-control"] == "no-cache"
    manifest = answer.json()
    assert (manifest["start_url"], manifest["scope"], manifest["display"]) == ("./", "./", "standalone")
    assert manifest["lang"] == "es" and manifest["description"] == read_words()["es"]("header.lead")
    for icon in manifest["icons"]:
        found = client.get(f"/draw/{icon['src']}")
        assert found.headers["content-type"] == icon["type"]
        with Image.open(ICONS / Path(icon["src"]).name) as picture:
            assert "x".join(map(str, picture.size)) == icon["sizes"]
    assert {icon["purpose"] for icon in manifest["icons"]} == {"any", "maskable"}


def test_the_worker_is_asked_for_again_and_may_run(client: TestClient) -> None:
    answer = client.get("/draw/worker.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cache-control"] == "no-cache" and __version__ in answer.text
    policy = answer.headers["content-security-policy"]
    assert "worker-src 'self'" in policy and "default-src 'self'" in policy


@pytest.mark.parametrize("language", sorted(read_words()))
def test_the_page_for_the_time_without_a_server_asks_for_nothing(client: TestClient, language: str) -> None:
    text = client.get("/draw/offline.html", headers={"Accept-Language": language}).text
    assert read_words()[language]("offline.title") in text and f'lang="{language}"' in text
    assert not [asked for asked in ("src=", "url(", "http", "<script", "<link") if asked in text]


def test_styles_are_those_of_the_release_and_each_is_read_as_one() -> None:
    styles = read_styles("nano")
    lexicon = Lexicon.from_file(ROOT / "assets" / "nano" / "lexicon.tsv")
    assert {"oil painting", "pixel art", "thermal image"} <= set(styles) and list(styles) == sorted(styles)
    meant = [lexicon.read(f"a cat, {style}").labels["style"] for style in styles]
    assert len(set(meant)) == len(styles) == 14


def test_a_release_that_does_not_say_has_no_chips() -> None:
    assert read_styles("mini") == () == read_styles("nobody")
    assert "button" not in render_styles(read_words()["en"], "mini")


def test_chips_are_buttons_that_are_not_pressed() -> None:
    html = render_styles(read_words()["en"], "nano")
    assert html.count('aria-pressed="false"') == 14 and html.count("<button") == 15
