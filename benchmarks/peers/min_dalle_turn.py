"""A drawing by min-dalle, timed, as a line of JSON; benchmarks/compare_min_dalle.py runs it in the peer's environment.

The drawing is the package's own, `generate_raw_image_stream`. Only its weights are not: PyTorch makes them at random,
where the package would download them. Its tokenizer, whose files would be downloaded too, knows one prompt.
"""

import json
import resource
import sys
import time
import warnings
from collections.abc import Callable

warnings.filterwarnings("ignore")

import torch  # noqa: E402
from min_dalle.min_dalle import MinDalle  # noqa: E402


class OnePrompt:
    def tokenize(self, text: str, is_verbose: bool) -> list[int]:
        return [0, *range(10, 20), 2]


class RandomMinDalle(MinDalle):
    def init_tokenizer(self) -> None:
        self.tokenizer = OnePrompt()

    def download_nothing(self) -> None: ...

    download_encoder = download_decoder = download_detokenizer = download_nothing


def main() -> None:
    turn = json.loads(sys.argv[1])
    torch.manual_seed(0)
    # There is no file to read: weights stay as they were made.
    torch.load = lambda path: None
    torch.nn.Module.load_state_dict = lambda self, params, strict=True: None
    model = RandomMinDalle(models_root=turn["folder"], is_mega=turn["size"] == "mega", device="cpu", is_verbose=False)
    tokens = torch.randint(0, 2**14, (9, 256))

    def draw(*, previews: bool) -> None:
        """Up to the first picture that is shown: behind 32 tokens, or the finished one."""
        next(
            model.generate_raw_image_stream(
                "a prompt", seed=1, grid_size=3, progressive_outputs=previews, top_k=turn["top_k"]
            )
        )

    result = {
        "first_picture": clock(lambda: draw(previews=True)),
        "pixels": clock(lambda: model.detokenizer.forward(False, tokens)),
    }
    if turn["whole"]:
        result["grid"] = clock(lambda: draw(previews=False))
    print(json.dumps({**result, "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20}))


def clock(work: Callable[[], object]) -> dict[str, float]:
    started, started_cpu = time.perf_counter(), time.process_time()
    work()
    return {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - started_cpu}


if __name__ == "__main__":
    main()
