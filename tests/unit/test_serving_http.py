"""The API over ASGI with cheap models: what it answers, and that every mistake is answered in one shape."""

import base64
import dataclasses
import errno
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from quick_models import QuickModel
from sites import Site

import dalle_mini
from dalle_mini.config import GenerationConfig
from dalle_mini.errors import DataError
from dalle_mini.grid import read_recipe
from dalle_mini.pipeline import image_seeds
from dalle_mini.serving.desk import describe
from dalle_mini.serving.schemas import GenerationRequest, describe_record
from dalle_mini.serving.service import Service
from dalle_mini.serving.store import Record
from dalle_mini.serving.tickets import Ticket

PROMPT = "a red car, ä 🐱 <b>"
GENERATIONS = "/api/v1/generations"
WAIT = {"wait": 60}


@pytest.fixture
def open_site(tmp_path: Path) -> Iterator[Callable[..., Site]]:
    sites: list[Site] = []

    def open_site(**settings: Any) -> Site:
        sites.append(Site(tmp_path / str(len(sites)), **settings))
        return sites[-1]

    yield open_site
    for site in sites:
        site.close()


@pytest.fixture
def site(open_site: Callable[..., Site]) -> Site:
    return open_site()


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site for tests that leave nothing behind."""
    site = Site(tmp_path_factory.mktemp("quiet"), per_client=1000, queue_size=1000)
    yield site
    site.close()


def require_problem(answer: Any, status: int, type: str, message: str = "") -> dict[str, str]:
    assert answer.status_code == status, answer.text
    assert answer.json().keys() == {"error"}
    problem = answer.json()["error"]
    assert problem.keys() == {"type", "message", "hint"}
    assert problem["type"] == type and re.search(message, problem["message"]), problem
    return problem


# Orders.


def test_an_order_is_drawn_watched_fetched_and_deleted(site: Site, tmp_path: Path) -> None:
    answer = site.order(PROMPT, images=2, seed=7)
    assert answer.status_code == 202
    order = answer.json()
    assert order["state"] in ("waiting", "preparing", "drawing") and order["delete_token"]
    assert answer.headers["location"] == order["location"] == f"{GENERATIONS}/{order['id']}"
    require_problem(site.client.get(f"{order['location']}/grid.png"), 404, "NotFound", "no such picture")
    site.gate.open()
    site.finish(order["id"])
    found = site.client.get(order["location"]).json()
    assert found["state"] == "finished" and "delete_token" not in found
    result = found["result"]
    assert (result["prompt"], result["model"], result["seed"]) == (PROMPT, "nano", 7)
    assert [picture["seed"] for picture in result["images"]] == list(image_seeds(7, 2))
    assert found["expires"] > found["created"] > 1e9
    for file, recipe in [(result["png"], result["recipe"]), (result["images"][1]["png"], None)]:
        (tmp_path / "picture.png").write_bytes(site.client.get(file).content)
        read = read_recipe(tmp_path / "picture.png")
        assert read == recipe if recipe else read["seed"] == result["images"][1]["seed"]
    for file in (result["webp"], result["images"][0]["webp"]):
        answer = site.client.get(file)
        assert answer.headers["content-type"] == "image/webp" and "immutable" in answer.headers["cache-control"]
        Image.open(io.BytesIO(answer.content)).load()
    for token in ("", "wrong", "ä"):
        headers = {b"Delete-Token": token.encode()}
        require_problem(site.client.delete(order["location"], headers=headers), 403, "Forbidden")
    headers = {"Delete-Token": order["delete_token"]}
    assert site.client.delete(order["location"], headers=headers).status_code == 204
    require_problem(site.client.get(order["location"]), 404, "NotFound")
    require_problem(site.client.get(result["png"]), 404, "NotFound")


@pytest.mark.parametrize("options", [{"params": WAIT}, {"headers": {"Prefer": "respond-async, wait=60"}}])
def test_one_may_wait_for_the_pictures(site: Site, options: dict[str, Any]) -> None:
    site.gate.open()
    answer = site.order(PROMPT, **options)
    assert answer.status_code == 200 and len(answer.json()["result"]["images"]) == 9


def test_waiting_has_an_end(site: Site) -> None:
    answer = site.order(PROMPT, params={"wait": 0.05})
    assert answer.status_code == 202 and answer.json()["state"] in ("waiting", "drawing")


def test_settings_are_the_models_own_unless_given(site: Site) -> None:
    site.gate.open()
    models = site.client.get("/api/v1/models").json()
    nano = models["models"][0]
    assert models["default"] == nano["name"] == "nano" and nano["here"] and nano["loaded"]
    mini = next(model for model in models["models"] if model["name"] == "mini")
    assert not mini["loaded"]
    settings = site.order(PROMPT, params=WAIT, images=4, top_k=0, temperature=2).json()["result"]["settings"]
    assert settings == nano["defaults"] | {"images": 4, "candidates": 4, "top_k": 0, "temperature": 2.0}


def test_every_setting_can_be_ordered() -> None:
    given = GenerationRequest(
        prompt="a cat", images=1, guidance_scale=2, temperature=3, top_k=4, top_p=0.5, candidates=6, variety=0.7
    )
    assert given.settings(GenerationConfig()) == GenerationConfig(1, 2.0, 3.0, 4, 0.5, 6, 0.7)
    assert set(GenerationConfig().to_dict()) < set(GenerationRequest.model_fields)


def test_marks_are_told_where_there_are_any() -> None:
    *_, last = QuickModel().draw("a cat", GenerationConfig(images=2, candidates=3), seed=1)
    assert last.result
    marks = np.array([np.nan, 0.25, 0.5], np.float32)
    candidates = dataclasses.replace(last.result.candidates, marks=marks, shown=(2, 0))
    told = json.loads(json.dumps(describe(dataclasses.replace(last.result, candidates=candidates))))
    result = describe_record(Record("a" * 22, 0, 1, told)).result
    assert result and [picture.mark for picture in result.images] == [0.5, None]
    assert [picture.seed for picture in result.images] == [image_seeds(1, 3)[2], 1]


@pytest.mark.parametrize(
    "body, message",
    [
        ({}, "prompt: Field required"),
        ({"prompt": ""}, "prompt: "),
        ({"prompt": " \t\n"}, "prompt: "),
        ({"prompt": 5}, "prompt: Input should be a valid string"),
        ({"prompt": None}, "prompt: "),
        ({"prompt": "\ud800"}, "prompt: "),
        ({"prompt": "a cat", "images": 0}, "images: "),
        ({"prompt": "a cat", "images": "9"}, "images: Input should be a valid integer"),
        ({"prompt": "a cat", "images": 10**30}, "images: "),
        ({"prompt": "a cat", "images": 1.5}, "images: "),
        ({"prompt": "a cat", "seed": -1}, "seed: "),
        ({"prompt": "a cat", "seed": True}, "seed: "),
        ({"prompt": "a cat", "top_p": 0}, "top_p: "),
        ({"prompt": "a cat", "temperature": float("nan")}, "temperature: "),
        ({"prompt": "a cat", "guidance_scale": float("inf")}, "guidance_scale: "),
        ({"prompt": "a cat", "pictures": 3}, "pictures: Extra inputs"),
        ([], "body: "),
        ("a cat", "body: "),
    ],
)
def test_bad_orders_are_refused_in_words(quiet: Site, body: Any, message: str) -> None:
    content = json.dumps(body).encode()
    answer = quiet.client.post(GENERATIONS, content=content, headers={"Content-Type": "application/json"})
    problem = require_problem(answer, 422, "BadRequest", f"^{message}")
    assert "docs" in problem["hint"]


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"9" * 5000, b'{"prompt": "a cat"} x'])
def test_what_is_no_json_is_refused(quiet: Site, content: bytes) -> None:
    answer = quiet.client.post(GENERATIONS, content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422)
    require_problem(answer, answer.status_code, "BadRequest")


@pytest.mark.parametrize("name", ["mini", "nanoo", "./assets/nano", "/", "some/body", "..", "x" * 5000, ""])
def test_only_models_of_the_list_are_drawn_with(quiet: Site, name: str) -> None:
    if name:
        require_problem(quiet.order(PROMPT, model=name), 400, "ConfigError", "model")
    else:
        assert quiet.order(PROMPT, model=name).status_code == 202


def test_limits_of_the_server_are_told(open_site: Callable[..., Site]) -> None:
    site = open_site(max_prompt=10, max_images=4)
    require_problem(site.order("a" * 11), 422, "PromptError", "11 characters")
    require_problem(site.order("a cat", images=5), 400, "ConfigError", "images=5")
    require_problem(site.order("a cat", images=3, candidates=2), 400, "ConfigError", "candidates=2")
    require_problem(site.order("a cat", candidates=145), 400, "ConfigError", "candidates=145")
    site.gate.open()
    assert len(site.order("a cat", params=WAIT).json()["result"]["images"]) == 4
    fields = site.client.get("/api/v1/openapi.json").json()["components"]["schemas"]["GenerationRequest"]["properties"]
    assert fields["prompt"]["maxLength"] == 10 and fields["images"]["anyOf"][0] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 4,
    }


# Crowds.


def test_a_crowd_is_told_when_to_come_back(open_site: Callable[..., Site]) -> None:
    site = open_site(per_client=2)
    assert [site.order(PROMPT).status_code for _ in range(3)] == [202, 202, 429]
    answer = site.order(PROMPT)
    require_problem(answer, 429, "Overloaded", "2 drawings of yours")
    assert int(answer.headers["retry-after"]) >= 1
    answer = site.client.post("/generate", json={"prompt": PROMPT})
    require_problem(answer, 429, "Overloaded")


def test_orders_are_rationed_by_address(open_site: Callable[..., Site]) -> None:
    site = open_site(orders_at_once=2, orders_per_minute=1, trusted_proxies=1)
    mine, other = ({"X-Forwarded-For": f"6.6.6.6, 10.0.0.{number}"} for number in (1, 2))
    assert [site.order(PROMPT, headers=mine).status_code for _ in range(3)] == [202, 202, 429]
    assert site.order(PROMPT, headers=other).status_code == 202
    assert 0 < int(site.order(PROMPT, headers=mine).headers["retry-after"]) <= 60


def test_a_stopping_server_takes_no_orders(site: Site) -> None:
    site.gate.open()
    assert site.service.engine.drain(10)
    answer = site.order(PROMPT)
    require_problem(answer, 503, "Closing")
    assert answer.headers["retry-after"]
    require_problem(site.client.get("/readyz"), 503, "NotReady", "being stopped")
    assert site.client.get("/livez").text == "alive\n"


def test_the_same_key_is_the_same_drawing(site: Site) -> None:
    key = {"Idempotency-Key": "one"}
    first = site.order(PROMPT, seed=3, headers=key).json()
    assert site.order(PROMPT, seed=3, headers=key).json()["id"] == first["id"]
    require_problem(site.order(PROMPT, seed=4, headers=key), 409, "Conflict")
    assert site.order(PROMPT, seed=4, headers={"Idempotency-Key": "two"}).json()["id"] != first["id"]
    site.gate.open()
    site.finish(first["id"])
    again = site.order(PROMPT, seed=3, headers=key)
    assert again.status_code == 200 and again.json()["id"] == first["id"]
    assert "delete_token" not in again.json()
    require_problem(site.order(PROMPT, seed=4, headers=key), 409, "Conflict")
    require_problem(site.order(PROMPT, headers={"Idempotency-Key": "x" * 256}), 422, "BadRequest")


def test_cancelling_frees_the_device_and_the_key(site: Site) -> None:
    key = {"Idempotency-Key": "one"}
    first = site.order(PROMPT, headers=key).json()
    assert site.client.delete(first["location"]).status_code == 204
    require_problem(site.client.get(first["location"]), 404, "NotFound")
    assert site.order(PROMPT, headers=key).json()["id"] != first["id"]


def test_what_fails_is_told(site: Site) -> None:
    def trip(chunk: int) -> None:
        raise DataError("the pixels are gone", hint="look for them")

    site.service.engine.submit(site.service.read_order(GenerationRequest(prompt="a cat")), client="a")
    site.gate.open()
    site.model.on_chunk = trip
    require_problem(site.order(PROMPT, params=WAIT), 400, "DataError", "the pixels are gone")


def test_a_disk_that_fails_is_told_without_its_folder(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    site.gate.open()
    monkeypatch.setattr("dalle_mini.serving.folders.os.fsync", fail)
    problem = require_problem(site.order(PROMPT, params=WAIT), 507, "OutputError", "^the pictures can't be kept$")
    assert "disk" in problem["hint"] and "No space left" in caplog.text
    assert not list(tmp_path.glob("*/pictures/*"))
    monkeypatch.undo()
    assert site.order(PROMPT, params=WAIT).status_code == 200


# Events.


def read_events(text: str) -> list[tuple[str, dict[str, Any]]]:
    events = [dict(line.split(": ", 1) for line in block.splitlines()) for block in text.split("\n\n") if block]
    return [(event["event"], json.loads(event["data"])) for event in events]


def test_events_tell_how_it_goes_to_the_end(site: Site) -> None:
    order = site.order(PROMPT, images=2).json()
    second = site.order(PROMPT, images=1).json()
    assert second["place"] in (1, 2) and second["state"] == "waiting"
    site.gate.open()
    answer = site.client.get(order["events"])
    assert answer.headers["content-type"].startswith("text/event-stream")
    told = read_events(answer.text)
    assert told[-1][0] == "finished" and len(told[-1][1]["result"]["images"]) == 2
    previews = [event["previews"] for _, event in told if "previews" in event]
    for preview in previews:
        assert len(preview) == 2
        Image.open(io.BytesIO(base64.b64decode(preview[0]))).load()
    assert read_events(site.client.get(order["events"]).text) == [told[-1]]
    require_problem(site.client.get(f"{GENERATIONS}/{'x' * 22}/events"), 404, "NotFound")


def test_events_tell_of_a_failure(site: Site) -> None:
    order = site.order(PROMPT).json()
    ticket = site.service.desk.find(order["id"])
    assert isinstance(ticket, Ticket)
    site.service.engine.cancel(ticket)
    site.gate.open()
    ((state, told),) = read_events(site.client.get(order["events"]).text)[-1:]
    assert state == "failed" and told["error"]["type"] == "Cancelled"
    assert site.client.get(order["location"]).json() == told


# Keys.


def test_keys_close_the_api(open_site: Callable[..., Site]) -> None:
    site = open_site(api_keys=("secret-a", "secret-b"))
    for headers in ({}, {"Authorization": "Bearer secret"}, {"Authorization": "Basic secret-a"}):
        answer = site.order(PROMPT, headers=headers)
        require_problem(answer, 401, "Unauthorized")
        assert answer.headers["www-authenticate"] == "Bearer"
        require_problem(site.client.post("/generate", json={"prompt": "a cat"}, headers=headers), 401, "Unauthorized")
        require_problem(site.client.get("/api/v1/models", headers=headers), 401, "Unauthorized")
    for key in ("secret-a", "secret-b"):
        assert site.order(PROMPT, headers={"Authorization": f"bearer {key}"}).status_code == 202
    assert site.client.get("/readyz").status_code == 200
    assert "secret" not in repr(site.service.settings)


# The original's interface.


def test_bots_for_the_original_are_served(site: Site) -> None:
    site.gate.open()
    answer = site.client.post("/generate", json={"prompt": PROMPT, "num_images": 4})
    assert answer.status_code == 200 and answer.json().keys() == {"images", "version"}
    images = [Image.open(io.BytesIO(base64.b64decode(image))) for image in answer.json()["images"]]
    assert len(images) == 9 and all(image.size == (256, 256) for image in images)
    assert site.client.get("/version").json() == {"version": dalle_mini.__version__}
    require_problem(site.client.post("/generate", json={"prompt": ""}), 422, "BadRequest")


# What goes for every answer.


@pytest.mark.parametrize(
    "method, path, status, type",
    [
        ("GET", "/api/v1/nothing", 404, "NotFound"),
        ("GET", "/api", 404, "NotFound"),
        ("GET", "/api/v2/generations", 404, "NotFound"),
        ("PUT", GENERATIONS, 405, "MethodNotAllowed"),
        ("GET", "/generate", 405, "MethodNotAllowed"),
        ("POST", f"{GENERATIONS}/{'x' * 22}", 405, "MethodNotAllowed"),
        ("GET", f"{GENERATIONS}/x", 404, "NotFound"),
        ("GET", f"{GENERATIONS}/..%2f..%2fetc/passwd", 404, "NotFound"),
        ("GET", f"{GENERATIONS}/{'x' * 22}/..%2fgrid.png", 404, "NotFound"),
        ("GET", f"{GENERATIONS}/%00/grid.png", 404, "NotFound"),
        ("DELETE", f"{GENERATIONS}/{'x' * 22}", 404, "NotFound"),
        ("GET", "/api/v1/generations/", 404, "NotFound"),
    ],
)
def test_what_is_not_there_is_answered_in_the_same_shape(
    quiet: Site, method: str, path: str, status: int, type: str
) -> None:
    answer = quiet.client.request(method, path)
    require_problem(answer, status, type)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_mistakes_of_ours_are_answered_without_their_trace(quiet: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Service, "list_models", lambda self: 1 / 0)
    answer = quiet.client.get("/api/v1/models")
    require_problem(answer, 500, "InternalError", "something went wrong here")
    assert "division" not in answer.text


def test_large_bodies_are_refused_before_they_are_read(open_site: Callable[..., Site]) -> None:
    site = open_site(max_body_kilobytes=1)
    read: list[int] = []

    def stream() -> Iterator[bytes]:
        for number in range(100):
            read.append(number)
            yield b" " * 512

    headers = {"Content-Type": "application/json"}
    for path in (GENERATIONS, "/generate"):
        require_problem(site.client.post(path, content=b" " * 1025, headers=headers), 413, "TooLarge", "1,024")
        require_problem(site.client.post(path, content=stream(), headers=headers), 413, "TooLarge", "1,024")
        require_problem(site.client.post(path, headers=headers | {"Content-Length": "9" * 30}), 413, "TooLarge")


def test_a_refused_method_says_which_are_not(quiet: Site) -> None:
    assert quiet.client.put(f"{GENERATIONS}/x").headers["allow"] == "DELETE, GET"
    assert quiet.client.get("/generate").headers["allow"] == "POST"


def test_nothing_of_other_sites_is_let_in(quiet: Site) -> None:
    answer = quiet.client.options(GENERATIONS, headers={"Origin": "https://a.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_neither_prompts_nor_addresses_nor_ids_are_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "dalle_mini")
    site.gate.open()
    order = site.order("an unspeakable thing", params=WAIT).json()
    site.client.get(order["location"])
    logged = [record.getMessage() for record in caplog.records if record.name.startswith("dalle_mini")]
    assert any(f"GET {GENERATIONS}/{{id}} 200" in line for line in logged)
    for secret in ("unspeakable", "testclient", order["id"], order["delete_token"]):
        assert not [line for line in logged if secret in line]


def test_the_description_is_served_from_here(quiet: Site) -> None:
    description = quiet.client.get("/api/v1/openapi.json").json()
    assert {"/api/v1/generations", "/generate", "/version"} <= description["paths"].keys()
    answer = quiet.client.get("/api/v1/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in answer.text and "://" not in answer.text
    for path in description["paths"]:
        assert path in answer.text
    assert "style-src 'sha256-" in answer.headers["content-security-policy"]


def test_metrics_are_numbers_of_routes(site: Site) -> None:
    site.gate.open()
    site.order("an unspeakable thing", params=WAIT)
    site.client.get("/api/v1/nothing/at/all")
    text = site.client.get("/metrics").text
    assert f'http_requests_total{{method="POST",route="{GENERATIONS}",status="200"}} 1.0' in text
    assert 'route="unknown",status="404"' in text
    assert "dalle_mini_pictures_total 9.0" in text and "store_bytes" in text
    assert "unspeakable" not in text and "nothing/at/all" not in text
