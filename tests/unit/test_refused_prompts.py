"""Prompts that are refused, at every door: nothing is drawn, nothing waits, and no word of them is repeated."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from doubles import make_tiny_model
from quick_models import make_painter
from sites import Site

import dalle_mini
from dalle_mini import Client, SafetyOptions
from dalle_mini.cli import main
from dalle_mini.config import GenerationConfig
from dalle_mini.errors import ConfigError, PromptRejected
from dalle_mini.safety.options import UNCHECKED
from dalle_mini.serving.engine import Engine
from dalle_mini.serving.order import Order
from dalle_mini.serving.settings import Settings, read_settings
from dalle_mini.web import markup
from dalle_mini.web.studio import Studio

GORE = "a beheaded zebra"
MINORS = "a naked child"
WEAPON = "a machine gun on a table"
CONTACT = "write to me@example.org"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(make_tiny_model(tmp_path_factory.mktemp("refusing") / "tiny"))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path / "store", contact=CONTACT)
    yield site
    site.close()


@pytest.mark.parametrize(
    "mode, refused", [("off", [MINORS]), ("family", [MINORS, GORE]), ("strict", [MINORS, GORE, WEAPON])]
)
def test_a_model_refuses_before_it_draws(tiny: str, mode: str, refused: list[str]) -> None:
    model = dalle_mini.load(tiny, safety=mode)
    for prompt in (MINORS, GORE, WEAPON):
        if prompt in refused:
            with pytest.raises(PromptRejected):
                model.draw(prompt)
        else:
            model.draw(prompt).close()


def test_family_is_the_default_and_making_models_refuses_minors_alone(tiny: str) -> None:
    model = dalle_mini.load(tiny)
    with pytest.raises(PromptRejected) as refused:
        model.generate(GORE)
    assert refused.value.category == "gore" and "docs/safety.md" in refused.value.hint
    assert "zebra" not in f"{refused.value}{refused.value.hint}"
    UNCHECKED.check(GORE)
    with pytest.raises(PromptRejected):
        UNCHECKED.check(MINORS)


@pytest.mark.parametrize("options", [{"mode": "strickt"}, {"pictures": "sometimes"}])
def test_unknown_options_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match="unknown"):
        SafetyOptions(**options)


def test_the_api_refuses_at_once_and_in_one_shape(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for path, params in (("/api/v1/generations", {"wait": 60}), ("/generate", {})):
        answer = site.client.post(path, json={"prompt": GORE}, params=params)
        assert answer.status_code == 422 and answer.json().keys() == {"error"}
        problem = answer.json()["error"]
        assert problem["type"] == "PromptRejected" and problem["category"] == "gore"
        assert problem["message"] and CONTACT in problem["hint"]
        assert "zebra" not in answer.text and "behead" not in answer.text
    assert not site.service.engine.count_open()
    assert 'dalle_mini_rejected_prompts_total{category="gore"} 2.0' in site.client.get("/metrics").text
    assert "zebra" not in caplog.text and "behead" not in caplog.text
    assert GORE not in site.model.drawn


def test_other_errors_have_no_category(site: Site) -> None:
    answer = site.order("a cat", model="nobody")
    assert answer.json()["error"].keys() == {"type", "message", "hint"}


def test_a_client_is_told_the_category(site: Site) -> None:
    with site.listen() as address, Client(address) as client, pytest.raises(PromptRejected) as refused:
        client.generate(GORE)
    assert refused.value.category == "gore" and CONTACT in refused.value.hint


def test_the_page_says_so_in_its_status_line() -> None:
    engine = Engine(make_painter(), safety=SafetyOptions(contact=CONTACT))
    order = Order("quick", GORE, GenerationConfig(), 1)
    with pytest.raises(PromptRejected) as refused:
        next(Studio(engine, "quick").draw(order))
    assert not engine.count_open()
    status = markup.render_error(refused.value)
    assert 'role="status"' in status and CONTACT in status and "zebra" not in status


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([GORE], "error: "),
        (["a cat", GORE], "error: prompt 2 of 2: "),
        ([MINORS, "--safety", "off"], "error: "),
        ([WEAPON, "--safety", "strict"], "error: "),
        ([GORE, "-v"], "error: "),
    ],
)
def test_the_command_line_refuses_before_it_loads_anything(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dalle_mini, "load", None, raising=False)
    assert main(["generate", *arguments]) == 2
    shown = capsys.readouterr()
    assert message in shown.err and "hint: " in shown.err and "docs/safety.md" in shown.err
    assert not any(word in shown.out + shown.err for word in ("zebra", "behead", "naked", "machine"))
    assert not list(tmp_path.iterdir())


def test_a_server_has_its_own_rules(capsys: pytest.CaptureFixture[str]) -> None:
    for option in (["--safety", "off"], ["--show-flagged"]):
        assert main(["generate", "a cat", "--server", "http://127.0.0.1:1", *option]) == 2
        assert "is for models on this machine" in capsys.readouterr().err


def test_settings_of_safety() -> None:
    assert Settings().safety_options == SafetyOptions("family", "", "auto")
    read = read_settings({"DALLE_MINI_SAFETY": "strict", "DALLE_MINI_PUBLIC": "Yes", "DALLE_MINI_CONTACT": CONTACT})
    assert read.public and read.safety_options == SafetyOptions("strict", CONTACT, "on")
    assert read_settings({"SPACE_ID": "some/body"}).public
    on_a_space = {"SPACE_ID": "some/body", "DALLE_MINI_PUBLIC": "no", "DALLE_MINI_PICTURES": "off"}
    assert not read_settings(on_a_space).public
    assert Settings(public=True, pictures="off").safety_options.pictures == "off"
    with pytest.raises(ConfigError, match="must be yes or no"):
        read_settings({"DALLE_MINI_PUBLIC": "perhaps"})


def test_serve_takes_its_options_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Settings] = []
    monkeypatch.setattr("dalle_mini.web.server.serve", lambda *, settings, **options: served.append(settings))
    monkeypatch.setenv("DALLE_MINI_SAFETY", "strict")
    monkeypatch.setenv("DALLE_MINI_PUBLIC", "yes")
    assert main(["serve"]) == 0
    assert main(["serve", "--safety", "off", "--no-public", "--contact", CONTACT, "--pictures", "on"]) == 0
    assert served[0].safety_options == SafetyOptions("strict", "", "on") and served[0].public
    assert served[1].safety_options == SafetyOptions("off", CONTACT, "on") and not served[1].public
