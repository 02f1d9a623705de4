"""Drawings that their authors show to everybody who has the link.

A shared page is a copy with an id of its own, so it tells nothing of the drawing's, outlives it, and is deleted by a
token of its own. What its author keeps to themselves is not in the copy.
"""

import dataclasses
import logging
import math
import secrets
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dalle_mini.config import GenerationConfig, Way
from dalle_mini.errors import ConfigError, DalleMiniError, OutputError
from dalle_mini.recipe import Recipe
from dalle_mini.safety.options import SafetyOptions
from dalle_mini.serving.answers import Forbidden, Gone, NotFound
from dalle_mini.serving.callers import Buckets
from dalle_mini.serving.folders import BucketFolders, Folders
from dalle_mini.serving.reported import Reported, Reports
from dalle_mini.serving.settings import Settings
from dalle_mini.serving.store import Label, Record, Store

REASONS = {
    "sexual": "It is sexual",
    "violent": "It is violent or cruel",
    "hateful": "It demeans people",
    "person": "It shows a real person",
    "rights": "It breaks somebody’s rights",
    "other": "Something else",
}
"""Why a page may be reported."""

_DAY = 86400
_REPORTS = 10
"""What one visitor may report at once, and a minute."""
_SIZES = ("pictures", "width", "height")
_TOLD = ("model", "prompt", "seed", "settings", "way")
"""What is kept of a drawing whose prompt is shown."""
_logger = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Choices:
    """What an author decides; `days` of None are as many as the server allows."""

    show_prompt: bool = True
    noindex: bool = True
    days: float | None = None


@dataclasses.dataclass(frozen=True)
class Share:
    """A shared page: `recipe` is None where its author keeps the prompt. Times are seconds since 1970, sizes pixels."""

    id: str
    created: float
    expires: float
    noindex: bool
    pictures: int
    width: int
    height: int
    recipe: Recipe | None

    @property
    def prompt(self) -> str | None:
        return self.recipe.prompt if self.recipe else None


