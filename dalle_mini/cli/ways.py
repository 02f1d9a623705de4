"""The options of `generate` for other ways of drawing than one prompt on an empty canvas, and what they mean."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.cli.destination import check_writable
from dalle_mini.cli.parser import Options, number
from dalle_mini.config import Canvas, Way
from dalle_mini.errors import ConfigError, DataError, OutputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dalle_mini.generation import Generation
    from dalle_mini.serving.client import RemoteGeneration


def add_ways(parser: Any) -> None:
    group = parser.add_argument_group("ways of drawing")
    add = group.add_argument
    add(
        "--template",
        action="store_true",
        help="prompts have choices, such as '{cat|dog|fox} made of {cheese|gold|ice}', and every picture one of them",
    )
    add("--morph-to", metavar="PROMPT", default="", help="go over to this prompt, from the first picture to the last")
    add(
        "--morph-share",
        type=number,
        metavar="X",
        help="with --morph-to, how far all pictures have gone to it, from 0 to 1",
    )
    add("--like", metavar="FILE", help="draw on a picture: a PNG of this program, or any other picture")
    add(
        "--keep",
        type=number,
        metavar="X",
        help="with --like, how much of the picture stays, from the top: 0 to 1 (default: 0.5)",
    )
    add(
        "--repaint",
        metavar="FILE",
        help="with --like, a text file of 1 for each cell of the picture to draw anew and 0 for the others, row by row",
    )
    add("--animation", metavar="FILE", help="also write the drawing as it came about, to a file in .webp or .gif")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How the pictures of a grid differ, what they are drawn on, and the file that shows them coming about."""

    way: Way
    canvas: Canvas | None
    animation: Path | None


def read_ways(options: Options, prompts: "Sequence[str]") -> Wanted:
    """What the options say; ConfigError, DataError and OutputError where that can't be."""
    way = Way(options.template, options.morph_to, options.morph_share)
    return Wanted(way, _read_canvas(options), _plan_animation(options, prompts))


def _read_canvas(options: Options) -> Canvas | None:
    if options.like is None:
        for name in ("keep", "repaint"):
            if getattr(options, name) is not None:
                raise ConfigError(f"--{name} is for a picture to draw on", hint="name it with --like")
        return None
    from dalle_mini.provenance import open_upload

    content = _read(options.like)
    try:
        open_upload(content)
    except DataError as error:
        raise DataError(f"{options.like}: {error}", hint=error.hint) from error
    mask = _read(options.repaint).decode(errors="replace") if options.repaint is not None else ""
    if options.repaint is not None and not mask.strip():
        raise DataError(f"{options.repaint} is empty", hint="write 1 for each cell to draw anew and 0 for the others")
    return Canvas(content, keep=options.keep, repaint=mask)


def _plan_animation(options: Options, prompts: "Sequence[str]") -> Path | None:
    if options.animation is None:
        return None
    path = Path(options.animation)
    if path.suffix.lower() not in (".webp", ".gif") or (options.server and path.suffix.lower() != ".webp"):
        kinds = ".webp" if options.server else ".webp or .gif"
        raise OutputError(f"{options.animation} is not the name of an animation", hint=f"end the name in {kinds}")
    if len(prompts) > 1:
        raise OutputError(f"{path} is one file, but there are {len(prompts)} prompts", hint="draw them one by one")
    check_writable(path)
    return path


def save_animation(path: Path, drawn: "Generation | RemoteGeneration") -> None:
    """Write the frames that were drawn here, or the file that a server made."""
    from dalle_mini.animation import Format, encode_animation
    from dalle_mini.generation import Generation

    if isinstance(drawn, Generation):
        kind = cast(Format, path.suffix.lower().removeprefix("."))
        write_whole(path, encode_animation(drawn.frames, format=kind))
    elif drawn.animation:
        write_whole(path, drawn.animation)


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise DataError(f"can't read {path}: {error.strerror}", hint="check the path") from error
