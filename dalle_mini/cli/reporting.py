"""What a command says on stderr when it doesn't go well, and the exit status it leaves with."""

import contextlib
import logging
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Generator

from dalle_mini.errors import DalleMiniError, OutputError

UNEXPECTED, REFUSED, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141


def report(error: BaseException, *, command: str, verbose: bool) -> int:
    """Say what happened to a command; the exit status."""
    if verbose:
        traceback.print_exception(error)
    match error:
        case SystemExit():
            return error.code if isinstance(error.code, int) else 0
        case KeyboardInterrupt():
            return INTERRUPTED
        case BrokenPipeError():
            _drop_output()
            return BROKEN_PIPE
        case DalleMiniError():
            _say(str(error), error.hint or f"see {command} --help")
            return REFUSED
    hint = "run it again with -v, and report what that shows: this is a mistake in dalle-mini"
    _say(f"unexpected {type(error).__name__}: {error}", hint)
    return UNEXPECTED


def _say(message: str, hint: str) -> None:
    print(_harmless(f"error: {message}\nhint: {hint}"), file=sys.stderr)


def _harmless(text: object) -> str:
    """The text with control characters spelled out: names of files may hold what a terminal would obey."""
    return re.sub(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", lambda found: repr(found[0])[1:-1], str(text))


def put_out(*lines: object) -> None:
    """Print lines to the standard output at once, while a failure can still be told."""
    try:
        print(*map(_harmless, lines), sep="\n", flush=True)
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop_output()
        message = f"can't write to the standard output: {error.strerror}"
        raise OutputError(message, hint="free some space, or send it elsewhere") from error


def _drop_output() -> None:
    """Keep the interpreter from trying once more, and complaining, when it leaves."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def log_to_stderr(level: int, *, verbose: bool) -> Generator[None]:
    """Show the log of this package from `level` up, all of it where `verbose`, each line once: libraries that log for
    the first time give the root logger a handler of its own."""
    logger = logging.getLogger("dalle_mini")
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    level_before, propagate_before = logger.level, logger.propagate
    logger.setLevel(logging.DEBUG if verbose else level)
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level_before)
        logger.propagate = propagate_before


@contextlib.contextmanager
def unwind_on_sigterm() -> Generator[None]:
    """Let SIGTERM take the way of an exception, so that unfinished files are removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
