"""The page's server, in a process of its own."""

import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[1]
PATIENCE = 90
"""Seconds that anything may take on a busy machine."""


class Server:
    """`python app.py`, or another `program`, with a tiny model; `log` is what it has printed so far.

    `settings` are those of `serving.settings`, as texts.
    """

    def __init__(self, model: Path, home: Path, *options: str, program: str = "app.py", **settings: str) -> None:
        self.log, self.address = "", ""
        self._ended = False
        self._grown = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, program, "-v", "--port", "0", "--model", str(model), *options],
            cwd=ROOT,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "DALLE_MINI_HOME": str(home),
                "HF_HUB_CACHE": str(home / "hub-cache"),
                # All tests come from one address.
                "DALLE_MINI_ORDERS_AT_ONCE": "1000",
                **{f"DALLE_MINI_{name.upper()}": value for name, value in settings.items()},
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_for(self, pattern: str, start: int = 0, *, patience: float = PATIENCE) -> re.Match[str]:
        """What matches in the log behind `start`, as soon as it is there."""
        with self._grown:
            self._grown.wait_for(lambda: self._ended or re.search(pattern, self.log[start:]), patience)
        found = re.search(pattern, self.log[start:])
        assert found, f"no {pattern!r} in:\n{self.log}"
        return found

    def close(self) -> int:
        """End the server as a service manager would; the exit status."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self._reader.join()

    def _read(self) -> None:
        assert self.process.stdout
        with self.process.stdout as lines:
            for line in lines:
                with self._grown:
                    self.log += line
                    self._grown.notify_all()
        with self._grown:
            self._ended = True
            self._grown.notify_all()
