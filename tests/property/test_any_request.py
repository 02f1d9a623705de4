"""Whatever is sent to the API: an answer of its own shape, never a status of 500, and no ticket without an end."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from any_requests import GENERATIONS, METHODS, bodies, describe_fault, header_values, headers, orders, paths, quote_path
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from sites import Site

from dalle_mini.serving.tickets import Ticket

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
    assert not describe_fault(answer), (answer.status_code, answer.text, answer.headers)


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
    path = quote_path(parts, quoted)
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
