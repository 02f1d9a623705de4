"""How much memory does drawing nine pictures take on a device, by the sizes of what takes part?

    python -m benchmarks.memory

Prints one line of JSON, in GiB. Nothing is drawn: weights are counted by their shapes, and `batch` (keys, values,
logits, the VQGAN's workspace) is what `dalle_mini.memory` asks for before a drawing. Embeddings keep the dtype of the
file; here that is the computed one. With int8 only the transformer's kernels are of eight bits.
"""

import argparse
import json
import math
from collections.abc import Iterator
from typing import Any

from benchmarks.random_weights import SIZES, VQGAN
from dalle_mini.checkpoints.layout import Shapes, transformer_shapes, vqgan_shapes
from dalle_mini.config import GenerationConfig
from dalle_mini.drawing import LANES
from dalle_mini.memory import estimate

DTYPES = {"float32": (4, 4), "bfloat16": (2, 2), "int8": (1, 4)}
"""Bytes of a weight in a transformer's kernel, and of any other number."""


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    print(json.dumps({"benchmark": "memory", "rows": list(count())}))


def count() -> Iterator[dict[str, Any]]:
    """A row of GiB for every size and dtype."""
    for size, config in SIZES.items():
        for dtype, (kernel, itemsize) in DTYPES.items():
            shapes = transformer_shapes(config)
            kernels = {path: shape for path, shape in shapes.items() if path.endswith("/kernel")}
            sizes = {
                side: itemsize * _count_numbers(shapes, side) - (itemsize - kernel) * _count_numbers(kernels, side)
                for side in ("encoder", "decoder")
            }
            parts = {
                **sizes,
                "vqgan": itemsize * _count_numbers(vqgan_shapes(VQGAN)),
                "batch": estimate(config, VQGAN, GenerationConfig(), lanes=LANES, itemsize=itemsize).batch,
            }
            parts["total"] = sum(parts.values())
            yield {"size": size, "dtype": dtype, **{name: round(size / 2**30, 2) for name, size in parts.items()}}


def _count_numbers(shapes: Shapes, below: str = "") -> int:
    return sum(math.prod(shape) for path, shape in shapes.items() if path.startswith(below))


if __name__ == "__main__":
    main()
