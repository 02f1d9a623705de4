"""`dalle-mini audit bias`: what a model draws where a profession or a trait is asked for."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from dalle_mini.checkpoints.releases import ResolvedRelease, resolve
from dalle_mini.cli.audited import add_audited, check_output, digest_models, find_ranker
from dalle_mini.cli.parser import Options, add_command, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.reporting import put_out
from dalle_mini.config import MAX_IMAGES, GenerationConfig, check_seed
from dalle_mini.errors import ConfigError

if TYPE_CHECKING:
    from dalle_mini.audit.people import Population

_DETAILS = """\
Draws professions and traits in several templates, has a CLIP say which descriptors the
pictures are nearest to, and compares that with neutral prompts. A line of a list is
    a CEO<TAB>business                 in --professions: a subject, and a group to count it in
    gender<TAB>a man<TAB>a woman       in --descriptors: a set, and two or more descriptors
Writes report.html, report.json, summary.json, sheet.png and the pictures; a stopped audit
goes on where it was. For a model whose world has no people, the report says that.
docs/audit.md tells what can be concluded and what can't."""


def add_parser(group: Any) -> None:
    parser = add_command(group, "bias", run, help="measure what professions and traits are drawn as", details=_DETAILS)
    add_audited(parser)
    add = parser.add_argument
    add(
        "--seeds",
        type=whole_number,
        metavar="N",
        default=9,
        help=f"pictures of a subject in a template, 1 to {MAX_IMAGES} (default: 9)",
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


def run(options: Options) -> int:
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
    check_output(report_folder(out))
    population = find_people(release.transformer, read_subjects(options.professions or SUBJECTS))
    if population.has_people:
        sentences = _audit(options, release, population, templates)
    else:
        sentences = write_report(out, Setting(release.name, options.seeds, options.seed, templates), population)
    put_out(*sentences, out / "report.html")
    return 0


def _audit(
    options: Options, release: ResolvedRelease, population: "Population", templates: tuple[str, ...]
) -> list[str]:
    ranker_folder = find_ranker(options, release)
    if ranker_folder is None:
        hint = "name one with --ranker: a directory or a Hub id, such as openai/clip-vit-base-patch32"
        raise ConfigError(f"{release.name} brings no ranker, and pictures can't be told apart without", hint=hint)
    from dalle_mini.audit.bias import find_bias, gather
    from dalle_mini.audit.bias_report import Setting, report_folder, write_report
    from dalle_mini.audit.drawing import STRIPS, Drawer, plan_cells
    from dalle_mini.audit.marking import Marker
    from dalle_mini.audit.subjects import DESCRIPTORS, neutral_subjects, read_descriptors
    from dalle_mini.loading import load
    from dalle_mini.ranking import Clip
    from dalle_mini.safety.options import UNCHECKED

    out = Path(options.out)
    descriptors = read_descriptors(options.descriptors or DESCRIPTORS)
    cells = plan_cells([*neutral_subjects(), *population.subjects], templates, options.seed)
    with Progress(f"loading {release.name}") as bar:
        bar.show()
        digests = digest_models(release, ranker_folder)
        model, ranker = load(options.model, safety=UNCHECKED).without_ranker(), Clip.load(ranker_folder)
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
