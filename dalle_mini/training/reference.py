"""The text of `docs/run-files.md`, written from the dataclasses that run files become:

python -m dalle_mini.training.reference > docs/run-files.md
"""

import dataclasses
import inspect
import json
from collections.abc import Iterator

from dalle_mini.training import clip, features, judge, transformer, vqgan

TRAINERS = {
    "transformer": transformer.TABLES,
    "vqgan": vqgan.TABLES,
    "features": features.TABLES,
    "clip": clip.TABLES,
    "judge": judge.TABLES,
}
_HEAD = """\
# Run files

<!-- Written by `python -m dalle_mini.training.reference > docs/run-files.md`. -->

What a run file may say, by trainer and table, with defaults. [training.md](training.md) tells how they are used; those
in `recipes/` are examples.
"""


def write_reference() -> str:
    """The whole document; a table that several trainers share is described at the first."""
    lines, seen = [_HEAD], dict[type, str]()
    for trainer, tables in TRAINERS.items():
        lines.append(f"## {trainer}\n")
        for table, section in tables.items():
            if section in seen:
                lines.append(f"**[{table}]** as for {seen[section]}.\n")
                continue
            seen[section] = trainer
            lines += _describe(table, section)
    return "\n".join(lines)


def _describe(table: str, section: type) -> Iterator[str]:
    yield f"**[{table}]** {inspect.getdoc(section)}\n"
    yield "| name | default |"
    yield "|---|---|"
    for field in dataclasses.fields(section):
        yield f"| `{field.name}` | {_default(field)} |"
    yield ""


def _default(field: dataclasses.Field) -> str:
    if field.default is dataclasses.MISSING:
        return "must be given"
    return f"`{json.dumps(field.default)}`"


if __name__ == "__main__":
    print(write_reference(), end="")
