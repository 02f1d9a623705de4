"""Shared pages over HTTP, read as a crawler does: no script, only what stands in the answer."""

import io
import logging
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from pages import Page
from PIL import Image
from shared import PROMPT, publish
from sites import Site

from dalle_mini.recipe import Recipe
from dalle_mini.serving.share_page import Place, write_notice, write_page
from dalle_mini.serving.shares import Choices, Share

SHARES = "/api/v1/shares"
BASE = "http://testserver"
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg onload=alert(1)>",
    "</title></head><body onload=alert(1)>",
    "</style><script>alert(1)</script>",
    "</h1><form action=https://evil.example>",
    "javascript:alert(1)",
    "&lt;script&gt; &#60;script&#62; &amp;amp;",
    "<!-- --!><script>",
    "{{7*7}} ${7*7} <%= 7*7 %>",
    "a\0b\x1bc\r\nSet-Cookie: a=b",
    "\u202egnp.exe \u2066x\u2028y",
    "<a href='data:text/html,<script>alert(1)</script>'>",
    "]]><![CDATA[<script>",
    "`'\"=<>/ onmouseover=alert(1) ",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"), share_days=30, reports_to_hide=2)
    site.gate.open()
    yield site
    site.close()


@pytest.fixture(scope="module")
def drawing(site: Site) -> dict[str, Any]:
    return site.order(PROMPT, params={"wait": 60}, seed=7, images=4).json()


def share_drawing(site: Site, drawing: dict[str, Any], **choices: Any) -> Any:
    body = {"generation": drawing["id"], **choices}
    return site.client.post(SHARES, json=body, headers={"Delete-Token": drawing["delete_token"]})


def read_tags(page: Page) -> dict[str, str]:
    """Open Graph's and Twitter's tags and their like, each of which must be there once."""
    tags = [
        (meta.get("property") or meta.get("name"), meta["content"]) for meta in page.named("meta") if "content" in meta
    ]
    named = {name: content for name, content in tags if name and content is not None}
    assert len(named) == len(tags)
    return named


def require_page(answer: Any, status: int = 200) -> Page:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy and "script-src" not in policy
    page = Page(answer.text)
    assert not page.named("script") and not [name for _, all in page.found for name in all if name.startswith("on")]
    assert page.named("html") == [{"lang": "en"}] and len(page.named("h1")) == len(page.named("main")) == 1
    return page


# Sharing.


def test_a_drawing_is_shared_looked_at_and_deleted(site: Site, drawing: dict[str, Any]) -> None:
    answer = share_drawing(site, drawing, noindex=False, days=1)
    assert answer.status_code == 201, answer.text
    shared = answer.json()
    assert answer.headers["location"] == shared["url"] == f"{BASE}/g/{shared['id']}"
    assert shared["id"] != drawing["id"]
    page = require_page(site.client.get(shared["url"]))
    tags = read_tags(page)
    assert tags["og:url"] == shared["url"] and "robots" not in tags
    (image,) = page.named("img")
    assert PROMPT in (image["alt"] or "") and image["src"]
    grid = site.client.get(urljoin(shared["url"], image["src"]))
    size = Image.open(io.BytesIO(grid.content)).size
    assert size == (int(image["width"] or 0), int(image["height"] or 0)) == (520, 520)
    remix = next(link["href"] or "" for link in page.named("a") if "v=1" in (link["href"] or ""))
    recipe = Recipe.from_query(urlsplit(urljoin(shared["url"], remix)).query)
    assert (recipe.prompt, recipe.seed, recipe.settings.images) == (PROMPT, 7, 4)
    assert recipe.settings.to_dict() == drawing["result"]["settings"]
    assert site.client.delete(f"{SHARES}/{shared['id']}").status_code == 403
    headers = {"Delete-Token": shared["delete_token"]}
    assert site.client.delete(f"{SHARES}/{shared['id']}", headers=headers).status_code == 204
    assert site.client.delete(f"{SHARES}/{shared['id']}", headers=headers).status_code == 410
    assert require_page(site.client.get(shared["url"]), 410)
    assert site.client.get(drawing["location"]).status_code == 200


def test_only_the_author_shares_and_only_what_is_finished(site: Site, drawing: dict[str, Any]) -> None:
    for token in ("", "wrong"):
        assert share_drawing(site, drawing | {"delete_token": token}).status_code == 403
    assert share_drawing(site, drawing | {"id": "a" * 22}).status_code == 404
    assert share_drawing(site, drawing | {"id": "../x"}).status_code == 404
    for choices in ({"days": 31}, {"days": 0}, {"noindex": "yes"}, {"expires": 5}):
        assert share_drawing(site, drawing, **choices).status_code in (400, 422)


