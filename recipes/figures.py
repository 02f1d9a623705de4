"""Puts the figures of runs into the documents that tell them, so that nobody copies a number by hand.

    python benchmarks/safety.py | python -m recipes.figures keep safety-prompts
    python -m recipes.figures keep nano-table --file out/nano/table/table.md
    python -m recipes.figures fill

What a run printed, JSON or a table in Markdown, is kept in `recipes/runs`. A document has places for it:

    <!-- figures: safety-prompts -->
    <!-- end of figures -->

and `fill`, which `keep` ends with, writes there what recipes/renderers.py makes of the run, or the table as it is. A
test holds that documents and runs agree.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.errors import ConfigError, DalleMiniError
from recipes.renderers import LINES, RENDERERS

ROOT = Path(__file__).parent.parent
RUNS = Path(__file__).parent / "runs"
DOCUMENTS = (
    "README.md",
    "assets/nano/MODEL_CARD.md",
    "docs/performance.md",
    "docs/ranking.md",
    "docs/safety.md",
    "docs/serving.md",
    "recipes/nano/RESULTS.md",
)
FIRST_CONTACT = "tests/safety/first_contact.json"

_PLACE = re.compile(r"(<!-- figures: (\S+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
_TO_COME = "The figures are to come.\n"


def keep(name: str, printed: str) -> Path:
    """Keep what a run printed, in place of an earlier one of that name; where it is JSON, the last line counts, or all
    that are JSON."""
    if name not in RENDERERS:
        path, text = RUNS / f"{name}.md", printed
        if not printed.startswith("|"):
            raise ConfigError(f"{name} has no table in Markdown", hint=f"JSON is known for {', '.join(RENDERERS)}")
    else:
        path, text = RUNS / f"{name}.json", json.dumps(_read_json(name, printed), indent=1) + "\n"
    RUNS.mkdir(exist_ok=True)
    write_whole(path, text.encode())
    return path


def _read_json(name: str, printed: str) -> Any:
    lines = printed.strip().split("\n")
    try:
        return [json.loads(line) for line in lines] if name in LINES else json.loads(lines[-1])
    except json.JSONDecodeError as error:
        raise ConfigError(f"{name} did not end with a line of JSON: {error}", hint="did the run fail?") from error


def render(name: str) -> str:
    """The Markdown of a run; of one that is known but has not been kept yet, that it is to come."""
    if name not in RENDERERS:
        return _read(RUNS / f"{name}.md")
    source = ROOT / FIRST_CONTACT if name == "safety-first-contact" else RUNS / f"{name}.json"
    if not source.exists():
        return _TO_COME
    return RENDERERS[name](json.loads(_read(source)))


def _read(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"there is no run {path.stem}", hint="`python -m recipes.figures keep` keeps what it prints")
    return path.read_text("utf-8")


def filled(document: str) -> str:
    """A document with the figures of today's runs in their places."""
    return _PLACE.sub(lambda place: f"{place[1]}\n{render(place[2])}\n{place[3]}", document)


def fill() -> list[Path]:
    """Bring all documents up to date; those that changed."""
    changed = []
    for path in (ROOT / name for name in DOCUMENTS):
        before = path.read_text("utf-8")
        if (after := filled(before)) != before:
            write_whole(path, after.encode())
            changed.append(path)
    return changed


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.figures", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    keeper = commands.add_parser("keep", help="keep what a run printed, and fill it in")
    keeper.add_argument("name")
    keeper.add_argument("--file", type=Path, help="default: standard input")
    commands.add_parser("fill", help="write the figures of the kept runs into the documents")
    options = parser.parse_args(arguments)
    try:
        if options.command == "keep":
            print(keep(options.name, options.file.read_text("utf-8") if options.file else sys.stdin.read()))
        print(*(f"{path.relative_to(ROOT)} is up to date now" for path in fill()), sep="\n")
    except (DalleMiniError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