class Shares:
    """Shared pages of one server, for at most `max_days`; when `max_bytes` are full, no more are taken."""

    def __init__(
        self,
        folder: Path,
        *,
        max_days: float,
        max_bytes: int,
        reports_to_hide: int,
        safety: SafetyOptions | None = None,
        pictures: Folders | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._safety = safety or SafetyOptions()
        self._max_days, self._max_bytes, self._reports_to_hide = max_days, max_bytes, reports_to_hide
        self._store = Store(folder, keep_seconds=max_days * _DAY, max_bytes=math.inf, pictures=pictures, clock=clock)
        self._ration = Buckets(_REPORTS, _REPORTS)
        self.reports = Reports(folder, clock=clock)

    def publish(
        self, files: Mapping[str, bytes], description: Mapping[str, Any], choices: Choices
    ) -> tuple[Share, str]:
        """Show the `files` that `share_pictures` drew of what `description` tells; the page and its delete token.

        ConfigError where it is to be shown for too long, OutputError where there is no room, PromptRejected where the
        prompt is one that is not drawn: rules may have become stricter since it was.
        """
        self._safety.check(description["prompt"])
        days = self._max_days if choices.days is None else choices.days
        if not 0 < days <= self._max_days:
            raise ConfigError(f"days={days:g} is no time to show it", hint=f"use at most {self._max_days:g}")
        recipe = _read_recipe(description) if choices.show_prompt else None
        if self._store.count_bytes() + sum(map(len, files.values())) > self._max_bytes:
            raise OutputError("there is no room for more shared pages", hint="try again in some days")
        kept = {name: description[name] for name in _SIZES} | {"noindex": choices.noindex}
        if recipe:
            kept |= {name: description[name] for name in _TOLD if name in description}
        label = Label(_draw_id(), secrets.token_urlsafe(16))
        try:
            record = self._store.put(label, files, kept, keep_seconds=days * _DAY)
        except OutputError as error:
            _logger.error("a page can't be kept: %s", error)
            # Without the folder's name, which is no business of callers.
            hint = "whoever runs this server has to look after its disk"
            raise OutputError("the page can't be kept", hint=hint) from error
        return _read(record), label.delete_token

    def find(self, id: str) -> Share:
        """The page of that id. NotFound where there is none, or it waits to be looked at; Gone where it was one."""
        record = self._require(id)
        if self.reports.count(id) >= self._reports_to_hide:
            raise NotFound("this page is hidden for now", hint="it was reported, and somebody has to look at it first")
        return _read(record)

    def read(self, id: str, name: str) -> tuple[Share, bytes]:
        """A page and a picture of it."""
        share = self.find(id)
        content = self._store.read(id, name)
        if content is None:
            raise NotFound("there is no such picture", hint="see its page for those there are")
        return share, content

    def delete(self, id: str, delete_token: str) -> None:
        """Delete a page by its token, also one that is hidden; Forbidden where the token is another."""
        self._require(id)
        if not self._store.delete(id, delete_token):
            raise Forbidden("that is not the delete token of this page", hint="it was told once, when it was shared")
        self.reports.forget(id)

    def report(self, id: str, *, reporter: str, reason: str) -> None:
        """Note that a visitor finds something wrong with a page; enough of them hide it."""
        self.find(id)
        self._ration.take(reporter)
        if reason not in REASONS:
            raise ConfigError("that is not a reason", hint=f"use one of {', '.join(REASONS)}")
        count = self.reports.add(id, reporter=reporter, reason=reason)
        fields = {"reason": reason, "reports": count, "hidden": count >= self._reports_to_hide}
        _logger.warning(
            "a shared page was reported (%s), %d of it; hidden: %s", *fields.values(), extra={"fields": fields}
        )

    def list_reported(self) -> list[tuple[Share, Reported]]:
        """The pages that somebody has to look at, the most reported first."""
        found = []
        for reported in self.reports.list_open():
            if record := self._store.get(reported.id):
                found.append((_read(record), reported))
            else:
                self.reports.forget(reported.id)
        return found

    def approve(self, id: str) -> None:
        """Show a page again, and from now on, whatever is reported; as whoever runs the server may."""
        self._require(id)
        self.reports.approve(id)

    def remove(self, id: str) -> None:
        """Delete a page without its token; as whoever runs the server may."""
        self._require(id)
        self._store.remove(id)
        self.reports.forget(id)

    def locate(self, id: str, name: str) -> str:
        """Where a picture of a page lies."""
        return self._store.locate(id, name)

    def count_bytes(self) -> int:
        return self._store.count_bytes()

    def close(self) -> None:
        self._store.close()
        self.reports.close()

    def _require(self, id: str) -> Record:
        """A page, hidden or not."""
        record = self._store.get(id)
        if record is not None:
            return record
        fate = self._store.find_fate(id)
        if fate == "deleted":
            raise Gone("this page was deleted", hint="its pictures are gone for good")
        if fate == "expired":
            raise Gone("this page has expired", hint="it was shared for a while, which is over")
        raise NotFound("there is no such page", hint="its address is mistyped, or cut short")


def open_shares(settings: Settings) -> Shares:
    """The shared pages of a server with these settings."""
    return Shares(
        settings.folder / "shared",
        max_days=settings.share_days,
        max_bytes=settings.share_megabytes * 2**20,
        reports_to_hide=settings.reports_to_hide,
        safety=settings.safety_options,
        pictures=BucketFolders(f"{settings.bucket}/shared") if settings.bucket else None,
    )


def remix_query(share: Share) -> str | None:
    """The link's part that draws a page's pictures again; None where the prompt is not told, or too long for a link."""
    if share.recipe is None:
        return None
    try:
        return share.recipe.to_query()
    except DalleMiniError:
        return None


def _draw_id() -> str:
    """A random id of 128 bits that begins and ends with a letter or digit, which programs take for a part of a link."""
    while not ((id := secrets.token_urlsafe(16))[0].isalnum() and id[-1].isalnum()):
        pass
    return id


def _read(record: Record) -> Share:
    values = record.description
    recipe = _read_recipe(values) if "prompt" in values else None
    sizes = {name: values[name] for name in _SIZES}
    return Share(record.id, record.created, record.expires, values["noindex"], recipe=recipe, **sizes)


def _read_recipe(values: Mapping[str, Any]) -> Recipe:
    settings = GenerationConfig.from_dict(values["settings"])
    # Pages and drawings of earlier versions have no way.
    return Recipe(values["model"], values["prompt"], values["seed"], settings, Way.from_dict(values.get("way", {})))
