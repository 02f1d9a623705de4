"""How fast does the transformer train, beside dalle-pytorch at equal layers, width, sequence and batch?

    python benchmarks/train_step.py [--peer out/peer/bin/python] [--rounds N] [--steps N] [--batch N]

Prints one line of JSON. `--peer` is the Python of an environment with dalle-pytorch 1.6.6
(benchmarks/peers/dalle-pytorch.txt tells how to make one); without it only ours is measured. The two
take turns, each round in a process of its own, and the figures are medians over the rounds. Both run a
whole step: forward, backward, clipping, AdamW; ours also keeps the moving average. The sizes are nano's:
one encoder and three decoder layers here, four layers over text and image there.

`utilization` is the share of what this machine's float32 matrix products reach (of 1024 × 1024, measured
in the same process) that the products of the model, forward and backward, make use of. `loading` is how
many times faster the loader delivers batches of tokens than the steps use them up.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WARM_UP = 3
ROWS = 20_000
PEER = Path(__file__).parent / "peers" / "dalle_pytorch_step.py"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--peer", help="the Python of an environment with dalle-pytorch")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each (default: 5)")
    parser.add_argument("--steps", type=int, default=30, help="steps of a turn (default: 30)")
    parser.add_argument("--batch", type=int, default=32, help="samples of a step (default: 32)")
    parser.add_argument("--turn", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.turn:
        print(json.dumps(take_turn(json.loads(options.turn))))
        return
    sizes = {
        "picture": 64,
        "side": 8,
        "codebook": 2048,
        "vocabulary": 2048,
        "text": 32,
        "width": 128,
        "layers": 4,
        "heads": 4,
        "batch": options.batch,
        "warm_up": WARM_UP,
        "steps": options.steps,
    }
    ours = [sys.executable, __file__, "--turn", json.dumps(sizes)]
    peer = [options.peer, str(PEER), json.dumps(sizes)]
    turns: dict[str, list[dict[str, float]]] = {"ours": [], "dalle_pytorch": []}
    for _ in range(options.rounds):
        turns["ours"].append(read_turn(ours))
        if options.peer:
            turns["dalle_pytorch"].append(read_turn(peer))
    print(json.dumps(summarize(turns, sizes)))


def read_turn(command: list[str]) -> dict[str, float]:
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout.splitlines()[-1])


def summarize(turns: dict[str, list[dict[str, float]]], sizes: dict[str, int]) -> dict[str, object]:
    from dalle_mini.cli.machine import describe_machine

    medians = {
        name: {figure: round(statistics.median(turn[figure] for turn in rounds), 3) for figure in rounds[0]}
        for name, rounds in turns.items()
        if rounds
    }
    result: dict[str, object] = {"benchmark": "train_step", "batch": sizes["batch"], **medians}
    if peer := medians.get("dalle_pytorch"):
        ours = medians["ours"]
        result |= {
            "samples_ratio": round(ours["samples_per_second"] / peer["samples_per_second"], 2),
            "cpu_ratio": round(peer["cpu_seconds_per_step"] / ours["cpu_seconds_per_step"], 2),
            "memory_ratio": round(ours["peak_mib"] / peer["peak_mib"], 2),
        }
    return result | {"machine": describe_machine()}


def take_turn(sizes: dict[str, int]) -> dict[str, float]:
    """Our steps, on a token set of random rows that is read as in any run."""
    import jax

    from dalle_mini.data.loader import Loader
    from dalle_mini.data.shards import RecordSet

    with tempfile.TemporaryDirectory() as folder:
        write_random_rows(Path(folder), sizes)
        loader = Loader(RecordSet.open(folder, "tokens"), batch_size=sizes["batch"], seed=0)
        state, step = build_step(sizes)
        batches = loader.iterate()
        for _ in range(sizes["warm_up"]):
            state, metrics = step(state, with_mask(next(batches).arrays))
        jax.block_until_ready(metrics)
        began, began_cpu = time.perf_counter(), time.process_time()
        for _ in range(sizes["steps"]):
            state, metrics = step(state, with_mask(next(batches).arrays))
        jax.block_until_ready(metrics)
        seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        samples = sizes["batch"] * sizes["steps"] / seconds
        return {
            "samples_per_second": samples,
            "cpu_seconds_per_step": cpu_seconds / sizes["steps"],
            "peak_mib": peak,
            "parameters": sum(leaf.size for leaf in jax.tree.leaves(state.params)),
            "utilization": samples * model_flops(sizes) / product_rate(),
            "loading": loading_rate(loader, sizes["batch"]) / samples,
        }


def with_mask(arrays):
    return arrays | {"mask": arrays["text"] != 1}


def write_random_rows(folder: Path, sizes: dict[str, int]) -> None:
    import numpy as np

    from dalle_mini.data.manifest import Manifest
    from dalle_mini.data.records import pack_tokens
    from dalle_mini.data.shards import RecordWriter

    random, length = np.random.default_rng(0), sizes["side"] ** 2
    plan = Manifest("tokens", text_length=sizes["text"], image_length=length, codebook_size=sizes["codebook"])
    rows = (
        pack_tokens(
            id=str(index),
            caption="a row",
            text=random.integers(5, sizes["vocabulary"], sizes["text"]),
            image=random.integers(0, sizes["codebook"], length),
        )
        for index in range(ROWS)
    )
    writer = RecordWriter(folder, plan)
    writer.begin()
    shard = writer.write(0, rows)
    assert shard
    writer.finish([shard])


def build_step(sizes: dict[str, int]):
    """A fresh state and the compiled step of nano's shape."""
    import functools

    import jax

    from dalle_mini.training.transformer import init_state, read_sections, train_step

    sections = read_sections(
        {
            "data": {"tokens": "", "tokenizer": "", "vqgan": ""},
            "model": {
                "encoder_vocab_size": sizes["vocabulary"],
                "image_vocab_size": sizes["codebook"],
                "max_text_length": sizes["text"],
                "image_length": sizes["side"] ** 2,
                "d_model": sizes["width"],
                "encoder_layers": 1,
                "decoder_layers": sizes["layers"] - 1,
                "encoder_attention_heads": sizes["heads"],
                "decoder_attention_heads": sizes["heads"],
                "encoder_ffn_dim": 2 * sizes["width"],
                "decoder_ffn_dim": 2 * sizes["width"],
            },
            "learning": {"scan_layers": False, "remat": False},
            "optimizer": {"steps": 10_000, "batch_size": sizes["batch"], "learning_rate": 1e-3},
        }
    )
    step = functools.partial(train_step, sections=sections)
    return init_state(sections), jax.jit(step, donate_argnums=0)


