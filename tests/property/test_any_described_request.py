"""The API against its own description: what may be sent is taken, what may not is refused, and answers look as told."""

from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st
from schemathesis import BaseSchema, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance
from sites import Site

OPERATIONS = [
    ("/api/v1/generations", "POST"),
    ("/api/v1/generations/{id}", "GET"),
    ("/api/v1/generations/{id}", "DELETE"),
    ("/api/v1/generations/{id}/events", "GET"),
    ("/api/v1/generations/{id}/{name}", "GET"),
    ("/api/v1/models", "GET"),
    ("/api/v1/shares", "POST"),
    ("/api/v1/shares/{id}", "DELETE"),
    ("/generate", "POST"),
    ("/oembed", "GET"),
    ("/version", "GET"),
]
EXCUSED = {
    # What no schema can say: names of models, and how two numbers go together.
    400: [positive_data_acceptance],
    # oEmbed's own status for what is not JSON (oembed.com, section 2.3.4), which is described.
    501: [not_a_server_error],
}


@pytest.fixture(scope="module")
def description(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseSchema]:
    site = Site(tmp_path_factory.mktemp("site"), orders_at_once=10**6, queue_size=1000, per_client=1000)
    site.model.on_chunk = lambda chunk: None
    yield schemathesis.openapi.from_asgi("/api/v1/openapi.json", site.app)
    assert site.service.engine.drain(60), "every order ends"
    site.close()


def test_all_operations_are_tried(description: BaseSchema) -> None:
    described = description.raw_schema["paths"].items()
    assert {(path, method.upper()) for path, methods in described for method in methods} == set(OPERATIONS)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
@settings(deadline=None, max_examples=20, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_an_operation_is_as_described(description: BaseSchema, path: str, method: str, data: st.DataObject) -> None:
    operation = description[path][method]
    kinds = [operation.as_strategy(generation_mode=mode) for mode in GenerationMode]
    case = data.draw(st.one_of(kinds))
    answer = case.call()
    case.validate_response(answer, excluded_checks=EXCUSED.get(answer.status_code, []))
    event(f"{method} {path}: {answer.status_code}")