def test_a_drawing_under_way_is_not_shared(tmp_path: Path) -> None:
    site = Site(tmp_path)
    order = site.order(PROMPT).json()
    assert share_drawing(site, order).status_code == 409
    site.close()


def test_keys_close_sharing_but_not_the_pages(tmp_path: Path) -> None:
    site = Site(tmp_path, api_keys=("secret",))
    share, _ = publish(site.service.shares)
    assert site.client.post(SHARES, json={"generation": "a" * 22}).status_code == 401
    assert site.client.delete(f"{SHARES}/{share.id}").status_code == 401
    require_page(site.client.get(f"/g/{share.id}"))
    assert site.client.get("/oembed", params={"url": f"{BASE}/g/{share.id}"}).status_code == 200
    assert site.client.post(f"/g/{share.id}/report", data={"reason": "other"}).status_code == 200
    site.close()


# What crawlers read.


def test_tags_tell_other_sites_all_they_ask_for(site: Site) -> None:
    share, _ = publish(site.service.shares, choices=Choices(noindex=False))
    answer = site.client.get(f"/g/{share.id}")
    tags = read_tags(require_page(answer))
    address, card = f"{BASE}/g/{share.id}", f"{BASE}/g/{share.id}/card.png"
    assert tags["og:type"] == "website" and tags["og:site_name"] == "DALL·E mini"
    assert tags["og:title"] == tags["twitter:title"] == f"“{PROMPT}”"
    assert tags["og:url"] == address and tags["og:image"] == tags["twitter:image"] == card
    assert tags["twitter:card"] == "summary_large_image"
    assert tags["og:description"] == tags["twitter:description"] == tags["description"]
    assert PROMPT in tags["og:image:alt"] and PROMPT in tags["twitter:image:alt"]
    picture = site.client.get(card)
    assert picture.headers["content-type"] == tags["og:image:type"] == "image/png"
    size = Image.open(io.BytesIO(picture.content)).size
    assert size == (int(tags["og:image:width"]), int(tags["og:image:height"])) == (1200, 630)
    assert "x-robots-tag" not in answer.headers and "x-robots-tag" not in picture.headers
    links = {link["rel"]: link for link in Page(answer.text).named("link")}
    assert links["canonical"]["href"] == address
    alternate = links["alternate"]
    assert alternate["type"] == "application/json+oembed"
    told = site.client.get(alternate["href"] or "").json()
    assert told["version"] == "1.0" and told["type"] == "photo" and told["title"] == f"“{PROMPT}”"
    photo = Image.open(io.BytesIO(site.client.get(told["url"]).content))
    assert photo.size == (told["width"], told["height"])


def test_noindex_is_said_by_tags_and_headers(site: Site) -> None:
    share, _ = publish(site.service.shares, choices=Choices(noindex=True))
    answer = site.client.get(f"/g/{share.id}")
    assert read_tags(require_page(answer))["robots"] == answer.headers["x-robots-tag"] == "noindex"
    for name in ("card.png", "grid.png", "grid.webp", "classic.png"):
        assert site.client.get(f"/g/{share.id}/{name}").headers["x-robots-tag"] == "noindex"


def test_a_kept_prompt_is_nowhere(site: Site) -> None:
    share, _ = publish(site.service.shares, "an unspeakable thing", Choices(show_prompt=False))
    page = site.client.get(f"/g/{share.id}")
    oembed = site.client.get("/oembed", params={"url": f"{BASE}/g/{share.id}"})
    texts = [page.text, oembed.text, str(page.headers), str(oembed.headers)]
    assert not [text for text in texts if "unspeakable" in text or "v=1" in text]
    assert read_tags(require_page(page))["og:title"] == "Nine pictures"
    assert site.client.get(f"/g/{share.id}/classic.png").status_code == 404
    assert "classic.png" not in page.text


def test_everything_that_a_page_leads_to_is_there(site: Site) -> None:
    share, _ = publish(site.service.shares)
    page = require_page(site.client.get(f"/g/{share.id}"))
    downloads = {link["href"]: link["download"] for link in page.named("a") if "download" in link}
    assert len(downloads) == 4
    for address, name in downloads.items():
        assert site.client.get(urljoin(f"/g/{share.id}", address)).status_code == 200
        assert name and re.fullmatch(r"dalle-mini-[\w-]+\.(png|webp)", name)
    assert {form["method"] for form in page.named("form")} == {"post"}
    assert site.client.head(f"/g/{share.id}").status_code == 200
    labeled = {label.get("for") for label in page.named("label")}
    assert {field["id"] for field in page.named("input") if field["type"] == "text"} <= labeled


