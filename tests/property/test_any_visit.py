"""Whatever is asked of shared pages: a page in words, never a status of 500, and never what was not shared."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from pages import Page
from shared import publish
from sites import Site

from dalle_mini.serving.limits import is_ours
from dalle_mini.serving.share_page import Place, write_page
from dalle_mini.serving.shares import Share

STATUSES = {200, 400, 403, 404, 405, 410, 413, 422, 429, 501}
NAMES = ["grid.png", "grid.webp", "card.png", "classic.png"]

texts = st.text(max_size=40) | st.sampled_from(
    ["..", ".", "../reports.sqlite", "drawings.sqlite", "..%2f..", "a" * 22, "a" * 21 + "\n", "grid.png\0", "report"]
)
headers = st.dictionaries(
    st.sampled_from(
        [b"Host", b"X-Forwarded-Host", b"X-Forwarded-Proto", b"Sec-Fetch-Site", b"Origin", b"Content-Type"]
    ),
    st.binary(max_size=40).map(lambda value: value.translate(None, b"\0\r\n")),
    max_size=3,
)
many = settings(deadline=None, max_examples=120, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"), reports_to_hide=10**6, trusted_proxies=1)
    yield site
    site.close()


@pytest.fixture(scope="module")
def share(site: Site) -> Share:
    return publish(site.service.shares)[0]


def require_sense(answer: Any) -> None:
    assert answer.status_code in STATUSES, (answer.status_code, answer.text)
    assert "Traceback" not in answer.text and "default-src 'none'" in answer.headers["content-security-policy"]
    if answer.headers.get("content-type", "").startswith("text/html") and answer.request.method != "HEAD":
        assert not Page(answer.text).named("script")


@many
@given(parts=st.lists(texts, max_size=3), method=st.sampled_from(["GET", "HEAD", "POST", "PUT"]), headers=headers)
def test_any_path(site: Site, share: Share, parts: list[str], method: str, headers: dict[bytes, bytes]) -> None:
    for start in ("/g", f"/g/{share.id}"):
        path = "/".join([start, *(quote(part, safe="", errors="replace") for part in parts)])
        answer = site.client.request(method, path, headers=headers)
        asked = answer.request.url.path
        assume(is_ours(asked))  # the client takes dots out
        require_sense(answer)
        if answer.status_code == 200:
            assert asked in (f"/g/{share.id}", *(f"/g/{share.id}/{name}" for name in NAMES))


@many
@given(
    fields=st.dictionaries(st.sampled_from(["reason", "token"]) | texts, texts, max_size=4), raw=st.binary(max_size=60)
)
def test_any_form(site: Site, share: Share, fields: dict[str, str], raw: bytes) -> None:
    content = urlencode({name.encode(errors="replace"): fields[name].encode(errors="replace") for name in fields})
    for form in ("report", "delete"):
        for body in (content.encode(), raw, content.encode() + b"&" + raw):
            answer = site.client.post(f"/g/{share.id}/{form}", content=body)
            require_sense(answer)
            assert answer.status_code != 200
    assert site.client.get(f"/g/{share.id}").status_code == 200


@many
@given(token=st.binary(max_size=40).map(lambda value: value.translate(None, b"\0\r\n")))
def test_any_token(site: Site, share: Share, token: bytes) -> None:
    answer = site.client.delete(f"/api/v1/shares/{share.id}", headers={b"Delete-Token": token})
    assert answer.status_code == 403


@many
@given(url=texts, most=texts, headers=headers)
def test_any_embedding(site: Site, share: Share, url: str, most: str, headers: dict[bytes, bytes]) -> None:
    for address in (url, f"http://testserver/g/{url}", f"http://testserver/g/{share.id}{url}"):
        params = {"url": address.encode(errors="replace"), "maxwidth": most.encode(errors="replace")}
        require_sense(site.client.get("/oembed", params=params, headers=headers))


@many
@given(base=st.sampled_from(["https://a.example", "http://[::1]:7860/x"]), depth=st.integers(0, 4))
def test_a_page_leads_to_its_own_site_only(share: Share, base: str, depth: int) -> None:
    page = Page(write_page(share, Place(base, "../" * depth)))
    for _, attributes in page.found:
        for name in ("href", "src", "action"):
            value = attributes.get(name)
            assert value is None or value.startswith((base, "../" * depth, "?", "g/"))
