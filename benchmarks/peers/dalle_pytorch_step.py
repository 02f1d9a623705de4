"""Training steps of dalle-pytorch as one line of JSON; benchmarks/train_step.py runs it in the peer's environment."""

import json
import resource
import sys
import time
import warnings

warnings.filterwarnings("ignore")

import torch  # noqa: E402
from dalle_pytorch import DALLE, DiscreteVAE  # noqa: E402


def main() -> None:
    sizes = json.loads(sys.argv[1])
    torch.manual_seed(0)
    levels = (sizes["picture"] // sizes["side"]).bit_length() - 1
    vae = DiscreteVAE(
        image_size=sizes["picture"],
        num_layers=levels,
        num_tokens=sizes["codebook"],
        codebook_dim=32,
        hidden_dim=16,
    )
    model = DALLE(
        dim=sizes["width"],
        vae=vae,
        num_text_tokens=sizes["vocabulary"],
        text_seq_len=sizes["text"],
        depth=sizes["layers"],
        heads=sizes["heads"],
        dim_head=sizes["width"] // sizes["heads"],
    )
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=1e-3)
    text = torch.randint(1, sizes["vocabulary"], (sizes["batch"], sizes["text"]))
    image = torch.randint(0, sizes["codebook"], (sizes["batch"], sizes["side"] ** 2))

    def step() -> float:
        loss = model(text, image, return_loss=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        return loss.item()

    for _ in range(sizes["warm_up"]):
        step()
    began, began_cpu = time.perf_counter(), time.process_time()
    for _ in range(sizes["steps"]):
        step()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - began_cpu
    print(
        json.dumps(
            {
                "samples_per_second": sizes["batch"] * sizes["steps"] / seconds,
                "cpu_seconds_per_step": cpu_seconds / sizes["steps"],
                "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "parameters": sum(weight.numel() for weight in model.transformer.parameters()),
            }
        )
    )


if __name__ == "__main__":
    main()
