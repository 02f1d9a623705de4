"""Notices when the device hangs: a step can't be interrupted, so the process has to end."""

import math
import threading
import time
from collections.abc import Callable

_SECONDS_BETWEEN = 1.0


class Watchdog:
    """Calls `on_stall`, once, when what was expected has not come in time."""

    def __init__(self, on_stall: Callable[[], object], *, clock: Callable[[], float] = time.monotonic) -> None:
        self.stalled = False
        self._on_stall, self._clock = on_stall, clock
        self._due = math.inf
        self._ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="watchdog", daemon=True).start()

    def stop(self) -> None:
        self._ended.set()

    def expect(self, seconds: float) -> None:
        """Something has to happen within so many seconds."""
        self._due = self._clock() + seconds

    def rest(self) -> None:
        """Nothing is expected."""
        self._due = math.inf

    def check(self) -> None:
        if self._clock() > self._due and not self.stalled:
            self.stalled = True
            self._on_stall()

    def _run(self) -> None:
        while not self._ended.wait(_SECONDS_BETWEEN):
            self.check()
