"""Settings from the environment, callers and their ration, and logs for machines."""

import dataclasses
import json
import logging
import re
import sys
from pathlib import Path

import pytest
from clocks import Clock
from doubles import make_tiny_model
from hypothesis import given, settings
from hypothesis import strategies as st

from dalle_mini.cli import main
from dalle_mini.errors import ConfigError, Overloaded
from dalle_mini.serving.callers import Buckets, find_address
from dalle_mini.serving.logs import JsonLines
from dalle_mini.serving.settings import Settings, read_settings, variable

ROOT = Path(__file__).parents[2]


def test_settings_are_read_from_the_environment() -> None:
    assert read_settings({}) == read_settings({"DALLE_MINI_QUEUE_SIZE": " "}) == Settings()
    variables = {
        "DALLE_MINI_QUEUE_SIZE": "5",
        "DALLE_MINI_KEEP_DAYS": "0.5",
        "DALLE_MINI_API_KEYS": "one, two,",
        "DALLE_MINI_LOG_FORMAT": "json",
        "DALLE_MINI_STORE": "~/drawings",
    }
    read = read_settings(variables)
    assert (read.queue_size, read.keep_days, read.api_keys) == (5, 0.5, ("one", "two"))
    assert read.folder == Path.home() / "drawings" and read.log_format == "json"
    assert "two" not in repr(read) and "queue_size=5" in repr(read)
    assert "huggingface.co" in read_settings({"SPACE_ID": "some/body"}).framed_by


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("QUEUE_SIZE", "many", "is not a whole number"),
        ("QUEUE_SIZE", "1.5", "is not a whole number"),
        ("QUEUE_SIZE", "-1", "must be 0 or more"),
        ("STEP_SECONDS", "0", "must be 1 or more"),
        ("STEP_SECONDS", "nan", "must be 1 or more"),
        ("STEP_SECONDS", "inf", "must be 1 or more"),
        ("KEEP_DAYS", "a week", "is not a number"),
        ("LOG_FORMAT", "xml", "must be text or json"),
        ("MAX_IMAGES", "65", "must be at most 64"),
    ],
)
def test_a_setting_that_makes_no_sense_stops_the_server(
    name: str, text: str, message: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigError, match=f"DALLE_MINI_{name}='{text}' {message}"):
        read_settings({f"DALLE_MINI_{name}": text})
    monkeypatch.setenv(f"DALLE_MINI_{name}", text)
    assert main(["serve", "--port", "0"]) == 2
    assert f"error: DALLE_MINI_{name}" in capsys.readouterr().err


@pytest.mark.parametrize("text, bounds", [("2", (2, 2)), ("1-8", (1, 8)), ("3-3", (3, 3))])
def test_replicas_are_a_number_or_two(text: str, bounds: tuple[int, int]) -> None:
    assert Settings(ray_replicas=text).replica_bounds == bounds


@pytest.mark.parametrize("text", ["0", "8-1", "-2", "two", "1-", "1-2-3", "", "1.5"])
def test_other_numbers_of_replicas_are_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError, match=f"there can't be '{text}' replicas"):
        _ = Settings(ray_replicas=text).replica_bounds


def test_without_ray_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DALLE_MINI_HOME", str(tmp_path))
    monkeypatch.setitem(sys.modules, "ray", None)
    make_tiny_model(tmp_path / "tiny")
    assert main(["serve", "--port", "0", "--model", str(tmp_path / "tiny"), "--ray"]) == 2
    assert "Ray is not installed here" in (told := capsys.readouterr().err) and "dalle-mini[ray]" in told


def test_every_setting_is_told_of(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        sys.exit(main(["serve", "--help"]))
    help, docs = capsys.readouterr().out, (ROOT / "docs" / "serving.md").read_text()
    for field in dataclasses.fields(Settings):
        assert variable(field) in help
        assert f"`{variable(field)}`" in docs
    assert set(re.findall(r"`(DALLE_MINI_[A-Z_]+)`", docs)) <= {
        *map(variable, dataclasses.fields(Settings)),
        "DALLE_MINI_HOME",
        "DALLE_MINI_API_KEY",
    }


# Callers.


@pytest.mark.parametrize(
    "peer, forwarded, proxies, address",
    [
        ("10.0.0.1", [], 0, "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6"], 0, "10.0.0.1"),
        ("10.0.0.1", ["1.2.3.4"], 1, "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6, 1.2.3.4"], 1, "1.2.3.4"),
        ("10.0.0.1", ["6.6.6.6", "1.2.3.4, 10.0.0.2"], 2, "1.2.3.4"),
        ("10.0.0.1", ["1.2.3.4"], 2, "10.0.0.1"),
        ("10.0.0.1", [], 1, "10.0.0.1"),
        ("10.0.0.1", ["<script>"], 1, "unknown"),
        ("::ffff:1.2.3.4", [], 0, "1.2.3.4"),
        ("2001:db8:1:2:3:4:5:6", [], 0, "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", [], 0, "2001:db8:1:2::/64"),
        ("", [], 0, "unknown"),
    ],
)
def test_addresses_are_believed_as_far_as_proxies_are_trusted(
    peer: str, forwarded: list[str], proxies: int, address: str
) -> None:
    assert find_address(peer, forwarded, proxies) == address


@settings(deadline=None)
@given(st.text(), st.lists(st.text()), st.integers(0, 5))
def test_any_header_gives_an_address_or_none(peer: str, forwarded: list[str], proxies: int) -> None:
    assert re.fullmatch(r"unknown|[0-9a-f.:/]+", find_address(peer, forwarded, proxies))


@settings(deadline=None)
@given(st.integers(0, 3), st.lists(st.text(st.sampled_from("0123456789abcdef.:, "))))
def test_a_caller_cannot_choose_an_address(proxies: int, forged: list[str]) -> None:
    seen = ["1.2.3.4", *["10.0.0.1"] * (proxies - 1)][:proxies]
    assert find_address("1.2.3.4" if not proxies else "10.0.0.2", [*forged, *seen], proxies) == "1.2.3.4"


@settings(deadline=None)
@given(st.lists(st.floats(0, 100), max_size=60), st.integers(1, 5), st.floats(1, 60))
def test_no_caller_gets_more_than_its_ration(pauses: list[float], size: int, per_minute: float) -> None:
    clock = Clock(0.0)
    buckets, taken = Buckets(per_minute, size, clock=clock), 0
    for pause in pauses:
        clock.now += pause
        try:
            buckets.take("a")
            taken += 1
        except Overloaded as error:
            clock.now += error.retry_after
            buckets.take("a")
            taken += 1
        buckets.take(f"other {clock.now} {taken}")
    assert taken <= size + clock.now * per_minute / 60 + 1e-6


def test_callers_who_never_come_back_are_forgotten() -> None:
    buckets = Buckets(1, 1)
    for number in range(10_050):
        buckets.take(str(number))
    assert len(buckets._levels) == 10_000


# Logs.


def test_logs_are_lines_of_json() -> None:
    def log(**extra: object) -> logging.LogRecord:
        try:
            raise ValueError("two\nlines")
        except ValueError:
            return logging.getLogger("dalle_mini").makeRecord(
                "dalle_mini", logging.ERROR, "file", 1, "drew %d", (9,), sys.exc_info(), extra=extra
            )

    line = JsonLines().format(log(fields={"route": "/ä"}))
    assert "\n" not in line
    values = json.loads(line)
    assert values["message"] == "drew 9" and values["level"] == "error" and values["route"] == "/ä"
    assert "two\nlines" in values["trace"] and values["time"].endswith("+00:00")
