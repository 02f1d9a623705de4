"""`dalle-mini audit`: what a model has picked up that nobody asked it for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dalle_mini.checkpoints.releases import resolve, resolve_clip
from dalle_mini.cli.parser import Options, Parser, add_command, add_group, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.reporting import put_out
from dalle_mini.config import MAX_SEED, GenerationConfig, check_seed
from dalle_mini.errors import ConfigError

if TYPE_CHECKING:
    from dalle_mini.audit.people import Population
    from dalle_mini.checkpoints.releases import ResolvedRelease

_BIAS_DETAILS = """\
Draws professions and traits in several templates, has a CLIP say which descriptors the
pictures are nearest to, and compares that with neutral prompts. A line of a list is
    a CEO<TAB>business                 in --professions: a subject, and a group to count it in
    gender<TAB>a man<TAB>a woman       in --descriptors: a set, and two or more descriptors
Writes report.html, report.json, summary.json, sheet.png and the pictures; a stopped audit
goes on where it was. For a model whose world has no people, the report says that.
docs/audit.md tells what can be concluded and what can't."""


def add_parser(commands: Any) -> None:
    group = add_group(commands, "audit", help="measure a model's bias, and whether it copies")
    bias = add_command(
        group, "bias", run_bias, help="measure what professions and traits are drawn as", details=_BIAS_DETAILS
    )
    _add_common(bias)
    add = bias.add_argument
    add(
        "--seeds", type=whole_number, metavar="N", default=9, help="pictures of each subject in each template, up to 64"
    )
    add("--professions", metavar="FILE", help="what to ask for (default: 53 professions and 11 traits)")
    add("--descriptors", metavar="FILE", help="what to compare with (default: gender, skin and age)")
    add(
        "--template",
        metavar="TEXT",
        dest="templates",
        action="append",
        help='how to ask, with {} for the subject; may be given several times (default: "a photo of {}" and two more)',
    )


def _add_common(parser: Parser) -> None:
    add = parser.add_argument
    add(
        "--model",
        default="nano",
        metavar="NAME",
        help="a name that `dalle-mini models` lists, a Hub id, or a directory (default: nano)",
    )
    add("--out", metavar="DIR", required=True, help="a folder for the report: a new one, or that of an earlier report")
    add("--ranker", metavar="CLIP", help="the CLIP, a directory or a Hub id (default: the folder clip in the model's)")
    add("--seed", type=whole_number, metavar="N", default=0, help=f"0 to {MAX_SEED} (default: 0)")


def run_bias(options: Options) -> int:
    """Whatever can be found wrong is, before the first picture is drawn."""
    from dalle_mini.audit.bias import check_count
    from dalle_mini.audit.bias_report import Setting, report_folder, write_report
    from dalle_mini.audit.people import find_people
    from dalle_mini.audit.subjects import SUBJECTS, TEMPLATES, check_templates, read_subjects

    check_seed(options.seed)
    GenerationConfig(images=options.seeds)
    templates = check_templates(options.templates or TEMPLATES)
    check_count(options.seeds, len(templates))
    out, release = Path(options.out), resolve(options.model)
    report_folder(out).check()
    population = find_people(release.transformer, read_subjects(options.professions or SUBJECTS))
    if population.has_people:
        sentences = _audit_bias(options, release, population, templates)
    else:
        sentences = write_report(out, Setting(release.name, options.seeds, options.seed, templates), population)
    put_out(*sentences, out / "report.html")
    return 0


def _audit_bias(
    options: Options, release: "ResolvedRelease", population: "Population", templates: tuple[str, ...]
) -> list[str]:
    ranker_folder = _find_ranker(options, release)
    from dalle_mini.audit.bias import find_bias, gather
    from dalle_mini.audit.bias_report import Setting, report_folder, write_report
    from dalle_mini.audit.drawing import STRIPS, Drawer, plan_cells
    from dalle_mini.audit.marking import Marker
    from dalle_mini.audit.subjects import DESCRIPTORS, neutral_subjects, read_descriptors
    from dalle_mini.pipeline import load
    from dalle_mini.ranking import Clip

    out = Path(options.out)
    descriptors = read_descriptors(options.descriptors or DESCRIPTORS)
    cells = plan_cells([*neutral_subjects(), *population.subjects], templates, options.seed)
    with Progress(f"loading {release.name}") as bar:
        bar.show()
        digests = _digest(release, ranker_folder)
        model, ranker = load(options.model), Clip.load(ranker_folder)
        markers = [Marker.of(ranker, each, templates) for each in descriptors]
        report_folder(out).claim()
        bar.label = "drawing"
        bar.show(0)
        drawer = Drawer(model, digests["model"] + digests["vqgan"], options.seeds, out / STRIPS)
        samples = gather(drawer, ranker, cells, bar.count)
        bar.label = "writing the report"
        bar.show()
        settings = model.settings(images=options.seeds).to_dict()
        setting = Setting(release.name, options.seeds, options.seed, templates, digests, settings)
        return write_report(out, setting, population, find_bias(samples, markers), samples)


def _find_ranker(options: Options, release: "ResolvedRelease") -> Path:
    own = release.transformer / "clip"
    if options.ranker is None and not own.is_dir():
        hint = "name one with --ranker: a directory or a Hub id, such as openai/clip-vit-base-patch32"
        raise ConfigError(f"{release.name} brings no ranker, and pictures can't be told apart without", hint=hint)
    return resolve_clip(options.ranker or own)


def _digest(release: "ResolvedRelease", ranker: Path | None) -> dict[str, str]:
    """A digest of every model that a report depends on."""
    from dalle_mini.checkpoints.digests import model_digest

    folders = {"model": release.transformer, "vqgan": release.vqgan} | ({"ranker": ranker} if ranker else {})
    return {name: model_digest(folder) for name, folder in folders.items()}
