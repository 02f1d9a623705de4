"""What a server remembers does not grow with what it has drawn."""

import contextlib
from pathlib import Path
from typing import Any

import pytest
from sites import Site

from dalle_mini.config import GenerationConfig
from dalle_mini.errors import DalleMiniError
from dalle_mini.generation import Generation
from dalle_mini.serving.order import Order
from dalle_mini.serving.updates import Finished
from dalle_mini.web.pictures import Pictures
from dalle_mini.web.studio import Studio


def serve_many(site: Site, studio: Studio, count: int) -> list[Generation]:
    """Orders of all kinds, by callers who come once: drawn, repeated, cancelled, failed, left; the page's drawings."""
    drawn = []
    for number in range(count):
        headers = {"Idempotency-Key": f"key {number}"}
        for prompt in ("a cat", "a cat", "unreadable"):
            site.order(prompt, images=1, params={"wait": 30}, headers=headers)
        given_up = site.order("a dog", images=1).json()
        site.client.delete(given_up["location"], headers={"Delete-Token": given_up["delete_token"]})
        site.client.get(f"/api/v1/generations/none{number}")
        site.client.request(f"ODD{number}", f"/api/v1/{number}")
        order = Order("nano", "a cat", GenerationConfig(images=1), number)
        for visitor in (f"address/{number}", f"address/{number} who leaves"):
            with (
                contextlib.suppress(DalleMiniError),
                contextlib.closing(studio.draw(order, visitor=visitor)) as updates,
            ):
                for update in updates:
                    if visitor.endswith("leaves"):
                        break
                    if isinstance(update, Finished):
                        drawn.append(update.generation)
    return drawn


def count_remembered(site: Site) -> dict[str, int]:
    service: Any = site.service
    lobby = service.engine._lobby
    return {
        "receipts": len(service.desk._receipts),
        "orders": len(service.desk._orders),
        "tickets": len(lobby._open) + len(lobby._line) + len(lobby._held),
        "lines": len(lobby._line._lines) + len(lobby._held._lines) + len(service.buckets._lines),
        "rates": len(lobby.rates._seconds),
        "counted": service.metrics.render().count(b"\n"),
        "easels": len(service.engine._painter._easels),
    }


def test_what_is_remembered_does_not_grow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dalle_mini.serving.desk._FAILURES_REMEMBERED", 10)
    site = Site(tmp_path, store_megabytes=1)
    site.gate.open()
    site.model.unreadable = "unreadable"
    studio = Studio(site.service.engine, "nano", buckets=site.service.buckets)
    serve_many(site, studio, 12)
    site.order("a cat", images=1, params={"wait": 30})
    before = count_remembered(site)
    drawn = serve_many(site, studio, 25)
    site.order("a cat", images=1, params={"wait": 30})
    assert count_remembered(site) == before
    assert before["tickets"] == before["lines"] == 0 and before["receipts"] <= 12
    pictures = Pictures(max_bytes=5 * drawn[0].candidates.pixels.nbytes)
    for generation in drawn:
        pictures.add(generation)
    assert len(pictures._things) == 5
    site.close()
