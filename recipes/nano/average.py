"""The mean of transformers that were trained on side by side: `python -m recipes.nano.average RUN RUN … --out DIR`.

Runs that go on from the same weights, each with scenes of its own, end in one valley, and the mean of their weights
knows what each of them has seen (Wortsman et al. 2022, arXiv 2203.05482, section 2). So every core has a run of its
own, and two cores see 1.4 times as many scenes as in one run on both.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp

from dalle_mini.checkpoints.store import load_transformer, save_transformer
from dalle_mini.errors import CheckpointError
from recipes import refusal


def average(runs: Sequence[Path], out: Path) -> None:
    """Write the mean of the models that `runs` exported; CheckpointError where they are not of the same sizes."""
    (config, params), *others = [load_transformer(run / "model") for run in runs]
    for run, (other, _) in zip(runs[1:], others, strict=True):
        if other != config:
            raise CheckpointError(f"{run} trained another model than {runs[0]}", hint="start all from the same weights")
    mean = jax.tree.map(lambda *each: jnp.mean(jnp.stack(each), axis=0), params, *(other for _, other in others))
    save_transformer(out, config, mean, companions=[runs[0] / "model"], overwrite=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m recipes.nano.average", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", type=Path, nargs="+", metavar="RUN", help="a run's workdir, finished")
    parser.add_argument("--out", type=Path, required=True, help="the model's folder to write")
    options = parser.parse_args()
    with refusal.told():
        average(options.runs, options.out)


if __name__ == "__main__":
    main()
