"""Requests of any kind to the API, for Hypothesis, and what is wrong with an answer to one."""

import dataclasses
import json
import string
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

GENERATIONS = "/api/v1/generations"
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW"]
STATUSES = {200, 201, 202, 204, 400, 401, 403, 404, 405, 409, 410, 413, 422, 429, 501, 503}

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


@dataclasses.dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes = b""

    def send(self, client: Any) -> Any:
        return client.request(self.method, self.path, content=self.body, headers=self.headers)


def quote_path(parts: list[str], quoted: bool) -> str:
    return quote("/".join(parts), safe="" if quoted else string.punctuation, errors="replace")


def _without_length(headers: dict[bytes, bytes]) -> dict[bytes, bytes]:
    return {name: value for name, value in headers.items() if name != b"Content-Length"}


_tails = st.builds(quote_path, paths, st.booleans())
_starts = st.sampled_from(
    [GENERATIONS, "/api", "/api/v1/shares", "/g", "/oembed", "/generate", f"{GENERATIONS}/{'a' * 22}", "/metrics", ""]
)
_queries = st.just("") | st.text(max_size=20).map(lambda text: "?" + quote(text, safe="=&", errors="replace"))
_headers = st.builds(_without_length, headers)
_json = st.just({b"Content-Type": b"application/json"})
any_request = (
    st.builds(Request, st.just("POST"), st.just(GENERATIONS), _json, orders.map(lambda it: json.dumps(it).encode()))
    | st.builds(
        Request, st.just("POST"), st.sampled_from([GENERATIONS, "/generate", "/api/v1/shares"]), _headers, bodies
    )
    | st.builds(Request, st.sampled_from(METHODS), st.builds("{}/{}{}".format, _starts, _tails, _queries), _headers)
    | st.builds(Request, st.sampled_from(METHODS), st.builds("{}/{}".format, _starts, _tails), headers, bodies)
)


def batches(count: int) -> st.SearchStrategy[list[Request]]:
    return st.lists(any_request, min_size=count, max_size=count)


def describe_fault(answer: Any) -> str:
    """What is wrong with an answer in a word; empty where nothing is."""
    if answer.status_code >= 500 and answer.status_code not in STATUSES:
        return "server_errors"
    if "Traceback (most recent call last)" in answer.text:
        return "tracebacks"
    if answer.status_code not in STATUSES or answer.headers.get("x-content-type-options") != "nosniff":
        return "misshapen"
    has_problem = answer.status_code >= 400 and answer.request.method != "HEAD"
    if has_problem and answer.headers["content-type"].startswith("application/json"):
        problem = answer.json().get("error", {})
        known = {"type", "message", "hint"}
        if not problem.get("message") or not known <= problem.keys() <= known | {"category"}:
            return "misshapen"
    if answer.status_code in (429, 503) and int(answer.headers.get("retry-after", "0")) < 1:
        return "misshapen"
    return ""
