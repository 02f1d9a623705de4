"""Shared pages as they are kept: their author's choices, their end, reports, and the site's own address."""

import errno
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clocks import Clock
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from shared import PROMPT, describe_drawing, draw_page, publish

from dalle_mini.errors import ConfigError, DalleMiniError, OutputError, Overloaded, PromptRejected
from dalle_mini.grid import extract_recipe
from dalle_mini.recipe import Recipe
from dalle_mini.safety.options import SafetyOptions
from dalle_mini.serving.answers import Forbidden, Gone, NotFound
from dalle_mini.serving.origin import find_base
from dalle_mini.serving.reported import Reported
from dalle_mini.serving.settings import Settings
from dalle_mini.serving.share_page import Place, write_page
from dalle_mini.serving.shares import Choices, Share, Shares, remix_query
from dalle_mini.watermark import find_mark

DAY = 86400


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def shares(tmp_path: Path, clock: Clock) -> Iterator[Shares]:
    shares = Shares(tmp_path, max_days=10, max_bytes=10**8, reports_to_hide=2, clock=clock)
    yield shares
    shares.close()


def open_picture(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


# Pictures.


@pytest.mark.parametrize("show_prompt", [True, False])
def test_every_picture_is_marked_and_pngs_know_their_recipe_where_the_prompt_is_told(show_prompt: bool) -> None:
    files, description = draw_page(PROMPT, show_prompt=show_prompt)
    assert files.keys() == {"grid.png", "grid.webp", "card.png"} | ({"classic.png"} if show_prompt else set())
    for name, content in files.items():
        image = open_picture(content)
        assert find_mark(image).found, name
        if name.startswith("grid"):
            assert image.size == (description["width"], description["height"])
        if name.endswith(".png") and show_prompt:
            assert extract_recipe(image) == description["recipe"]
        if not show_prompt:
            assert not {"dalle-mini", "exif", "xmp"} & image.info.keys()
    assert open_picture(files["card.png"]).size == (1200, 630)


def test_a_picture_that_is_marked_already_is_left_alone() -> None:
    from dalle_mini.serving.share_pictures import draw_files

    (content,) = [draw_page(PROMPT)[0]["grid.png"]]
    marked = open_picture(content).convert("RGB")
    files, _ = draw_files([marked], describe_drawing(PROMPT), show_prompt=False)
    assert open_picture(files["grid.png"]).tobytes() == marked.tobytes()


# Choices.


def test_what_an_author_keeps_is_not_in_the_copy(shares: Shares, tmp_path: Path) -> None:
    share, _ = publish(shares, "an unspeakable thing", Choices(show_prompt=False))
    assert share.prompt is share.recipe is remix_query(share) is None
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or b"unspeakable" not in path.read_bytes(), path
    assert "unspeakable" not in write_page(share, Place("https://a.example", "../"))
    with pytest.raises(NotFound):
        shares.read(share.id, "classic.png")


def test_a_page_is_shown_as_long_as_its_author_wants(shares: Shares, clock: Clock) -> None:
    short, _ = publish(shares, choices=Choices(days=1))
    long, _ = publish(shares)
    assert (short.expires, long.expires) == (1000 + DAY, 1000 + 10 * DAY)
    clock.now += DAY
    for _ in range(2):
        with pytest.raises(Gone, match="expired"):
            shares.find(short.id)
        with pytest.raises(Gone):
            shares.read(short.id, "grid.png")
        publish(shares, choices=Choices(days=1))  # sweeps what has expired
    assert shares.find(long.id) == long


@pytest.mark.parametrize("days", [0, -1, 10.1, float("inf"), float("nan")])
def test_no_page_is_shown_for_longer_than_allowed(shares: Shares, days: float) -> None:
    with pytest.raises(ConfigError, match="days="):
        publish(shares, choices=Choices(days=days))


def test_no_page_makes_room_for_another(tmp_path: Path) -> None:
    files, _ = draw_page(PROMPT)
    most = int(1.5 * sum(map(len, files.values())))
    shares = Shares(tmp_path, max_days=10, max_bytes=most, reports_to_hide=2)
    first, token = publish(shares)
    with pytest.raises(OutputError, match="no room"):
        publish(shares)
    assert shares.find(first.id) == first
    shares.delete(first.id, token)
    publish(shares)
    shares.close()


def test_a_disk_that_fails_is_told_without_its_folder(
    shares: Shares, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("dalle_mini.serving.folders.os.fsync", fail)
    with pytest.raises(OutputError, match="^the page can't be kept$") as caught:
        publish(shares)
    assert str(tmp_path) not in caught.value.hint and "No space left" in caplog.text
    assert not list((tmp_path / "pictures").iterdir()) and shares.count_bytes() == 0


@pytest.mark.parametrize("change", [{"prompt": " "}, {"seed": -1}, {"model": ""}, {"prompt": "\ud800"}])
def test_what_could_not_be_drawn_again_is_not_shared(shares: Shares, change: dict[str, Any]) -> None:
    files, description = draw_page(PROMPT)
    with pytest.raises(DalleMiniError):
        shares.publish(files, description | change, Choices())
    assert shares.count_bytes() == 0


@given(prompt=st.text(min_size=1, max_size=40).filter(str.strip), images=st.integers(1, 20), top_k=st.integers(0, 99))
def test_remix_leads_to_the_same_recipe(prompt: str, images: int, top_k: int) -> None:
    values = describe_drawing(prompt, images=images, top_k=top_k, candidates=images + 3, variety=0.25)
    recipe = Recipe.from_dict(values["recipe"])
    query = remix_query(Share("a" * 22, 0, 1, False, images, 784, 784, recipe))
    assert query and Recipe.from_query(query) == recipe


def test_a_prompt_too_long_for_a_link_has_no_remix() -> None:
    recipe = Recipe("nano", "ä" * 20_000, 7)
    share = Share("a" * 22, 0, 1, False, 9, 784, 784, recipe)
    assert remix_query(share) is None
    assert "Remix" not in write_page(share, Place("https://a.example", "../"))


# The end of a page.


def test_only_its_own_token_deletes_a_page(shares: Shares) -> None:
    share, token = publish(shares)
    _, other = publish(shares)
    for wrong in ("", other, token[:-1], "\ud800", "' OR 1=1 --"):
        with pytest.raises(Forbidden):
            shares.delete(share.id, wrong)
    shares.delete(share.id, token)
    with pytest.raises(Gone, match="deleted"):
        shares.find(share.id)
    with pytest.raises(Gone):
        shares.delete(share.id, token)
    with pytest.raises(NotFound):
        shares.delete("a" * 22, token)


def test_what_is_gone_is_known_after_a_restart(shares: Shares, tmp_path: Path, clock: Clock) -> None:
    share, token = publish(shares)
    shares.delete(share.id, token)
    again = Shares(tmp_path, max_days=10, max_bytes=10**8, reports_to_hide=2, clock=clock)
    with pytest.raises(Gone, match="deleted"):
        again.find(share.id)
    clock.now += 3 * 365 * DAY
    _, token = publish(again)
    clock.now += 11 * DAY
    publish(again)
    with pytest.raises(NotFound):
        again.find(share.id)
    again.close()


# Reports.


def test_reports_of_several_visitors_hide_a_page(shares: Shares) -> None:
    share, token = publish(shares)
    for _ in range(3):
        shares.report(share.id, reporter="address/1.2.3.4", reason="sexual")
    assert shares.find(share.id) == share
    shares.report(share.id, reporter="address/1.2.3.5", reason="other")
    for look in (lambda: shares.find(share.id), lambda: shares.read(share.id, "card.png")):
        with pytest.raises(NotFound, match="hidden for now"):
            look()
    assert shares.reports.list_open() == [Reported(share.id, ("sexual", "other"))]
    shares.reports.approve(share.id)
    shares.report(share.id, reporter="address/1.2.3.6", reason="other")
    assert shares.find(share.id) == share and shares.reports.list_open() == []
    shares.delete(share.id, token)


def test_an_author_can_delete_what_is_hidden(shares: Shares) -> None:
    share, token = publish(shares)
    for number in range(2):
        shares.report(share.id, reporter=str(number), reason="other")
    shares.delete(share.id, token)
    with pytest.raises(Gone):
        shares.find(share.id)
    assert shares.reports.list_open() == []


def test_a_report_needs_a_reason_and_a_page_and_some_patience(shares: Shares) -> None:
    share, _ = publish(shares)
    for reason in ("", "\0", "<script>", "x" * 10_000):
        with pytest.raises(ConfigError):
            shares.report(share.id, reporter="a", reason=reason)
    with pytest.raises(NotFound):
        shares.report("a" * 22, reporter="a", reason="other")
    with pytest.raises(Overloaded):
        for _ in range(20):
            shares.report(share.id, reporter="a", reason="other")


def test_neither_who_reported_nor_what_was_shared_is_written_down(
    shares: Shares, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    share, _ = publish(shares, "an unspeakable thing")
    caplog.set_level(logging.INFO, "dalle_mini")
    shares.report(share.id, reporter="address/1.2.3.4", reason="violent")
    assert "violent" in caplog.text and "1 of it" in caplog.text
    assert not [word for word in ("unspeakable", "1.2.3.4", share.id) if word in caplog.text]
    assert b"1.2.3.4" not in b"".join(path.read_bytes() for path in tmp_path.glob("reports.sqlite*"))


# The site's own address.


def ask(scheme: str = "http", **headers: str) -> Request:
    encoded = [(name.replace("_", "-").encode(), value.encode("latin-1")) for name, value in headers.items()]
    scope = {"type": "http", "scheme": scheme, "path": "/", "headers": encoded, "server": ("127.0.0.1", 80)}
    return Request({**scope, "query_string": b"", "root_path": ""})


@pytest.mark.parametrize(
    "settings, request_, base",
    [
        ({}, ask(host="a.example:7860"), "http://a.example:7860"),
        ({}, ask("https", host="[::1]:7860"), "https://[::1]:7860"),
        ({}, ask(host="a.example", x_forwarded_proto="https", x_forwarded_host="evil"), "http://a.example"),
        (
            {"trusted_proxies": 1},
            ask(host="inner", x_forwarded_proto="https", x_forwarded_host="a.example"),
            "https://a.example",
        ),
        (
            {"trusted_proxies": 1},
            ask(host="inner", x_forwarded_host="evil.example, a.example"),
            "http://a.example",
        ),
        ({"trusted_proxies": 1}, ask(host="inner", x_forwarded_proto="javascript"), "http://inner"),
        ({"base_url": "https://b.example/mini/"}, ask(host="a.example"), "https://b.example/mini"),
        ({}, ask(host='a"><script>'), "http://localhost"),
        ({}, ask(host="user@evil.example"), "http://localhost"),
        ({}, ask(), "http://localhost"),
    ],
)
def test_the_address_is_the_one_that_was_set_or_asked_for(settings: Any, request_: Request, base: str) -> None:
    assert find_base(request_, Settings(**settings)) == base


def test_a_description_survives_json(shares: Shares) -> None:
    """As it comes out of the store of drawings."""
    files, description = draw_page(PROMPT)
    share, _ = shares.publish(files, json.loads(json.dumps(description)), Choices())
    assert share == shares.find(share.id) and share.prompt == PROMPT


def test_a_prompt_is_checked_again_when_it_is_shared(tmp_path: Path) -> None:
    """Rules may have become stricter since the drawing was made."""
    settings: dict[str, Any] = {"max_days": 1, "max_bytes": 10**9, "reports_to_hide": 3}
    for show_prompt in (True, False):
        files, description = draw_page(PROMPT, show_prompt=show_prompt)
        description = description | {"prompt": "a naked woman"}
        shares = Shares(tmp_path / "family", **settings)
        with pytest.raises(PromptRejected):
            shares.publish(files, description, Choices(show_prompt))
        shares.close()
        careless = Shares(tmp_path / "off", **settings, safety=SafetyOptions("off"))
        share, _ = careless.publish(files, description, Choices(show_prompt))
        assert careless.find(share.id) == share
        careless.close()
