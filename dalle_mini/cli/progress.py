"""A line on a terminal that says how far something is; nothing where nobody watches."""

import shutil
import sys
from types import TracebackType

_CELLS = 24


class Progress:
    """Use in a `with` block, which takes the line away at its end; `label` says what is done."""

    def __init__(self, label: str = "", *, quiet: bool = False) -> None:
        self.label = label
        self._shown = sys.stderr.isatty() and not quiet

    def show(self, share: float | None = None) -> None:
        """Show the label, and how much of it is done, from 0 to 1, where that is known."""
        if not self._shown:
            return
        filled = 0 if share is None else round(share * _CELLS)
        bar = "" if share is None else f" [{'#' * filled:-<{_CELLS}}] {share:4.0%}"
        room = shutil.get_terminal_size().columns - len(bar) - 1
        self._write(f"{self.label[: max(room, 0)]}{bar}")

    def clear(self) -> None:
        if self._shown:
            self._write("")

    def _write(self, line: str) -> None:
        sys.stderr.write(f"\r\x1b[K{line}")
        sys.stderr.flush()

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.clear()
