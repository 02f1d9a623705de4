"""How long is it from the start of a process to its first grid, and how much memory does that take?

    python benchmarks/startup.py [--model NAME] [--repeats N]

Every run is a fresh `dalle-mini generate`. Cold: nothing is compiled yet. Warm: with what the cold
run before it compiled. Prints one line of JSON; seconds and megabytes are medians.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from dalle_mini.cli.machine import describe_machine

PROMPT = "a red car at the beach"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nano", help="what `dalle-mini generate --model` takes")
    parser.add_argument("--repeats", type=int, default=3, help="pairs of runs (default: 3)")
    options = parser.parse_args()
    # Not measured: Python keeps what it compiles of its packages at their first import.
    subprocess.run([sys.executable, "-c", "import dalle_mini.pipeline"], env=environment(), check=True)
    pairs = [measure_pair(options.model) for _ in range(options.repeats)]
    result = {
        "benchmark": "startup",
        "model": options.model,
        "repeats": options.repeats,
        "cold": medians([cold for cold, _ in pairs]),
        "warm": medians([warm for _, warm in pairs]),
        "machine": describe_machine(),
    }
    print(json.dumps(result))


def measure_pair(model: str) -> tuple[dict[str, float], dict[str, float]]:
    """A cold run, then a warm one."""
    with tempfile.TemporaryDirectory() as folder:
        return measure_run(model, Path(folder)), measure_run(model, Path(folder))


def measure_run(model: str, folder: Path) -> dict[str, float]:
    """One process that draws one grid and keeps what it compiles in `folder`."""
    command = [sys.executable, "-m", "dalle_mini", "generate", PROMPT, "--model", model]
    command += ["--seed", "7", "--quiet", "--out", str(folder / "grid.png")]
    started = time.perf_counter()
    process = subprocess.Popen(command, env=environment() | {"XDG_CACHE_HOME": str(folder)}, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit("the drawing failed")
    kilobytes = used.ru_maxrss / (1000 if sys.platform == "darwin" else 1)
    return {
        "seconds": seconds,
        "cpu_seconds": used.ru_utime + used.ru_stime,
        "peak_megabytes": kilobytes / 1000,
    }


def environment() -> dict[str, str]:
    """The user's, without what would change where and whether compiled things are kept."""
    unwanted = {"JAX_COMPILATION_CACHE_DIR", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in unwanted}


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(run[name] for run in runs), 2) for name in runs[0]}


if __name__ == "__main__":
    main()
