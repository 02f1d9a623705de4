"""`dalle-mini models`: the releases that can be drawn with, and which of them are here."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from dalle_mini.checkpoints.releases import Release, Repository, available_releases, resolve
from dalle_mini.cli.parser import Options, add_command
from dalle_mini.cli.reporting import put_out
from dalle_mini.cli.sizes import folder_bytes, format_bytes
from dalle_mini.errors import CheckpointError


@dataclasses.dataclass(frozen=True)
class Listing:
    """A release as it is shown; `bytes` are those on disk, or else those to download."""

    name: str
    description: str
    where: tuple[str, ...]
    local: bool
    bytes: int
    problem: str = ""


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands,
        "models",
        run,
        help="list the models that can be drawn with",
        details="A directory of your own, or a Hub id, can be given as --model as well.",
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for every model")


def run(options: Options) -> int:
    listings = [_describe(release) for release in available_releases()]
    show = _to_json if options.json else _to_text
    put_out("\n".join(show(listing) for listing in listings))
    return 0


def _describe(release: Release) -> Listing:
    sources = (release.transformer, release.vqgan)
    where = tuple(_place(source) for source in sources if source is not None)
    listing = Listing(release.name, release.description, where, False, release.download_bytes)
    try:
        found = resolve(release.name, offline=True)
    except CheckpointError as error:
        is_remote = any(isinstance(source, Repository) for source in sources)
        return listing if is_remote else dataclasses.replace(listing, problem=str(error))
    return dataclasses.replace(
        listing,
        local=True,
        where=(str(found.transformer), str(found.vqgan)),
        bytes=folder_bytes(found.transformer, found.vqgan, found.tokenizer),
    )


def _place(source: Path | Repository) -> str:
    return f"{source.name} on the Hub" if isinstance(source, Repository) else str(source)


def _to_json(listing: Listing) -> str:
    return json.dumps(dataclasses.asdict(listing))


def _to_text(listing: Listing) -> str:
    size = format_bytes(listing.bytes) if listing.bytes else ""
    state = "broken" if listing.problem else f"here, {size}" if listing.local else f"download {size}"
    lines = [listing.description, *listing.where] + ([listing.problem] if listing.problem else [])
    return f"{listing.name:<12} {state:<18} " + f"\n{'':32}".join(lines)
