"""The page's own events, sent by a script: the same limits as for everybody, and a sentence for whatever makes no
sense."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from doubles import make_tiny_model
from served import PATIENCE, Server

MODEL = "the chosen one"
"""Stands for the one that is chosen on the page."""
FIELDS = [None, "a red car", MODEL, 1, 2.0, 1.0, 50, 1.0, 0, 0.0, "", "", ""]
"""What the page sends to have a picture drawn; the first is of the session, whatever is sent."""
DRAWN = 1
"""Drawings that the tests before the last one order."""
SENSELESS = "This is not what the page sends. Reload it."


class Script:
    """Calls events of the page by their numbers."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        config = client.get("/config").raise_for_status().json()
        self.numbers = {event["api_name"]: event["id"] for event in config["dependencies"]}
        (self.model,) = (part["props"]["value"] for part in config["components"] if part["type"] == "dropdown")

    def draw(self, fields: list[Any], event: str = "draw", **more: Any) -> str:
        """Have it drawn; the last that was told, as text."""
        fields = [self.model if field == MODEL else field for field in fields]
        session = secrets.token_hex(8)
        body = {"data": fields, "fn_index": self.numbers[event], "session_hash": session, **more}
        self.client.post("/gradio_api/queue/join", json=body).raise_for_status()
        with self.client.stream("GET", "/gradio_api/queue/data", params={"session_hash": session}) as events:
            for line in events.iter_lines():
                message = json.loads(line.removeprefix("data: ") or "{}")
                if message.get("msg") == "process_completed":
                    return json.dumps(message["output"], ensure_ascii=False)
        raise AssertionError("no end was told")

    def call(self, name: str, event_data: Any) -> httpx.Response:
        body = {"data": [], "fn_index": self.numbers[name], "session_hash": "s", "event_data": event_data}
        return self.client.post("/gradio_api/run/predict", json=body)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("page")
    server = Server(
        make_tiny_model(folder / "tiny"),
        folder,
        api_keys="secret",
        orders_at_once=str(DRAWN + 3),
        orders_per_minute="0.01",
        max_images="9",
        max_candidates="18",
        max_prompt="100",
        max_body_kilobytes="64",
    )
    yield server
    server.close()


@pytest.fixture(scope="module")
def script(server: Server) -> Iterator[Script]:
    address = server.wait_for(r"http://\S+")[0]
    with httpx.Client(base_url=address, timeout=PATIENCE) as client:
        yield Script(client)


def change(place: int, value: Any) -> list[Any]:
    return [*FIELDS[:place], value, *FIELDS[place + 1 :]]


def test_visitors_draw_without_a_key_and_programs_with_one(script: Script) -> None:
    assert "Drawn in" in script.draw(FIELDS)
    order = script.client.post("/api/v1/generations", json={"prompt": "a red car"})
    assert order.status_code == 401


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (change(11, "x" * 101), "101 characters. Use at most 100."),
        (change(12, "x" * 101), "101 characters. Use at most 100."),
        (change(1, "x" * 101), "The prompt has 101 characters. Use at most 100."),
        (change(3, 10), "Images=10 is too many. This server draws at most 9 at a time."),
        (change(8, 19), "Candidates=19 is too many. This server draws at most 18 to choose from."),
        (change(1, None), "The prompt is empty."),
        (change(10, {}), "is not a seed"),
        (change(10, "9" * 10_000), "is not a seed"),
        (change(2, "/etc"), "is not in the list"),
        (change(2, 7), "is not in the list"),
        (change(3, 1000), "is greater than maximum value"),
        (change(5, -1), "is less than minimum value"),
        (change(3, "nine"), SENSELESS),
        (change(3, None), SENSELESS),
        (change(6, [1]), SENSELESS),
        (FIELDS[:3], SENSELESS),
        ([], SENSELESS),
    ],
)
def test_what_is_too_much_or_makes_no_sense_is_told_in_a_sentence(
    server: Server, script: Script, fields: list[Any], told: str
) -> None:
    assert told in script.draw(fields)
    assert "Traceback" not in server.log


@pytest.mark.parametrize("value", [None, {}, {"value": None}, {"value": -1}, {"value": "x"}, {"value": [{}]}, [1], "x"])
@pytest.mark.parametrize("name", ["keep_seed", "explain", "show_example"])
def test_any_event_is_answered(server: Server, script: Script, name: str, value: Any) -> None:
    assert script.call(name, value).status_code == 200
    assert "Traceback" not in server.log


@pytest.mark.parametrize("value", [None, "x", {}, {"value": {"prompt": 1}}, {"value": {"prompt": "a", "tokens": [[]]}}])
def test_a_brush_that_sends_nonsense_is_answered(server: Server, script: Script, value: Any) -> None:
    assert "Drawn in" not in script.draw(FIELDS[2:], "repaint", event_data=value)
    assert "Traceback" not in server.log


@pytest.mark.parametrize("path", ["call/draw", "call/v2/draw", "call/draw/", "call/draw/1", "run/draw", "api/draw"])
def test_what_gradio_offers_to_programs_is_shut(script: Script, path: str) -> None:
    for answer in (
        script.client.post(f"/gradio_api/{path}", json={"data": FIELDS}),
        script.client.get(f"/gradio_api/{path}"),
    ):
        assert 400 <= answer.status_code < 500 and "event_id" not in answer.text


def test_events_have_the_bodies_of_the_api(script: Script) -> None:
    answer = script.client.post("/gradio_api/queue/join", content=b"x" * 65_537)
    assert answer.status_code == 413


def test_a_script_shares_the_ration_of_its_address(script: Script) -> None:
    """Sessions are free to make up; addresses are not."""
    told = [script.draw(FIELDS) for _ in range(4)]
    assert ["Drawn in" in text for text in told] == [True, True, True, False]
    assert "More than 0.01 orders a minute" in told[-1]