def model_flops(sizes: dict[str, int]) -> float:
    """Of one sample, forward and backward (three times forward): the products with kernels, and attention."""
    width, text, image = sizes["width"], sizes["text"], sizes["side"] ** 2
    feed_forward = 3 * width * 2 * width
    encoder = text * (4 * width**2 + feed_forward + 2 * text * width)
    decoder = image * (6 * width**2 + feed_forward + 2 * (image + text) * width) + 2 * text * width**2
    logits = image * width * sizes["codebook"]
    return 3 * 2 * (encoder + (sizes["layers"] - 1) * decoder + logits)


def product_rate() -> float:
    """Floating-point operations a second of this machine's float32 matrix product."""
    import jax
    import jax.numpy as jnp

    side, repeats = 1024, 10
    matrix = jnp.ones((side, side), jnp.float32)
    product = jax.jit(jnp.matmul)
    product(matrix, matrix).block_until_ready()
    began = time.perf_counter()
    for _ in range(repeats):
        product(matrix, matrix).block_until_ready()
    return repeats * 2 * side**3 / (time.perf_counter() - began)


def loading_rate(loader, batch: int) -> float:
    """Rows a second that the loader alone delivers."""
    batches, repeats = loader.iterate(), 200
    next(batches)
    began = time.perf_counter()
    for _ in range(repeats):
        next(batches)
    return repeats * batch / (time.perf_counter() - began)


if __name__ == "__main__":
    main()
