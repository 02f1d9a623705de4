"""How much memory does loading a model take, beside its weights?

    python -m benchmarks.loading [--size mini|mega] [--dtype float32|bfloat16]

Prints one line of JSON. A checkpoint of random weights is written to a temporary folder, in float32 as the published
ones are, and loaded by a process of its own. `copies` is the most memory that loading took, over the bytes of the
loaded weights: 1 is the weights alone. `file_copies` counts the pages of the file that were in memory at once, too: the
system takes them back when it needs them, but they count as the process's. Linux only.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from dalle_mini.config.transformer import PRESETS

INTERVAL = 0.005


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=PRESETS, default="mini", help="default: mini")
    parser.add_argument("--dtype", choices=("float32", "bfloat16"), default="float32", help="default: float32")
    parser.add_argument("--load", metavar="DIR", help=argparse.SUPPRESS)
    parser.add_argument("--write", metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        write(Path(options.write), options.size)
        return
    if options.load:
        print(json.dumps(measure(Path(options.load), options.dtype)))
        return
    own = [sys.executable, "-m", "benchmarks.loading", "--size", options.size, "--dtype", options.dtype]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*own, "--write", folder], check=True)
        run = subprocess.run([*own, "--load", folder], stdout=subprocess.PIPE, text=True, check=True)
    print(json.dumps({"benchmark": "loading", "size": options.size, "dtype": options.dtype, **json.loads(run.stdout)}))


def write(folder: Path, size: str) -> None:
    from benchmarks.random_weights import make_transformer
    from dalle_mini.checkpoints.store import save_transformer

    save_transformer(folder, PRESETS[size], make_transformer(PRESETS[size]))


def measure(folder: Path, dtype: str) -> dict[str, Any]:
    """Load what lies in `folder`, and watch the memory of this process meanwhile."""
    import jax

    from dalle_mini.checkpoints.store import load_transformer

    jax.block_until_ready(jax.numpy.zeros(1))
    before = read_memory()
    most = dict(before)
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for name, count in read_memory().items():
                most[name] = max(most[name], count)
            time.sleep(INTERVAL)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    _, params = load_transformer(folder, dtype=dtype)
    jax.block_until_ready(params)
    seconds = time.perf_counter() - began
    stop.set()
    watcher.join()
    weights = sum(leaf.nbytes for leaf in jax.tree.leaves(params))
    taken = {name: (most[name] - before[name]) / weights for name in before}
    return {
        "weights_gib": round(weights / 2**30, 2),
        "copies": round(taken["RssAnon"], 2),
        "file_copies": round(taken["VmRSS"], 2),
        "seconds": round(seconds, 1),
    }


def read_memory() -> dict[str, int]:
    """Bytes of this process that are its own, those that are pages of files, and all."""
    lines = (line.split() for line in Path("/proc/self/status").read_text().splitlines())
    names = ("RssAnon:", "RssFile:", "VmRSS:")
    return {name.rstrip(":"): int(rest[0]) * 1024 for name, *rest in lines if name in names}


if __name__ == "__main__":
    main()
