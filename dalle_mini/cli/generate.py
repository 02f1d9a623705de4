"""`dalle-mini generate`: prompts to PNG files."""

import contextlib
import dataclasses
import json
import logging
import os
import secrets
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

import dalle_mini
from dalle_mini.checkpoints.releases import resolve, resolve_clip
from dalle_mini.cli.destination import plan_grids, sheet_path, tile_paths
from dalle_mini.cli.parser import USUAL_MODEL, Options, add_command, add_dtype, add_model, number, shorten, whole_number
from dalle_mini.cli.progress import Progress
from dalle_mini.cli.prompts import gather_prompts
from dalle_mini.cli.reporting import put_out
from dalle_mini.cli.ways import Wanted, add_ways, read_ways, save_animation
from dalle_mini.config import MAX_CANDIDATES, MAX_IMAGES, MAX_SEED, GenerationConfig, Way, check_seed
from dalle_mini.errors import ConfigError, PromptRejected
from dalle_mini.safety.options import SafetyOptions
from dalle_mini.safety.prompts import DEFAULT_MODE, MODES
from dalle_mini.tiles import list_prompts, plan_tiles

if TYPE_CHECKING:
    from dalle_mini.generation import Candidates, Generation
    from dalle_mini.pipeline import DalleMini
    from dalle_mini.serving.client import RemoteGeneration, RemoteReading
    from dalle_mini.text.tokenizer import PromptReading

    Drawn = Generation | RemoteGeneration

log = logging.getLogger(__name__)

_DETAILS = """\
Every PROMPT is drawn on its own: put one of several words in quotes. The paths of
the grids are printed, one a line. The same prompt, settings and seed give the same
pixels, and a picture is the same however many are drawn.

A model with a CLIP in its folder, or one given by --ranker, draws more than it
shows: the best of --candidates, best first. docs/ranking.md tells more."""
_CONTACT = "docs/safety.md says what is refused, and what --safety does"
_SETTINGS = ("images", "guidance_scale", "temperature", "top_k", "top_p", "candidates", "variety", "not_this")


class Draw(Protocol):
    """Draws a prompt here or elsewhere."""

    def __call__(self, prompt: str, seed: int) -> "Drawn": ...


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "generate", run, help="draw a grid of pictures for every prompt", details=_DETAILS)
    parser.add_argument("prompt", metavar="PROMPT", nargs="*", help="what to draw")
    parser.add_argument(
        "--prompts",
        metavar="FILE",
        help="more prompts, one a line; - is the standard input. Blank lines and lines that start with # are skipped",
    )
    output = parser.add_argument_group("output")
    output.add_argument(
        "--out",
        metavar="PATH",
        help="a file that ends in .png, which is overwritten, or a folder for pictures named "
        "after their prompts and seeds, in which nothing is (default: the current folder)",
    )
    output.add_argument(
        "--tiles",
        action="store_true",
        help="also write every picture by itself: NAME_1.png and so on beside NAME.png",
    )
    output.add_argument(
        "--candidates-sheet",
        action="store_true",
        help="also write every candidate with its mark, best first, those left out in gray: NAME_candidates.png",
    )
    output.add_argument(
        "--json",
        action="store_true",
        help="print a line of JSON for every prompt: files, recipe, seeds, marks, verdicts, how the prompt was read, "
        "all candidates and what each word carries, seconds",
    )
    output.add_argument(
        "--show-flagged",
        action="store_true",
        help="write pictures as they were drawn that are else blurred, because they may show nudity or sex",
    )
    output.add_argument("--quiet", action="store_true", help="no progress and no notes")
    _add_model_options(parser)
    _add_settings(parser)
    add_ways(parser)


def _add_model_options(parser: Any) -> None:
    model = parser.add_argument_group("model")
    add_model(model, default=None)
    for part in ("vqgan", "tokenizer"):
        model.add_argument(
            f"--{part}",
            metavar="DIR",
            help=f"directory or Hub id of the {part}, for a model without its own",
        )
    model.add_argument(
        "--ranker",
        metavar="DIR",
        help="directory or Hub id of the CLIP that marks the pictures, such as openai/clip-vit-base-patch32 "
        "(default: the folder clip inside the model's, if there is one)",
    )
    model.add_argument(
        "--safety",
        choices=MODES,
        metavar="MODE",
        help="which prompts are refused: off, family or strict; what sexualizes minors is in each "
        f"(default: {DEFAULT_MODE})",
    )
    add_dtype(model)
    model.add_argument("--offline", action="store_true", help="download nothing")
    model.add_argument(
        "--server",
        metavar="URL",
        help="draw on the server at this address, with its own models; $DALLE_MINI_API_KEY is sent if it is set",
    )


