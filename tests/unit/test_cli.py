"""The command line as a whole: help, mistyped words, signals, and errors that become words."""

import logging
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dalle_mini.cli import main
from dalle_mini.cli.commands import build_parser
from dalle_mini.cli.reference import write_reference
from dalle_mini.cli.reporting import log_to_stderr, report
from dalle_mini.errors import ConfigError

ROOT = Path(__file__).parents[2]
DALLE_MINI = [sys.executable, "-m", "dalle_mini"]


def test_the_reference_is_up_to_date() -> None:
    assert (ROOT / "docs" / "cli.md").read_text() == write_reference()


@pytest.mark.parametrize("arguments", [[], ["--help"], ["train"], ["checkpoint", "convert", "-h"]])
def test_help_goes_to_the_standard_output(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith("usage: dalle-mini") and not shown.err


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == "dalle-mini 0.1.0\n"


def test_help_is_quick_and_loads_only_the_standard_library() -> None:
    program = (
        "import sys; before = set(sys.modules)\n"
        "from dalle_mini.cli import main; main(['generate', '--help'])\n"
        "print('LOADED', *set(sys.modules) - before)"
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime - before < 0.5
    loaded = {name.partition(".")[0] for name in run.stdout.rpartition("LOADED")[2].split()}
    assert loaded <= {"dalle_mini", *sys.stdlib_module_names}


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (["genrate"], "unknown command 'genrate'", "did you mean 'generate'?"),
        (["checkpoint", "inpsect", "x"], "unknown checkpoint command 'inpsect'", "did you mean 'inspect'?"),
        (["xyzzy"], "unknown command 'xyzzy'", "known: generate, serve"),
        (["generate", "a cat", "--sead", "7"], "unknown option '--sead'", "did you mean '--seed'?"),
        (["generate", "a cat", "--seed"], "argument --seed: expected one argument", "see dalle-mini generate --help"),
        (["generate", "a cat", "--see", "7"], "unknown option '--see'", "did you mean '--seed'?"),
        (["--quiet", "generate", "a cat"], "unknown option '--quiet'", "put it behind the command"),
        (["doctor", "who"], "unexpected argument 'who'", "see dalle-mini doctor --help"),
        (["checkpoint", "verify"], "the following arguments are required: DIR", "see dalle-mini checkpoint verify"),
        (["serve", "--port", "x"], "argument --port: 'x' is not a whole number", "see dalle-mini serve --help"),
        (["serve", "--port", "70000"], "port=70000 is not a port", "from 1 to 65535"),
    ],
)
def test_mistyped_words_are_answered_with_a_hint(
    arguments: list[str], message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    shown = capsys.readouterr()
    assert not shown.out
    error, _, suggestion = shown.err.rstrip().partition("\n")
    assert error == f"error: {message}"
    assert suggestion.startswith("hint: ") and hint in suggestion


def test_every_option_and_command_is_explained() -> None:
    def walk(parser):
        for action in parser._actions:
            yield parser.prog, action
            if isinstance(action.choices, dict):
                for command in action.choices.values():
                    yield from walk(command)

    unexplained = [(prog, action.dest) for prog, action in walk(build_parser()) if not action.help]
    assert all(dest.endswith("command") for _, dest in unexplained)


def test_a_line_of_the_log_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    """Although a library has given the root logger a handler, as some do when they first log."""
    others = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(others)
    try:
        with log_to_stderr(logging.INFO, verbose=False):
            logging.getLogger("dalle_mini.training.loop").info("continuing at step 7")
    finally:
        logging.getLogger().removeHandler(others)
    assert capsys.readouterr().err.count("continuing at step 7") == 1


@pytest.mark.parametrize("verbose", [False, True])
def test_a_mistake_of_ours_asks_for_a_report(verbose: bool, capsys: pytest.CaptureFixture[str]) -> None:
    try:
        raise ZeroDivisionError("by nothing")
    except ZeroDivisionError as error:
        assert report(error, command="dalle-mini", verbose=verbose) == 1
    shown = capsys.readouterr().err
    assert "error: unexpected ZeroDivisionError: by nothing\nhint: run it again with -v" in shown
    assert ("Traceback" in shown) == verbose


def test_an_error_without_a_hint_points_to_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(ConfigError("no"), command="dalle-mini train vqgan", verbose=False) == 2
    assert capsys.readouterr().err == "error: no\nhint: see dalle-mini train vqgan --help\n"


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signals_end_it_quietly(number: int, status: int, tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    os.mkfifo(prompts)
    # Whoever runs the tests in the background makes their processes deaf to Ctrl-C.
    program = (
        "import runpy, signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "runpy.run_module('dalle_mini', run_name='__main__', alter_sys=True)"
    )
    command = [sys.executable, "-c", program, "generate", "--prompts", str(prompts)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT)
    # Opening waits until the command has opened the other end: then it is in the middle of its work.
    with prompts.open("wb"):
        process.send_signal(number)
        assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == status


def test_a_reader_that_left_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    run = subprocess.run([*DALLE_MINI, "--help"], stdout=write_end, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(write_end)
    assert (run.returncode, run.stderr) == (141, b"")


def test_output_that_finds_no_room_is_told() -> None:
    with open("/dev/full", "wb") as full:
        run = subprocess.run([*DALLE_MINI, "--help"], stdout=full, stderr=subprocess.PIPE, cwd=ROOT)
    assert run.returncode == 2
    assert run.stderr.startswith(b"error: can't write to the standard output: No space left on device\nhint: ")
