"""`dalle-mini shares`: the pages that visitors reported, for whoever runs the server."""

import contextlib
from collections.abc import Generator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from dalle_mini.cli.parser import Options, add_command, add_group
from dalle_mini.cli.reporting import put_out
from dalle_mini.serving.settings import read_settings

if TYPE_CHECKING:
    from dalle_mini.serving.shares import Shares

_DETAILS = "Works beside a server that runs; both go by the same environment variables."


def add_parser(commands: Any) -> None:
    group = add_group(commands, "shares", help="look after shared pages that were reported")
    add_command(
        group,
        "list",
        run_list,
        help="list reported pages that somebody has to look at",
        details=f"A line for each: id, reports and their reasons, last day, picture. {_DETAILS}",
    )
    approve = add_command(
        group, "approve", run_approve, help="show a page again, whatever is reported", details=_DETAILS
    )
    delete = add_command(group, "delete", run_delete, help="delete a page and its pictures", details=_DETAILS)
    for parser in (approve, delete):
        parser.add_argument("id", metavar="ID", help="the page's id, the end of its address")


def run_list(options: Options) -> int:
    with _open() as shares:
        for share, reported in shares.list_reported():
            day = datetime.fromtimestamp(share.expires, UTC).date()
            reasons = ", ".join(sorted(set(reported.reasons)))
            picture = shares.locate(share.id, "grid.png")
            put_out(f"{share.id}  {len(reported.reasons)} ({reasons})  until {day}  {picture}")
    return 0


def run_approve(options: Options) -> int:
    with _open() as shares:
        shares.approve(options.id)
    put_out("approved")
    return 0


def run_delete(options: Options) -> int:
    with _open() as shares:
        shares.remove(options.id)
    put_out("deleted")
    return 0


@contextlib.contextmanager
def _open() -> "Generator[Shares]":
    # Here, so that help need not read about servers.
    from dalle_mini.serving.shares import open_shares

    shares = open_shares(read_settings())
    try:
        yield shares
    finally:
        shares.close()