def _add_settings(parser: Any) -> None:
    group = parser.add_argument_group("settings", "Each is the model's own unless given.")
    add = group.add_argument
    add("--seed", type=whole_number, metavar="N", help=f"0 to {MAX_SEED} (default: a random one)")
    add("--images", type=whole_number, metavar="N", help=f"pictures in a grid, 1 to {MAX_IMAGES}")
    add("--guidance-scale", type=number, metavar="X", help="how strictly to follow the prompt")
    add("--temperature", type=number, metavar="X", help="above 1 bolder, below 1 safer")
    add("--top-k", type=whole_number, metavar="N", help="draw from the best N tokens; 0: from all")
    add("--top-p", type=number, metavar="X", help="draw from the best tokens of this probability")
    add(
        "--candidates",
        type=whole_number,
        metavar="N",
        help=f"pictures to draw and choose from, up to {MAX_CANDIDATES}; needs a ranker to be more than are shown",
    )
    add("--variety", type=number, metavar="X", help="0 shows the best candidates, 1 the most unlike ones")
    add("--not-this", metavar="PROMPT", help="what should not be seen, in words")


def run(options: Options) -> int:
    """Whatever can be found wrong is, before the first picture is drawn."""
    given = {name: value for name in _SETTINGS if (value := getattr(options, name)) is not None}
    GenerationConfig.from_dict({"images": 1, **given})
    prompts = gather_prompts(options.prompt, options.prompts)
    wanted = read_ways(options, prompts)
    seeds = [_choose_seed(options.seed) for _ in prompts]
    grids = plan_grids(prompts, seeds, out=options.out, tiles=options.tiles or options.candidates_sheet)
    if not options.quiet:
        _warn_of_single_words(options.prompt)
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(Progress(quiet=options.quiet))
        if options.server:
            draw = _reach_server(options, given, wanted, bar, stack)
        else:
            safety = SafetyOptions(options.safety or DEFAULT_MODE, _CONTACT)
            _check_prompts(prompts, options.not_this, wanted.way, safety)
            draw = _load_model(options, given, prompts, wanted, safety, bar)
        for number, (prompt, seed, grid) in enumerate(zip(prompts, seeds, grids, strict=True), 1):
            started = time.perf_counter()
            bar.label = f"{number}/{len(prompts)} {shorten(prompt)}"
            bar.show(0)
            result = draw(prompt, seed)
            if options.show_flagged:
                result = cast("Generation", result).unblurred()
            files = _save(result, grid, wanted.animation, options)
            seconds = time.perf_counter() - started
            bar.clear()
            if not options.quiet:
                _tell_choice(result)
                _tell_flags(result, options)
            put_out(json.dumps(_record(result, files, seconds)) if options.json else "\n".join(files.listed()))
    return 0


def _check_prompts(prompts: list[str], not_this: str | None, way: Way, safety: SafetyOptions) -> None:
    """Refuse what is not drawn, naming a prompt of many by its number: its words are not repeated."""
    for place, prompt in enumerate(prompts, 1):
        try:
            for text in (*list_prompts(plan_tiles(prompt, way, images=MAX_IMAGES)), not_this or ""):
                safety.check(text)
        except PromptRejected as error:
            if len(prompts) == 1:
                raise
            message = f"prompt {place} of {len(prompts)}: {error}"
            raise PromptRejected(message, category=error.category, hint=error.hint) from None


def _load_model(
    options: Options,
    given: dict[str, Any],
    prompts: list[str],
    wanted: Wanted,
    safety: SafetyOptions,
    bar: Progress,
) -> Draw:
    """Draw here; what the model can't read is refused at once."""
    model, way = _load(options, safety, bar), wanted.way
    settings = model.complete(model.settings(**given), way)
    readings = {prompt: model.read(prompt, settings, way) for prompt in prompts}
    if wanted.canvas:
        way = dataclasses.replace(way, kept=model.keep(wanted.canvas))

    def draw(prompt: str, seed: int) -> "Generation":
        bar.clear()
        _tell_reading(readings[prompt], "" if way.has_many_prompts else model.went_by(prompt), quiet=options.quiet)
        result = _draw(model, prompt, settings, seed, way, bar)
        if wanted.animation:
            bar.label = f"writing {wanted.animation}"
            bar.show()
            result = dataclasses.replace(result, frames=tuple(model.replay(result)))
        return result

    return draw


def _reach_server(
    options: Options,
    given: dict[str, Any],
    wanted: Wanted,
    bar: Progress,
    stack: contextlib.ExitStack,
) -> Draw:
    """Draw on another machine."""
    for name in ("vqgan", "tokenizer", "ranker", "dtype", "offline", "safety", "candidates_sheet", "show_flagged"):
        if getattr(options, name):
            raise ConfigError(
                f"--{name.replace('_', '-')} is for models on this machine", hint="leave it out, or --server"
            )
    from dalle_mini.serving.client import Client

    client = stack.enter_context(Client(options.server, api_key=os.environ.get("DALLE_MINI_API_KEY", "")))

    def draw(prompt: str, seed: int) -> "RemoteGeneration":
        result = client.generate(
            prompt,
            model=options.model,
            seed=seed,
            **given,
            way=wanted.way,
            canvas=wanted.canvas,
            animation=wanted.animation is not None,
            on_progress=lambda progress: bar.show(progress.share),
        )
        bar.clear()
        _tell_reading(result.reading, result.went_by, quiet=options.quiet)
        return result

    return draw


