"""A line on a terminal that says how far something is; where nobody watches nothing, or lines of a log now and then."""

import math
import shutil
import sys
import time
from types import TracebackType

_CELLS = 24
_SECONDS_BETWEEN = 0.1
_LOGGED_PARTS = 10


class Progress:
    """Use in a `with` block, which takes the line away at its end; `label` says what is done.

    `logged` is for what takes minutes: without a terminal, every label and every tenth of it gets a line of its own.
    """

    def __init__(self, label: str = "", *, quiet: bool = False, logged: bool = False) -> None:
        self.label = label
        self._shown = sys.stderr.isatty() and not quiet
        self._logged = logged and not self._shown
        self._told = ("", 0)
        self._began: tuple[float, float, int] | None = None
        self._counted = -math.inf

    def show(self, share: float | None = None) -> None:
        """Show the label, and how much of it is done, from 0 to 1, where that is known."""
        if self._shown:
            self._write(share, "")
        elif self._logged:
            self._log(share or 0.0)

    def count(self, share: float, done: int) -> None:
        """Show the share, how many of what is counted are done a second, and the time that is left."""
        now = time.monotonic()
        if not self._shown or now - self._counted < _SECONDS_BETWEEN:
            return
        self._began = self._began or (now, share, done)
        self._counted = now
        self._write(share, _describe_pace(now - self._began[0], share, share - self._began[1], done - self._began[2]))

    def clear(self) -> None:
        if self._shown:
            self._put("")

    def _log(self, share: float) -> None:
        standing = (self.label, int(share * _LOGGED_PARTS))
        if standing != self._told:
            self._told = standing
            print(f"{self.label} {share:.0%}", file=sys.stderr, flush=True)

    def _write(self, share: float | None, pace: str) -> None:
        filled = 0 if share is None else round(share * _CELLS)
        bar = "" if share is None else f" [{'#' * filled:-<{_CELLS}}] {share:4.0%}"
        room = shutil.get_terminal_size().columns - len(bar) - len(pace) - 1
        self._put(f"{self.label[: max(room, 0)]}{bar}{pace}")

    def _put(self, line: str) -> None:
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


def _describe_pace(seconds: float, share: float, gained: float, done: int) -> str:
    """How fast it goes and when it ends, after a first second has told."""
    if seconds < 1 or gained <= 0:
        return ""
    left = round(seconds * (1 - share) / gained)
    minutes, rest = divmod(left, 60)
    hours, minutes = divmod(minutes, 60)
    clock = f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
    return f" {done / seconds:,.0f}/s, {clock} left"
