"""`dalle-mini audit copies`: the training pictures that are nearest to a model's."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dalle_mini.checkpoints.releases import resolve
from dalle_mini.cli.audited import add_audited, check_output, digest_models, find_ranker
from dalle_mini.cli.extras import require_training
from dalle_mini.cli.parser import Options, add_command, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.prompts import gather_prompts
from dalle_mini.cli.reporting import put_out
from dalle_mini.config import check_seed

if TYPE_CHECKING:
    from dalle_mini.audit.copies import Drawing
    from dalle_mini.audit.likeness import FeatureReader
    from dalle_mini.data.shards import RecordSet

_DETAILS = """\
Draws captions of the set, or prompts of yours, and finds the pictures of the set that are
nearest to them, by a CLIP's embedding and token by token. How many are near copies is held
against how near real pictures are to one another. Without a ranker, only tokens are
compared. A set of tokens is read faster than one of pictures. Writes report.html,
report.json, summary.json and sheet.png. docs/audit.md tells what can be concluded."""


def add_parser(group: Any) -> None:
    parser = add_command(group, "copies", run, help="find the training pictures nearest to a model's", details=_DETAILS)
    add_audited(parser)
    add = parser.add_argument
    add("--data", metavar="DIR", required=True, help="what the model learned from: a folder of pictures or of tokens")
    add("--held-out", metavar="DIR", help="a set that it never saw, to compare with (default: some of --data itself)")
    add("--prompts", metavar="FILE", help="what to draw, one a line (default: captions of --data)")
    add("--count", type=whole_number, metavar="N", default=63, help="pictures to draw (default: 63)")


def run(options: Options) -> int:
    """Whatever can be found wrong is, before the first picture is drawn."""
    check_seed(options.seed)
    require_training()
    from dalle_mini.audit.copies import check_drawn, check_set
    from dalle_mini.audit.copies_report import Setting, report_folder, write_report
    from dalle_mini.audit.likeness import FeatureReader
    from dalle_mini.checkpoints.digests import digest_files
    from dalle_mini.data.manifest import MANIFEST
    from dalle_mini.data.shards import RecordSet
    from dalle_mini.loading import load
    from dalle_mini.ranking import Clip
    from dalle_mini.safety.options import UNCHECKED

    check_drawn(options.count)
    prompts = gather_prompts([], options.prompts) if options.prompts else []
    out, release = Path(options.out), resolve(options.model)
    check_output(report_folder(out))
    ranker = find_ranker(options, release)
    digests = digest_models(release, ranker)
    given = {"data": options.data, "held_out": options.held_out}
    sets = {name: RecordSet.open(folder) for name, folder in given.items() if folder}
    for each in sets.values():
        check_set(each, digests["vqgan"])
    digests |= {name: digest_files([each.directory / MANIFEST]) for name, each in sets.items()}
    with Progress(f"loading {release.name}") as bar:
        bar.show()
        model = load(options.model, safety=UNCHECKED).without_ranker()
        reader = FeatureReader(model.vqgan_params, model.vqgan_config, Clip.load(ranker) if ranker else None)
    drawings = _draw(options, model, prompts, sets["data"])
    setting = Setting(model.name, options.seed, digests, model.settings().to_dict())
    put_out(*write_report(out, setting, _compare(options, drawings, sets, reader)), out / "report.html")
    return 0


def _draw(options: Options, model: Any, prompts: list[str], data: "RecordSet") -> "list[Drawing]":
    from dalle_mini.audit.copies import caption_prompts, draw_prompts

    with Progress("drawing") as bar:
        bar.show(0)
        prompts = prompts or caption_prompts(data, options.count)
        return draw_prompts(model, prompts, options.count, options.seed, bar.count)


def _compare(options: Options, drawings: "list[Drawing]", sets: "dict[str, RecordSet]", reader: "FeatureReader") -> Any:
    from dalle_mini.audit.copies import find_copies

    with Progress("comparing") as bar:
        bar.show(0)
        held_out = sets.get("held_out")
        return find_copies(drawings, sets["data"], reader, held_out=held_out, seed=options.seed, on_progress=bar.count)