def _choose_seed(seed: int | None) -> int:
    return secrets.randbelow(MAX_SEED + 1) if seed is None else check_seed(seed)


def _load(options: Options, safety: SafetyOptions, bar: Progress) -> "DalleMini":
    if options.quiet:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    parts = {
        "vqgan": options.vqgan,
        "tokenizer": options.tokenizer,
        "offline": options.offline or None,
    }
    started = time.perf_counter()
    # Unknown names are refused here, and downloads made, before JAX takes its time to import.
    name = options.model or USUAL_MODEL
    resolve(name, **parts)
    if options.ranker is not None:
        resolve_clip(options.ranker, offline=parts["offline"])
    bar.label = f"loading {name}"
    bar.show()
    model = dalle_mini.load(name, ranker=options.ranker, dtype=options.dtype, safety=safety, **parts)
    log.debug("loaded %s in %.1f s", model.name, time.perf_counter() - started)
    return model


def _draw(
    model: "DalleMini", prompt: str, settings: GenerationConfig, seed: int, way: Way, bar: Progress
) -> "Generation":
    for progress in model.draw(prompt, settings, seed=seed, way=way):
        bar.show(progress.done / progress.total)
        if progress.result is not None:
            return progress.result
    raise AssertionError("a drawing ended without a result")


@dataclasses.dataclass(frozen=True)
class _Files:
    """What was written for a prompt."""

    grid: Path
    tiles: list[Path]
    sheet: Path | None
    animation: Path | None

    def listed(self) -> list[str]:
        return [str(path) for path in (self.grid, *self.tiles, self.sheet, self.animation) if path]


def _save(result: "Drawn", grid: Path, animation: Path | None, options: Options) -> _Files:
    """Write the grid and what else was asked for."""
    result.save(grid)
    files = _Files(
        grid,
        tile_paths(grid, len(result.images)) if options.tiles else [],
        sheet_path(grid) if options.candidates_sheet else None,
        animation,
    )
    for index, path in enumerate(files.tiles):
        result.save_tile(index, path)
    if files.sheet:
        # Only here: a server tells of no candidates, so --server refuses to ask for them.
        cast("Generation", result).save_sheet(files.sheet)
    if animation:
        save_animation(animation, result)
    return files


def _record(result: "Drawn", files: _Files, seconds: float) -> dict[str, Any]:
    """What --json prints."""
    reading = result.reading
    return {
        "prompt": reading.prompt,
        "path": str(files.grid),
        "tiles": [str(path) for path in files.tiles],
        "candidates_sheet": str(files.sheet) if files.sheet else None,
        "animation": str(files.animation) if files.animation else None,
        "prompts": result.prompts,
        "seeds": result.seeds,
        "marks": result.marks,
        "verdicts": None if result.verdicts is None else list(map(dataclasses.asdict, result.verdicts)),
        "recipe": result.recipe,
        "reading": {"text": reading.text, "notes": reading.notes, "cut": reading.cut_text},
        "candidates": _describe_candidates(result.candidates) if result.candidates else [],
        "notes": result.notes,
        "seconds": round(seconds, 3),
    }


def _describe_candidates(candidates: "Candidates") -> list[dict[str, Any]]:
    return [
        {
            "seed": candidates.seeds[place],
            "mark": candidates.mark(place),
            "shown": place in candidates.shown,
            "words": candidates.word_weights(place),
        }
        for place in candidates.ranked
    ]


def _tell_flags(result: "Drawn", options: Options) -> None:
    flagged = any(verdict.flagged for verdict in result.verdicts or ())
    if flagged and not options.show_flagged and not options.server:
        _note("--show-flagged, with the same seed, writes it as it was drawn")


def _tell_choice(result: "Drawn") -> None:
    count, shown = result.settings.candidates or 0, len(result.images)
    if count > shown:
        _note(f"the best {shown} of {count}" if not result.settings.variety else f"{shown} of {count}, good and varied")
    for note in result.notes:
        _note(note)


def _tell_reading(reading: "PromptReading | RemoteReading", went_by: str, *, quiet: bool) -> None:
    if quiet:
        return
    if reading.notes:
        _note(f"read as {shorten(reading.text)}: {', '.join(reading.notes)}")
    if reading.cut_text:
        _note(f"too long for the model, which does not see the end: {shorten(reading.cut_text)}")
    if went_by:
        _note(went_by)


def _warn_of_single_words(prompts: list[str]) -> None:
    if len(prompts) > 1 and not any(" " in prompt for prompt in prompts):
        _note(f"{len(prompts)} prompts of one word each; put one of several words in quotes")


def _note(text: str) -> None:
    print(f"note: {text}", file=sys.stderr)
