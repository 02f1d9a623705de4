"""The prompts of a command line: its arguments, then the lines of a file."""

import sys
from collections.abc import Sequence
from pathlib import Path

from dalle_mini.cli.parser import shorten
from dalle_mini.errors import PromptError

_EXAMPLE = 'for example: dalle-mini generate "a red car at the beach"'


def gather_prompts(arguments: Sequence[str], file: str | None) -> list[str]:
    """Every prompt, in order; PromptError where there is none, or one that can't be read."""
    for prompt in arguments:
        _check(prompt)
    prompts = [*arguments, *(_read_lines(file) if file is not None else ())]
    if not prompts:
        raise PromptError("no prompt", hint=_EXAMPLE)
    return prompts


def _check(prompt: str) -> None:
    if not prompt.strip():
        raise PromptError("the prompt is empty", hint=_EXAMPLE)
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise PromptError(f"the prompt {shorten(prompt)} is not UTF-8", hint=_EXAMPLE) from error


def _read_lines(file: str) -> list[str]:
    """One prompt a line; blank lines and those that start with `#` hold none."""
    name = "the standard input" if file == "-" else file
    try:
        content = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise PromptError(f"can't read {name}: {error.strerror}", hint="check the path") from error
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise PromptError(f"{name}, line {line}: not UTF-8", hint="save it as UTF-8") from error
    lines = [line.strip() for line in text.split("\n")]
    prompts = [line for line in lines if line and not line.startswith("#")]
    if not prompts:
        raise PromptError(f"{name} holds no prompt", hint="write one a line")
    return prompts
