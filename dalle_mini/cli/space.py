"""`dalle-mini space`: the folder that a Hugging Face Space is pushed from."""

import tempfile
from pathlib import Path
from typing import Any

from dalle_mini.cli.parser import Options, add_command, add_group
from dalle_mini.cli.reporting import put_out
from dalle_mini.cli.sizes import folder_bytes, format_bytes
from dalle_mini.space import build_space, check_space

_UPLOAD = "hf upload OWNER/NAME {} . --repo-type space"


def add_parser(commands: Any) -> None:
    group = add_group(commands, "space", help="put the page on a Hugging Face Space")
    build = add_command(
        group,
        "build",
        run_build,
        help="write the folder of a Space",
        details="README with the Spacefile as its front matter, app.py, requirements, the package and its assets.\n"
        f"Push it with `{_UPLOAD.format('OUT')}`.",
    )
    build.add_argument("out", metavar="OUT", type=Path, help="the folder to write; nothing may be there yet")
    check = add_command(
        group,
        "check",
        run_check,
        help="see whether a Space will run",
        details="Its front matter, files and their sizes, ranges of requirements, and whether it can be imported.\n"
        "Exit status 1 where something is wrong.",
    )
    check.add_argument(
        "folder", metavar="FOLDER", type=Path, nargs="?", help="a folder that was built (default: one built for this)"
    )


def run_build(options: Options) -> int:
    build_space(options.out)
    put_out(f"{options.out}: {format_bytes(folder_bytes(options.out))}", _UPLOAD.format(options.out))
    return 0


def run_check(options: Options) -> int:
    if options.folder:
        return _tell(check_space(options.folder))
    with tempfile.TemporaryDirectory() as folder:
        built = Path(folder) / "space"
        build_space(built)
        return _tell(check_space(built))


def _tell(problems: list[str]) -> int:
    put_out(*problems or ["all is well"])
    return int(bool(problems))
