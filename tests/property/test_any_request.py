"""Whatever is sent to the API: an answer of its own shape, never a status of 500, and no ticket without an end."""

import json
import string
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sites import Site

from dalle_mini.serving.tickets import Ticket

GENERATIONS = "/api/v1/generations"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
STATUSES = {200, 202, 204, 400, 401, 403, 404, 405, 409, 413, 422, 429, 503}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)
fields = ["seed", "guidance_scale", "temperature", "top_k", "top_p", "candidates", "variety", "unknown"]
numbers = st.integers(-(2**40), 2**40) | st.floats() | st.integers(1, 4)
orders = st.fixed_dictionaries(
    {"prompt": st.text(max_size=50) | json_values, "images": st.integers(1, 3)},
    optional={name: numbers | json_values for name in fields} | {"model": st.just("nano") | json_values},
)
header_values = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=40).map(
    lambda text: text.encode("latin-1")
)
headers = st.dictionaries(
    st.sampled_from(
        [
            b"Idempotency-Key",
            b"Prefer",
            b"Delete-Token",
            b"Authorization",
            b"X-Forwarded-For",
            b"Content-Type",
            b"Accept",
        ]
        + [b"Content-Length", b"Range", b"Host", b"Origin", b"Expect", b"Last-Event-ID", b"Cookie"]
    ),
    header_values,
    max_size=4,
)
segments = st.text(max_size=30) | st.sampled_from(["..", ".", "%2e%2e", "a" * 22, "grid.png", "0.webp", "-1.png", "\0"])
paths = st.lists(segments, max_size=4)
bodies = st.binary(max_size=200) | json_values.map(lambda value: json.dumps(value).encode())

many = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    site = Site(tmp_path_factory.mktemp("site"), orders_at_once=10**6, queue_size=4, per_client=4, max_images=2)
    site.model.on_chunk = lambda chunk: None
    yield site
    tickets = [receipt.ticket for receipt in site.service.desk._receipts.values()]
    for ticket in tickets:
        list(ticket.follow())
    assert site.service.engine.count_open() == 0
    site.close()


def require_sense(answer: Any) -> None:
    assert answer.status_code in STATUSES, (answer.status_code, answer.text)
    assert "Traceback" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
    if answer.status_code >= 400 and answer.request.method != "HEAD":
        problem = answer.json()["error"]
        assert problem.keys() == {"type", "message", "hint"} and problem["message"]
    if answer.status_code in (429, 503):
        assert int(answer.headers["retry-after"]) >= 1


@many
@given(order=orders)
def test_any_order(site: Site, order: dict[str, Any]) -> None:
    answer = site.client.post(GENERATIONS, content=json.dumps(order), headers={"Content-Type": "application/json"})
    require_sense(answer)
    event(f"answered with {answer.status_code}")
    if answer.status_code == 202:
        found = site.service.desk.find(answer.json()["id"])
        if isinstance(found, Ticket):
            found.result()
        stored = site.client.get(answer.json()["location"]).json()
        assert stored["state"] == "finished" and stored["result"]["prompt"] == order["prompt"]


@many
@given(path=st.sampled_from([GENERATIONS, "/generate"]), headers=headers, body=bodies)
def test_any_body_with_any_headers(site: Site, path: str, headers: dict[bytes, bytes], body: bytes) -> None:
    headers.pop(b"Content-Length", None)
    require_sense(site.client.post(path, content=body, headers=headers))


@many
@given(length=header_values)
def test_any_announced_length(site: Site, length: bytes) -> None:
    require_sense(site.client.post(GENERATIONS, content=b"{}", headers={b"Content-Length": length}))


@many
@given(method=st.sampled_from(METHODS), parts=paths, headers=headers, quoted=st.booleans())
def test_any_path(site: Site, method: str, parts: list[str], headers: dict[bytes, bytes], quoted: bool) -> None:
    path = quote("/".join(parts), safe="" if quoted else string.punctuation, errors="replace")
    for start in (GENERATIONS, "/api", f"{GENERATIONS}/{'a' * 22}"):
        answer = site.client.request(method, f"{start}/{path}", headers=headers)
        require_sense(answer)
        assert answer.status_code != 200 or path.strip("/").endswith(("models", "docs", "openapi.json"))


@many
@given(query=st.text(max_size=30), wait=header_values)
def test_any_query_and_preference(site: Site, query: str, wait: bytes) -> None:
    body = {"prompt": "a cat", "images": 1}
    headers = {b"Prefer": b"wait=" + wait}
    require_sense(site.client.post(GENERATIONS, params={"wait": query}, json=body, headers=headers))
    require_sense(site.client.post(GENERATIONS, json=body, headers=headers))
