"""The folder of a report: its files appear together, and a folder with anything else in it is refused."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dalle_mini.checkpoints.staging import Staging, output_errors, write_whole
from dalle_mini.errors import OutputError

JSON, UNFINISHED = "report.json", "unfinished.json"
_AGAIN = "choose another folder, or an empty one; nothing was changed"


@dataclasses.dataclass(frozen=True)
class ReportFolder:
    """`made_by` is the command, as report.json says too; `names` is what else it writes."""

    path: Path
    made_by: str
    names: frozenset[str]

    def check(self) -> None:
        """Refuse a folder with anything in it but an earlier report of this command, before there is work to lose."""
        if self.path.exists() and not self.path.is_dir():
            raise OutputError(f"{self.path} is a file", hint="name a folder")
        with output_errors(self.path):
            held = {path.name for path in self.path.iterdir()} if self.path.exists() else set()
        ours = any(self._is_ours(self.path / name) for name in (JSON, UNFINISHED))
        foreign = sorted(held - {JSON, UNFINISHED} - self.names) or (sorted(held) if not ours else [])
        if foreign:
            message = f"{self.path} holds something else: {', '.join(foreign[:3])}{', …' * (len(foreign) > 3)}"
            raise OutputError(message, hint=_AGAIN)

    def claim(self) -> None:
        """Mark the folder as this command's while the report is not written yet, so that the same call may go on."""
        self.check()
        write_whole(self.path / UNFINISHED, _encode({"made_by": self.made_by}))

    def write(self, values: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
        """Write report.json, which is `values`, and the other files, all or none; OutputError if they can't be."""
        assert values["made_by"] == self.made_by and set(files) <= self.names
        self.check()
        with Staging(self.path) as staging:
            staging.write(JSON, _encode(values))
            for name, content in files.items():
                staging.write(name, content)
            staging.commit(last=JSON)
        with output_errors(self.path):
            (self.path / UNFINISHED).unlink(missing_ok=True)

    def _is_ours(self, path: Path) -> bool:
        try:
            values = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            return False
        return isinstance(values, dict) and values.get("made_by") == self.made_by


def _encode(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