@pytest.mark.parametrize(
    "params, status",
    [
        ({"url": "https://evil.example/g/{id}"}, 404),
        ({"url": "{base}/g/{id}/../x"}, 404),
        ({"url": "{base}/x/{id}"}, 404),
        ({"url": "{base}.evil.example/g/{id}"}, 404),
        ({"url": "{base}/g/" + "a" * 22}, 404),
        ({"url": "{base}/g/{id}", "format": "xml"}, 501),
        ({"url": "{base}/g/{id}", "maxwidth": "x"}, 422),
        ({"url": "{base}/g/{id}", "maxwidth": "0"}, 422),
        ({"url": "x" * 3000}, 422),
        ({}, 422),
        ({"url": "{base}/g/{id}?utm_source=x#y"}, 200),
    ],
)
def test_oembed_tells_of_this_sites_pages_only(site: Site, params: dict[str, str], status: int) -> None:
    share, _ = publish(site.service.shares)
    filled = {name: value.replace("{base}", BASE).replace("{id}", share.id) for name, value in params.items()}
    answer = site.client.get("/oembed", params=filled)
    assert answer.status_code == status and (status == 200 or answer.json().keys() == {"error"})


@pytest.mark.parametrize("most, kind", [((784, 784), "photo"), ((783, 9999), "link"), ((9999, 100), "link")])
def test_oembed_offers_nothing_larger_than_asked_for(site: Site, most: tuple[int, int], kind: str) -> None:
    share, _ = publish(site.service.shares)
    params = {"url": f"{BASE}/g/{share.id}", "maxwidth": most[0], "maxheight": most[1]}
    told = site.client.get("/oembed", params=params).json()
    assert told["type"] == kind
    for side, limit in zip(("width", "height"), most, strict=True):
        assert told.get(side, 0) <= limit and told.get(f"thumbnail_{side}", 0) <= limit


def test_links_have_the_address_that_was_set_and_frames_are_those_that_may(tmp_path: Path) -> None:
    site = Site(tmp_path, base_url="https://draw.example/mini/", framed_by="https://frame.example")
    share, _ = publish(site.service.shares)
    policy = site.client.get(f"/g/{share.id}").headers["content-security-policy"]
    assert policy.endswith("frame-ancestors https://frame.example")
    tags = read_tags(require_page(site.client.get(f"/g/{share.id}")))
    assert tags["og:url"] == f"https://draw.example/mini/g/{share.id}"
    assert tags["og:image"].startswith("https://draw.example/mini/g/")
    site.close()


# Hostile text.


@pytest.mark.parametrize("prompt", HOSTILE)
def test_no_prompt_becomes_markup(prompt: str) -> None:
    share = Share("a" * 22, 0, 1e9, True, 9, 784, 784, Recipe("nano", prompt, 7))
    plain = Share("a" * 22, 0, 1e9, True, 9, 784, 784, Recipe("nano", "a cat", 7))
    place = Place("https://a.example", "../")
    page, usual = Page(write_page(share, place)), Page(write_page(plain, place))
    assert [tag for tag, _ in page.found] == [tag for tag, _ in usual.found]
    assert [attributes.keys() for _, attributes in page.found] == [attributes.keys() for _, attributes in usual.found]
    for tag, attributes in page.found:
        for name in ("href", "src", "action"):
            assert (attributes.get(name) or "../").startswith(("../", "https://a.example/")), (tag, attributes)
    remix = next(link["href"] or "" for link in page.named("a") if "v=1" in (link["href"] or ""))
    assert Recipe.from_query(urlsplit(remix).query) == share.recipe
    (heading,) = re.findall(r"<h1[^>]*>(.*?)</h1>", page.text, re.DOTALL)
    assert unescape(heading).split() == re.sub(r"[\0-\x1f\x7f-\x9f]", " ", prompt).split()


@pytest.mark.parametrize("text", HOSTILE)
def test_no_name_becomes_markup(site: Site, text: str) -> None:
    recipe = Recipe(text[:200], "a cat", 7)
    share = Share("a" * 22, 0, 1e9, True, 9, 784, 784, recipe)
    usual = Page(write_notice("a", "b", "../", back="../g/x"))
    page = Page(write_notice(text, text, "../", back=f"../g/{text}"))
    assert [tag for tag, _ in page.found] == [tag for tag, _ in usual.found]
    assert not Page(write_page(share, Place("https://a.example", "../"))).named("script")


@pytest.mark.parametrize("text", HOSTILE)
def test_no_id_token_or_file_name_comes_back(site: Site, text: str) -> None:
    share, _ = publish(site.service.shares)
    answers = [
        (site.client.get("/g/" + _quote(text)), 404),
        (site.client.get(f"/g/{share.id}/" + _quote(text)), 404),
        (site.client.post(f"/g/{share.id}/delete", data={"token": text}), 403),
        (site.client.post("/g/" + _quote(text) + "/delete", data={"token": text}), 404),
    ]
    for answer, status in answers:
        page = require_page(answer, status)
        assert not page.named("svg") and not page.named("img") and "alert(1)" not in answer.text
        assert "set-cookie" not in answer.headers


