"""`dalle-mini evaluate`: how often a model draws what it was asked for, by a judge."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dalle_mini.checkpoints.releases import resolve
from dalle_mini.cli.extras import require_training
from dalle_mini.cli.parser import Options, add_command, add_model, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.reporting import put_out
from dalle_mini.config import MAX_IMAGES, MAX_SEED, GenerationConfig, check_seed
from dalle_mini.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from dalle_mini.checkpoints.releases import ResolvedRelease
    from dalle_mini.evaluate.prompts import PromptList
    from dalle_mini.evaluate.verdicts import PictureSource, Ranker
    from dalle_mini.judging import Judge

_BASELINES = ("random", "nearest", "reconstruction")
_DETAILS = """\
A line of FILE is a prompt, and behind tabs what its picture should show:
    two red cats on the moon<TAB>thing=cat<TAB>count=2<TAB>attribute=red<TAB>background=moon
Fields that a line does not name are not judged. Lines without any are read by the
model's lexicon.tsv, where it has one. Writes report.json, report.md and sheet.png.

Without prompts, the judge itself is measured on labelled pictures. docs/evaluation.md
tells more."""
_TRAIN_ONE = (
    "give one with --judge; this trains one: "
    "dalle-mini train judge recipes/nano/judge.toml --workdir out/nano/judge; it is then in out/nano/judge/model"
)


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands, "evaluate", run, help="measure how often a model draws what it was asked for", details=_DETAILS
    )
    add = parser.add_argument
    add_model(parser)
    add("--prompts", metavar="FILE", help="the prompts, one a line")
    add("--out", metavar="DIR", help="a folder for the report: a new one, or that of an earlier report")
    add("--judge", metavar="DIR", help="the judge (default: the folder judge inside the model's)")
    add("--clip", metavar="DIR", help="also judge the picture of each prompt that this CLIP finds best")
    add(
        "--images", type=whole_number, metavar="N", default=1, help=f"pictures a prompt, 1 to {MAX_IMAGES} (default: 1)"
    )
    add("--seed", type=whole_number, metavar="N", default=0, help=f"0 to {MAX_SEED} (default: 0)")
    add("--limit", type=whole_number, metavar="N", help="no more than the first N prompts, or labelled pictures")
    add(
        "--baseline",
        choices=_BASELINES,
        metavar="NAME",
        help="judge in place of the model's pictures: `random` tokens; the `nearest` of --pictures by its caption; the "
        "model's VQGAN's `reconstruction` of --pictures, which is the most that a model can reach and takes no prompts",
    )
    add("--pictures", metavar="DIR", help="a folder of labelled pictures, for a baseline or to measure the judge")


def run(options: Options) -> int:
    """Whatever can be found wrong is, before the first picture is drawn."""
    _check(options)
    require_training()
    if options.prompts is None and options.baseline is None:
        return _run_judge(options)
    return _run_model(options)


def _check(options: Options) -> None:
    check_seed(options.seed)
    GenerationConfig(images=options.images)
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit {options.limit} leaves nothing", hint="give a number from 1 up")
    if options.clip and (options.images < 2 or options.baseline):
        raise ConfigError("--clip chooses among a model's pictures", hint="give --images 2 or more, and no --baseline")
    if options.baseline and options.images > 1:
        raise ConfigError(f"a baseline has one picture a prompt, not {options.images}", hint="leave --images out")
    if options.baseline in ("nearest", "reconstruction") and not options.pictures:
        raise ConfigError(f"--baseline {options.baseline} needs --pictures", hint="name a folder of labelled pictures")
    if options.baseline == "reconstruction" and options.prompts:
        raise ConfigError(
            "--baseline reconstruction goes by the pictures' own labels",
            hint="leave --prompts out; --limit takes fewer",
        )
    if options.prompts is None and options.baseline != "reconstruction":
        if options.baseline or not options.pictures:
            raise ConfigError(
                "nothing to draw", hint="name a file: --prompts FILE; or --pictures DIR for the judge alone"
            )
    elif options.out is None:
        raise ConfigError("--out is missing", hint="name a folder for the report")
    if options.out is not None:
        from dalle_mini.cli.destination import check_writable
        from dalle_mini.evaluate.report import report_folder
        from dalle_mini.reports.folder import JSON

        report_folder(Path(options.out)).check()
        check_writable(Path(options.out) / JSON)


def _run_judge(options: Options) -> int:
    from dalle_mini.checkpoints.digests import model_digest
    from dalle_mini.data.loader import read_in_order
    from dalle_mini.data.shards import RecordSet
    from dalle_mini.evaluate.report import describe_judge, write_judge_report, write_judge_table
    from dalle_mini.judging import LANES, Judge, score

    folder = _find_judge(options, resolve(options.model)) if options.judge is None else Path(options.judge)
    judge, pictures = Judge.load(folder), RecordSet.open(options.pictures, "pictures")
    count = min(options.limit or len(pictures), len(pictures))
    with Progress("judging") as bar:
        batches = _shown(read_in_order(pictures, 0, count, LANES), bar, count)
        scores = score(judge, ((batch.arrays["pixels"], batch.labels) for batch in batches))
    if not scores:
        raise ConfigError(
            f"{options.pictures} is not labelled", hint="the judge can only be measured on labelled pictures"
        )
    found = {name: each.to_dict() for name, each in scores.items()}
    values = describe_judge(found, {"judge": model_digest(folder)})
    if options.out is not None:
        write_judge_report(Path(options.out), values)
    put_out(write_judge_table(values).rstrip("\n"))
    return 0


def _shown(batches: Any, bar: Progress, count: int) -> Any:
    done = 0
    for batch in batches:
        yield batch
        done += len(batch.ids)
        bar.count(done / count, done)


def _run_model(options: Options) -> int:
    release = resolve(options.model)
    folder = _find_judge(options, release)
    from dalle_mini.compilation import enable_compilation_cache
    from dalle_mini.evaluate.report import Setting, describe, write_report, write_table
    from dalle_mini.evaluate.verdicts import evaluate
    from dalle_mini.judging import Judge

    enable_compilation_cache()
    with Progress("loading") as bar:
        bar.show()
        judge = Judge.load(folder)
        found = _gather(options, release, judge)
        prompts = found.prompts[: options.limit]
        source, ranker = _find_source(options, release), _find_ranker(options)
        bar.label = f"judging {source.name}"
        bar.show(0)
        judged = evaluate(source, judge, prompts, seed=options.seed, ranker=ranker, on_progress=bar.count)
        digests = _digest_files(options, release, folder)
    setting = Setting(source.name, options.images, options.seed, digests, found.skipped, source.settings)
    values = describe(setting, judge, judged)
    write_report(Path(options.out), values, judged)
    put_out(write_table(values).rstrip("\n"))
    return 0


def _find_judge(options: Options, release: "ResolvedRelease") -> Path:
    folder = release.transformer / "judge" if options.judge is None else Path(options.judge)
    if not folder.is_dir():
        what = f"{options.model} brings no judge" if options.judge is None else f"{folder} holds no judge"
        raise CheckpointError(what, hint=_TRAIN_ONE)
    return folder


def _gather(options: Options, release: "ResolvedRelease", judge: "Judge") -> "PromptList":
    """What to draw: the lines of a file, or the captions of labelled pictures."""
    from dalle_mini.evaluate.prompts import find_reader, read_captions, read_prompts

    if options.prompts is None:
        return read_captions(options.pictures, judge.config)
    return read_prompts(options.prompts, judge.config, find_reader(release.transformer))


def _find_source(options: Options, release: "ResolvedRelease") -> "PictureSource":
    from dalle_mini.checkpoints.store import load_vqgan
    from dalle_mini.data.shards import RecordSet
    from dalle_mini.evaluate import pictures
    from dalle_mini.loading import load
    from dalle_mini.safety.options import UNCHECKED

    match options.baseline:
        case None:
            return pictures.Drawn(load(options.model, safety=UNCHECKED), options.images)
        case "nearest":
            return pictures.NearestScene.of(RecordSet.open(options.pictures, "pictures"))
        case "random":
            config, params = load_vqgan(release.vqgan)
            return pictures.RandomTokens(params, config)
        case _:
            config, params = load_vqgan(release.vqgan)
            return pictures.Reconstruction(params, config, RecordSet.open(options.pictures, "pictures"))


def _digest_files(options: Options, release: "ResolvedRelease", judge: Path) -> dict[str, str]:
    """A digest of everything that a report depends on."""
    from dalle_mini.checkpoints.digests import model_digest

    folders = {"judge": judge, "vqgan": release.vqgan}
    if options.baseline is None:
        folders["model"] = release.transformer
    if options.clip:
        folders["clip"] = Path(options.clip)
    digests = {name: model_digest(folder) for name, folder in folders.items()}
    if options.prompts:
        digests["prompts"] = hashlib.sha256(Path(options.prompts).read_bytes()).hexdigest()
    return digests


def _find_ranker(options: Options) -> "Ranker | None":
    if not options.clip:
        return None
    from dalle_mini.ranking import Clip

    return Clip.load(options.clip)
