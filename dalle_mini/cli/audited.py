"""What the commands of `dalle-mini audit` share: the model that is audited, its ranker, and the report's folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from dalle_mini.checkpoints.releases import RANKER, ResolvedRelease, resolve_clip
from dalle_mini.cli.destination import check_writable
from dalle_mini.cli.parser import Options, Parser, add_model, whole_number
from dalle_mini.config import MAX_SEED

if TYPE_CHECKING:
    from dalle_mini.reports.folder import ReportFolder


def add_audited(parser: Parser) -> None:
    add = parser.add_argument
    add_model(parser)
    add("--out", metavar="DIR", required=True, help="a folder for the report: a new one, or that of an earlier report")
    add("--ranker", metavar="CLIP", help="the CLIP, a directory or a Hub id (default: the folder clip in the model's)")
    add("--seed", type=whole_number, metavar="N", default=0, help=f"0 to {MAX_SEED} (default: 0)")


def check_output(folder: "ReportFolder") -> None:
    """OutputError unless the report can be written there, before there is work to lose."""
    from dalle_mini.reports.folder import JSON

    folder.check()
    check_writable(folder.path / JSON)


def find_ranker(options: Options, release: ResolvedRelease) -> Path | None:
    """The folder of the CLIP that was named, or else of the model's own; None where it brings none."""
    own = release.transformer / RANKER
    if options.ranker is None and not own.is_dir():
        return None
    return resolve_clip(options.ranker or own)


def digest_models(release: ResolvedRelease, ranker: Path | None) -> dict[str, str]:
    """A digest of every model that a report depends on."""
    from dalle_mini.checkpoints.digests import model_digest

    folders = {"model": release.transformer, "vqgan": release.vqgan} | ({"ranker": ranker} if ranker else {})
    return {name: model_digest(folder) for name, folder in folders.items()}