def _quote(text: str) -> str:
    return "".join(f"%{byte:02x}" for byte in text.encode())


# Forms.


def test_the_forms_report_and_delete(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dalle_mini")
    share, token = publish(site.service.shares, "an unspeakable thing")
    page = require_page(site.client.get(f"/g/{share.id}"))
    report, delete = (urljoin(f"/g/{share.id}", form["action"]) for form in page.named("form"))
    reasons = {field["value"] for field in page.named("input") if field["type"] == "radio"}
    for reason in ("violent", "other"):
        assert reason in reasons
        require_page(site.client.post(report, data={"reason": reason}))
    require_page(site.client.post(report, data={"reason": "ugly"}), 400)
    require_page(site.client.post(report), 400)
    require_page(site.client.get(f"/g/{share.id}"))  # one visitor alone hides nothing
    wrong = require_page(site.client.post(delete, data={"token": "wrong"}), 403)
    assert f"../../g/{share.id}" in {link["href"] for link in wrong.named("a")}
    require_page(site.client.post(delete, data={"token": f" {token}\n"}))
    for path in ("", "/card.png", "/grid.png"):
        require_page(site.client.get(f"/g/{share.id}{path}"), 410)
    assert not [word for word in ("unspeakable", share.id, token) if word in caplog.text]


def test_enough_reports_hide_a_page_and_its_pictures(tmp_path: Path) -> None:
    site = Site(tmp_path, reports_to_hide=2, trusted_proxies=1)
    share, _ = publish(site.service.shares)
    for number in range(2):
        require_page(site.client.get(f"/g/{share.id}"))
        headers = {"X-Forwarded-For": f"10.0.0.{number}"}
        site.client.post(f"/g/{share.id}/report", data={"reason": "other"}, headers=headers)
    for path in ("", "/card.png", "/grid.webp"):
        require_page(site.client.get(f"/g/{share.id}{path}"), 404)
    assert site.client.get("/oembed", params={"url": f"{BASE}/g/{share.id}"}).status_code == 404
    site.close()


def test_other_sites_cannot_send_the_forms(site: Site) -> None:
    share, token = publish(site.service.shares)
    for sender in ("cross-site", "same-site"):
        headers = {"Sec-Fetch-Site": sender}
        for form, data in (("report", {"reason": "other"}), ("delete", {"token": token})):
            require_page(site.client.post(f"/g/{share.id}/{form}", data=data, headers=headers), 403)
    assert site.service.shares.reports.count(share.id) == 0
    require_page(site.client.get(f"/g/{share.id}"))


def test_too_many_reports_have_to_wait(site: Site) -> None:
    share, _ = publish(site.service.shares)
    answers = [site.client.post(f"/g/{share.id}/report", data={"reason": "other"}) for _ in range(20)]
    assert answers[-1].status_code == 429 and int(answers[-1].headers["retry-after"]) >= 1
    require_page(answers[-1], 429)


# What is not there.


@pytest.mark.parametrize("path", ["/g", "/g/", "/g/x", "/g/x/y", "/g/x/y/z", "/g/a%2fb", "/g/%00", f"/g/{'a' * 22}/"])
def test_what_is_not_there_is_told_on_a_page_that_leads_home(site: Site, path: str) -> None:
    answer = site.client.get(path)
    page = require_page(answer, 404)
    assert answer.headers["x-robots-tag"] == "noindex"
    for link in page.named("a"):
        assert urljoin(f"{BASE}{path}", link["href"]) == f"{BASE}/"


def test_a_page_whose_files_were_not_finished_is_none(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, "rename", stop)
        patch.setattr("dalle_mini.serving.shares.secrets.token_urlsafe", lambda size: "h" * 22)
        publish(site.service.shares)
    for path in ("", "/card.png", "/grid.png"):
        require_page(site.client.get(f"/g/{'h' * 22}{path}"), 404)


def test_the_description_for_programs_tells_of_sharing(site: Site) -> None:
    description = site.client.get("/api/v1/openapi.json").json()
    assert {SHARES, f"{SHARES}/{{id}}", "/oembed"} <= description["paths"].keys()
    assert not [path for path in description["paths"] if path.startswith("/g/")]
    days = description["components"]["schemas"]["ShareRequest"]["properties"]["days"]
    assert days["anyOf"][0]["maximum"] == 30


def test_a_query_is_no_part_of_a_page(site: Site) -> None:
    share, _ = publish(site.service.shares)
    plain = site.client.get(f"/g/{share.id}")
    assert site.client.get(f"/g/{share.id}", params={"<script>": "alert(1)"}).text == plain.text
    assert parse_qs(urlsplit(Page(plain.text).named("link")[1]["href"] or "").query) == {
        "url": [f"{BASE}/g/{share.id}"]
    }
